import { follow } from '../support/streams.ts';
import { startWorld } from '../support/world.ts';

const versions = (said: string) => said.split('event: version').length - 1;

test('a page is told when what it shows has changed, and only then; the stream ends with the token', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = await world.install();
  const other = await world.install();
  const token = await world.tokenOf({ companyId: location.companyId, activeLocation: location.id });
  const [stream, second] = [await follow(world, token), await follow(world, token)];
  await world.soon(() => versions(stream.said) === 1 && versions(second.said) === 1);

  await world.connect(other.id);
  await world.pass(20_000);
  expect(versions(stream.said)).toBe(1);
  expect(stream.said).toContain(': keep-alive');

  await world.connect(location.id);
  await world.pass(2_000);
  await world.soon(() => versions(stream.said) === 2 && versions(second.said) === 2);
  second.stop();
  await world.pass(16 * 60_000, 60_000);
  await world.soon(() => stream.isOver);
  expect((await follow(world, token)).status).toBe(401);
});

test('a token has so many streams and no more, and stopping ends them all', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = await world.install();
  const token = await world.tokenOf({ companyId: location.companyId, activeLocation: location.id });
  const streams = await Promise.all(Array.from({ length: 8 }, () => follow(world, token)));
  expect(streams.map(({ status }) => status)).toEqual(Array(8).fill(200));
  expect((await follow(world, token)).status).toBe(429);
  streams[0]?.stop();
  await world.soon(async () => {
    const again = await follow(world, token);
    return again.status === 200;
  });
  world.services.live.close();
  await world.soon(() => streams.every(({ isOver }) => isOver));
  expect((await follow(world, token)).status).toBe(429);
});
