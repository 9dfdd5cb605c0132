import { AppError } from '../../src/core/errors.ts';
import { advanceUntilPosted, getLastPost, listPosts, sendReply, toPath } from '../support/attachments.ts';
import { png } from '../support/sample-files.ts';
import { startWorld } from '../support/world.ts';

test('a stop of the program is no failure of a file, not even at the last try', async () => {
  await using world = await startWorld();
  const { connectionId } = await world.setUpLocation();
  let tries = 0;
  const slow = world.vendor.serveFile('slow', (_request, response) => {
    tries += 1;
    if (tries < 6) response.status(503).end();
  });
  await sendReply(world, connectionId, [slow]);
  const row = () => world.db.message.findFirstOrThrow();
  await world.advanceUntil(async () => (await row()).retryCount === 5, 'the last try is next', 20_000);
  world.clock.jump(((await row()).nextAttemptAt?.getTime() ?? 0) - world.clock.now());
  await world.clock.tick(1_000);
  await world.waitFor(() => tries === 6);
  const stopped = world.services.stopWorking(100);
  await world.clock.tick(200);
  await stopped;
  expect(await row()).toMatchObject({ state: 'pending', retryCount: 5 });
  expect(await world.db.job.findFirst()).toMatchObject({ workerId: null, dueAt: expect.any(Date) });
});

test('a file that HighLevel refuses is skipped; a contact that it refuses is not taken for the file’s fault', async () => {
  await using world = await startWorld({ attachments: { delivery: 'upload' } });
  const { connectionId } = await world.setUpLocation();
  const refuse = (message: string) =>
    world.highlevel.faults.add({ operation: 'uploadFile', times: 1, effect: { status: 400, body: { message } } });
  refuse('File could not be read');
  await sendReply(world, connectionId, [world.vendor.serveFile('a.png', png)]);
  await advanceUntilPosted(world);
  expect(getLastPost(world).message).toBe('look\n[An attachment was left out: it was not taken by the CRM.]');
  refuse('Contact not found');
  await sendReply(world, connectionId, [world.vendor.serveFile('b.png', png)], { externalId: 'm-2' });
  await world.advanceUntil(() => listPosts(world).length === 2);
  expect(getLastPost(world).attachments).toHaveLength(1);
});

test('an error of the store is not taken for the file', async () => {
  await using world = await startWorld();
  const { connectionId } = await world.setUpLocation();
  await sendReply(world, connectionId, [world.vendor.serveFile('a.png', png)]);
  await advanceUntilPosted(world);
  const path = toPath(world, getLastPost(world).attachments?.[0]);
  Object.assign(world.services.attachmentStore, {
    read: () => Promise.reject(new AppError('attachment_store_unavailable', 'The bucket does not respond.')),
  });
  const { headers } = await world.client.get(path).set('accept', 'application/json').set('range', 'bytes=1-3').expect(503);
  expect(headers['content-type']).toContain('json');
  expect(headers['cache-control'] ?? '').not.toContain('max-age=3600');
  expect(headers['content-range']).toBeUndefined();
});

test('a file that is missing for a moment is waited for; one that is missing for a minute is skipped', async () => {
  await using world = await startWorld();
  const { connectionId } = await world.setUpLocation();
  let asked = 0;
  const late = world.vendor.serveFile('late.png', (_request, response) => {
    asked += 1;
    if (asked < 3) response.status(404).end();
    else response.type('image/png').end(png);
  });
  await sendReply(world, connectionId, [late]);
  await advanceUntilPosted(world);
  expect(getLastPost(world)).toMatchObject({ message: 'look', attachments: [expect.stringMatching(/\.png$/)] });

  const gone = world.vendor.serveFile('gone.png', (_request, response) => void response.status(404).end());
  await sendReply(world, connectionId, [gone], { externalId: 'm-2' });
  const startedAt = world.clock.now();
  await world.advanceUntil(() => listPosts(world).length === 2);
  expect(getLastPost(world).message).toBe('look\n[An attachment was left out: it could not be fetched (404).]');
  expect(world.clock.now() - startedAt).toBeGreaterThanOrEqual(60_000);
});

test('files of a location beyond its quota are skipped and the text is sent; another location has its own quota', async () => {
  await using world = await startWorld({ attachments: { maxBytesPerLocation: png.length + 10 } });
  const [one, two] = [await world.setUpLocation(), await world.setUpLocation()];
  const picture = world.vendor.serveFile('a.png', png);
  await sendReply(world, one.connectionId, [picture, picture]);
  await advanceUntilPosted(world);
  expect(getLastPost(world).attachments).toHaveLength(1);
  expect(getLastPost(world).message).toContain('does not fit into the location’s storage');
  const hits = world.vendor.countHits('a.png');
  await sendReply(world, one.connectionId, [picture], { externalId: 'm-2' });
  await world.advanceUntil(() => listPosts(world).length === 2);
  expect(world.vendor.countHits('a.png')).toBeLessThanOrEqual(hits + 1);
  await sendReply(world, two.connectionId, [picture], { externalId: 'm-3' });
  await world.advanceUntil(() => listPosts(world).length === 3);
  expect(getLastPost(world)).toMatchObject({ message: 'look', attachments: [expect.any(String)] });
});

test('while the disk is nearly full a message with files waits, and one without is sent', async () => {
  await using world = await startWorld({ attachments: { minFreeBytes: Number.MAX_SAFE_INTEGER } });
  const { connectionId } = await world.setUpLocation();
  await sendReply(world, connectionId, [world.vendor.serveFile('a.png', png)]);
  const other = { externalId: 'm-2', from: '+12025550144', text: 'no files' };
  await world.postChannelWebhook(connectionId, 'inbound', other).expect(202);
  await world.advanceUntil(() => listPosts(world).length === 1);
  expect(getLastPost(world).message).toBe('no files');
  const waiting = await world.db.message.findFirstOrThrow({ where: { externalId: 'm-1' } });
  expect(waiting).toMatchObject({ state: 'pending', reasonCode: 'attachment_store_unavailable' });
});
