import { openStream } from '../support/streams.ts';
import { startWorld } from '../support/world.ts';

const countVersions = (text: string) => text.split('event: version').length - 1;

test('a page is notified when its content has changed, and only then; the stream ends with the token', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = await world.install();
  const other = await world.install();
  const token = await world.createUserToken({ companyId: location.companyId, activeLocation: location.id });
  const [stream, second] = [await openStream(world, token), await openStream(world, token)];
  await world.waitFor(() => countVersions(stream.received) === 1 && countVersions(second.received) === 1);

  await world.connect(other.id);
  await world.advance(20_000);
  expect(countVersions(stream.received)).toBe(1);
  expect(stream.received).toContain(': keep-alive');

  await world.connect(location.id);
  await world.advance(2_000);
  await world.waitFor(() => countVersions(stream.received) === 2 && countVersions(second.received) === 2);
  second.stop();
  await world.advance(16 * 60_000, 60_000);
  await world.waitFor(() => stream.hasEnded);
  expect((await openStream(world, token)).status).toBe(401);
});

test('the streams of a token are limited, and stopping the app ends them all', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = await world.install();
  const token = await world.createUserToken({ companyId: location.companyId, activeLocation: location.id });
  const streams = await Promise.all(Array.from({ length: 8 }, () => openStream(world, token)));
  expect(streams.map(({ status }) => status)).toEqual(Array(8).fill(200));
  expect((await openStream(world, token)).status).toBe(429);
  streams[0]?.stop();
  await world.waitFor(async () => {
    const again = await openStream(world, token);
    return again.status === 200;
  });
  world.services.live.close();
  await world.waitFor(() => streams.every(({ hasEnded }) => hasEnded));
  expect((await openStream(world, token)).status).toBe(429);
});
