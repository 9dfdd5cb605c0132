import { createAdministeredDatabase } from '../support/database-admin.ts';
import { startWorld } from '../support/world.ts';

test('a database that is read-only for a minute: not ready, webhooks get a 503 and are repeated, and a delivered message is not sent again', async () => {
  await using admin = await createAdministeredDatabase();
  await using world = await startWorld({ services: { database: { kind: 'postgres', url: admin.url } } });
  const location = await world.setUpLocation();
  // The vendor has taken the message when the database fails over.
  world.vendor.respondWith(async ({ body }) => {
    await admin.failOver('read-only');
    return { body: { externalId: `ext-${body.id}`, status: 'delivered' } };
  });
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.waitFor(() => world.services.listUnwritten().length === 1);

  await world.client.get('/healthz').expect(200);
  const { body } = await world.client.get('/readyz').expect(503);
  expect(body.checks).toEqual({ database: false, queue: true });
  const refused = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'later' });
  expect(refused.httpStatus).toBe(503);
  for (let second = 0; second < 90; second++) await world.clock.tick(1_000);
  expect(world.vendor.requests).toHaveLength(1);

  // The sessions that are read-only stay open.
  await admin.failOver('writable');
  world.vendor.respondWith({ body: { status: 'delivered' } });
  await world.advanceUntil(async () => (await world.client.get('/readyz')).status === 200, 'ready');
  await world.highlevel.repost(refused.messageId);
  await world.advanceUntilReported(messageId);
  await world.advanceUntilReported(refused.messageId);
  expect(world.vendor.requests).toHaveLength(2);
  expect(world.services.listUnwritten()).toEqual([]);
});
