import { AppError } from '../src/core/errors.ts';
import { png } from './support/files.ts';
import { answer, pathOf, posted, posts, untilPosted } from './support/media.ts';
import { startWorld } from './support/world.ts';

test('a stop of the program says nothing of a file, not even at the last try', async () => {
  await using world = await startWorld();
  const { connectionId } = await world.ready();
  let tries = 0;
  const slow = world.farSide.offers('slow', (_request, response) => {
    tries += 1;
    if (tries < 5) response.status(503).end();
  });
  await answer(world, connectionId, [slow]);
  const row = () => world.db.message.findFirstOrThrow();
  await world.until(async () => (await row()).retryCount === 4, 'the last try is next', 20_000);
  world.clock.jump(((await row()).nextAttemptAt?.getTime() ?? 0) - world.clock.now());
  await world.clock.tick(1_000);
  await world.soon(() => tries === 5);
  const stopped = world.services.stopWorking(100);
  await world.clock.tick(200);
  await stopped;
  expect(await row()).toMatchObject({ state: 'pending', retryCount: 4 });
  expect(await world.db.job.findFirst()).toMatchObject({ workerId: null, dueAt: expect.any(Date) });
});

test('a file that HighLevel refuses is left out; a contact that it refuses is not taken for the file’s fault', async () => {
  await using world = await startWorld({ media: { delivery: 'upload' } });
  const { connectionId } = await world.ready();
  const refuse = (message: string) =>
    world.highlevel.faults.add({ operation: 'uploadFile', times: 1, does: { answer: 400, body: { message } } });
  refuse('File could not be read');
  await answer(world, connectionId, [world.farSide.offers('a.png', png)]);
  await untilPosted(world);
  expect(posted(world).message).toBe('look\n[An attachment was left out: it was not taken by the CRM.]');
  refuse('Contact not found');
  await answer(world, connectionId, [world.farSide.offers('b.png', png)], { externalId: 'm-2' });
  await world.until(() => posts(world).length === 2);
  expect(posted(world).attachments).toHaveLength(1);
});

test('an error of the store is not taken for the file', async () => {
  await using world = await startWorld();
  const { connectionId } = await world.ready();
  await answer(world, connectionId, [world.farSide.offers('a.png', png)]);
  await untilPosted(world);
  const path = pathOf(world, posted(world).attachments?.[0]);
  Object.assign(world.services.mediaStore, {
    read: () => Promise.reject(new AppError('media_store_unavailable', 'The bucket does not answer.')),
  });
  const { headers } = await world.client.get(path).set('accept', 'application/json').set('range', 'bytes=1-3').expect(503);
  expect(headers['content-type']).toContain('json');
  expect(headers['cache-control'] ?? '').not.toContain('max-age=3600');
  expect(headers['content-range']).toBeUndefined();
});
