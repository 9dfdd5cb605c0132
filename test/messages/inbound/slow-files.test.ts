import { listPosts, sendReply } from '../../support/attachments.ts';
import { png } from '../../support/sample-files.ts';
import { startWorld, type World } from '../../support/world.ts';

/** A file of the vendor of which only the beginning arrives until the test releases the remainder. */
function heldFile({ vendor }: World, name: string) {
  const { promise: isFinished, resolve: finish } = Promise.withResolvers<void>();
  const url = vendor.serveFile(name, async (_request, response) => {
    response.type('image/png').write(png.subarray(0, 8));
    await isFinished;
    response.end(png.subarray(8));
  });
  return { url, finish, [Symbol.dispose]: finish };
}

test('while the files of five locations arrive drop by drop, their reports and those of others are sent at once', async () => {
  await using world = await startWorld();
  const { highlevel, vendor, clock } = world;
  using file = heldFile(world, 'drips');
  const dripping = [];
  for (let count = 0; count < 5; count++) dripping.push(await world.setUpLocation());
  const other = await world.setUpLocation();
  const each = 45;
  for (const { connectionId } of dripping) {
    await Promise.all(
      Array.from({ length: each }, (_, index) =>
        sendReply(world, connectionId, [file.url], { externalId: `m-${index}`, from: `+1202555${1000 + index}` }),
      ),
    );
  }
  const startedMs = clock.now();
  await world.advanceUntil(() => clock.now() - startedMs > 8_000, 'what drips has all the slots that it gets', 200);
  expect(vendor.countHits('drips')).toBeGreaterThan(20);
  expect(listPosts(world)).toHaveLength(0);

  for (const location of [other, dripping[0] as typeof other]) {
    const sentMs = clock.now();
    const { messageId } = await highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hello' });
    await world.advanceUntil(() => highlevel.listStatuses(messageId).length > 0, 'it is reported', 200);
    // A report waits until HighLevel has its message.
    expect(clock.now() - sentMs).toBeLessThan(4_000);
  }
  file.finish();
  await world.advanceUntil(() => listPosts(world).length === 5 * each, 'every reply is posted');
});

test('a reply without a file waits for the one with a file before it, and is posted after it', async () => {
  await using world = await startWorld();
  const { connectionId } = await world.setUpLocation();
  using file = heldFile(world, 'late');
  await sendReply(world, connectionId, [file.url], { externalId: 'first', text: 'with a file' });
  await sendReply(world, connectionId, [], { externalId: 'second', text: 'without' });
  await world.advance(3_000);
  expect(listPosts(world)).toHaveLength(0);
  file.finish();
  await world.advanceUntil(() => listPosts(world).length === 2, 'both are posted');
  expect(listPosts(world).map(({ body }) => (body as { message: string }).message)).toEqual(['with a file', 'without']);
});

test('the files of several replies of one sender are fetched at once, and the replies are posted in order', async () => {
  await using world = await startWorld();
  const { connectionId } = await world.setUpLocation();
  using file = heldFile(world, 'late');
  const texts = ['one', 'two', 'three'];
  for (const text of texts) await sendReply(world, connectionId, [file.url], { externalId: text, text });
  await world.advanceUntil(() => world.vendor.countHits('late') === 3, 'all are asked for', 100);
  file.finish();
  await world.advanceUntil(() => listPosts(world).length === 3, 'all are posted');
  expect(listPosts(world).map(({ body }) => (body as { message: string }).message)).toEqual(texts);
});

test('a reply whose file can’t be fetched for minutes holds up no later reply of its sender, and is posted in the end', async () => {
  await using world = await startWorld();
  const { connectionId } = await world.setUpLocation();
  const file = world.vendor.serveFile('busy', (_request, response) => void response.status(503).end());
  await sendReply(world, connectionId, [file], { externalId: 'first', text: 'with a file' });
  await sendReply(world, connectionId, [], { externalId: 'second', text: 'without' });
  const texts = () => listPosts(world).map(({ body }) => (body as { message: string }).message.split('\n')[0]);
  const startedMs = world.clock.now();
  await world.advanceUntil(() => texts().includes('without'), 'the later one is posted', 5_000);
  expect(world.clock.now() - startedMs).toBeLessThan(5 * 60_000);
  expect(texts()).toEqual(['without']);
  await world.advanceUntil(() => texts().length === 2, 'the first is posted, too', 10_000);
  expect(await world.db.job.count()).toBe(0);
});
