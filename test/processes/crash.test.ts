import { startProduction } from '../support/production.ts';
import { pollUntil } from '../support/program.ts';

test.concurrent('kill -9 between acknowledgement and send loses no message, and an idempotent vendor receives none twice', async () => {
  await using world = await startProduction();
  const acknowledged: string[] = [];
  {
    await using program = await world.start();
    await world.setUpLocation(program);
    // The vendor withholds its response, so that some sends are cut in the middle and others never start.
    world.vendor.respondWith('hang');
    // A contact's messages come one after the other, contacts side by side.
    for (let round = 0; round < 4; round++) {
      const sent = await Promise.all(world.contacts.map((_, index) => world.sendMessage(5 * round + index)));
      acknowledged.push(...sent.filter(({ httpStatus }) => httpStatus === 202).map(({ messageId }) => messageId));
    }
    expect(acknowledged).toHaveLength(20);
    await pollUntil(() => world.vendor.requests.length > 0, 'a send is under way');
    await program.end('SIGKILL');
  }
  world.vendor.respondWith({ body: { status: 'delivered' } });
  await using again = await world.start();
  const isReported = (id: string) => world.highlevel.listStatuses(id).includes('delivered');
  await pollUntil(() => acknowledged.every(isReported), 'every acknowledged message is reported');

  expect(world.vendor.listReceived()).toHaveLength(20);
  for (const contact of world.contacts) {
    expect(world.listReceivedNumbers(contact)).toEqual(world.listReceivedNumbers(contact).toSorted((a, b) => a - b));
  }
  expect(await again.end('SIGTERM')).toBe(0);
});

test.concurrent('SIGTERM finishes running jobs within ten seconds, and the next start runs the remaining ones', async () => {
  await using world = await startProduction();
  let release = () => {};
  await using program = await world.start();
  await world.setUpLocation(program);
  world.vendor.respondWith(async () => {
    await new Promise<void>((done) => {
      release = done;
    });
    return { body: { status: 'delivered' } };
  });
  const first = await world.sendMessage(0);
  await pollUntil(() => world.vendor.requests.length === 1, 'the send is under way');
  const startedAt = performance.now();
  const ended = program.end('SIGTERM');
  await pollUntil(() => program.output().includes('"msg":"stopping"'), 'it is stopping');
  release();
  expect(await ended).toBe(0);
  expect(performance.now() - startedAt).toBeLessThan(10_000);
  expect(world.vendor.requests).toHaveLength(1);

  await using again = await world.start();
  await pollUntil(() => world.highlevel.listStatuses(first.messageId).length > 0, 'it is reported');
  expect(world.highlevel.listStatuses(first.messageId)).toEqual(['delivered']);
  expect(world.vendor.requests).toHaveLength(1);
  expect(again.child.exitCode).toBeNull();
});
