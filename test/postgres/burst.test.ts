import { startProduction } from '../support/production.ts';
import { pollUntil } from '../support/program.ts';

test('in production, 300 messages of one location are all delivered and reported, and no call is refused for shape, rate or version', async () => {
  await using world = await startProduction({ statusDelayMs: 5_000 });
  await using program = await world.start();
  await world.setUpLocation(program);
  world.vendor.respondWith(({ body }) => ({ body: { externalId: `ext-${body.id}`, status: 'delivered' } }));

  const sent: string[] = [];
  for (let round = 0; round < 60; round++) {
    const responses = await Promise.all(world.contacts.map((_, index) => world.sendMessage(5 * round + index)));
    expect(responses.every(({ httpStatus }) => httpStatus === 202)).toBe(true);
    sent.push(...responses.map(({ messageId }) => messageId));
  }
  await pollUntil(() => sent.every((id) => world.highlevel.listStatuses(id).length > 0), 'all are reported', 100_000);

  expect(sent.every((id) => world.highlevel.listStatuses(id).join() === 'delivered')).toBe(true);
  expect(world.vendor.listReceived()).toHaveLength(300);
  expect(world.highlevel.calls.listViolations()).toEqual([]);
  for (const contact of world.contacts) {
    expect(world.listReceivedNumbers(contact)).toEqual(world.listReceivedNumbers(contact).toSorted((a, b) => a - b));
  }
  const calls = world.highlevel.calls.listByOperation('updateMessageStatus');
  const lastedMs = (calls.at(-1)?.at ?? 0) - (calls[0]?.at ?? 0);
  // Reports that came too early use up the location's rate limit; most must not.
  expect(calls.length).toBeLessThan(400);
  console.log(`300 messages: ${calls.length} status calls in ${Math.round(lastedMs / 1000)} s`);
});
