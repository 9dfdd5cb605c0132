import { createPageClient } from '../../support/page-client.ts';
import { startWorld, type World } from '../../support/world.ts';

const calls = (world: World, operation: string) => world.highlevel.calls.listByOperation(operation).length;

async function sendSome(world: World, location: { id: string; contact: { id: string } }, count: number, providerKey = 'sms') {
  const ids: string[] = [];
  for (let n = 0; n < count; n++) {
    const { messageId } = await world.highlevel.sendMessage(location.id, {
      contactId: location.contact.id,
      text: `${n}`,
      providerKey,
    });
    ids.push(messageId);
  }
  return ids;
}

const inbound = { externalId: 'in-1', from: '+12025550143', text: 'hello' };

const getMissingScopes = async (world: World, id: string) =>
  (await world.api.get(`/locations/${id}`).expect(200)).body.permissionProblems;

test('a message whose status may not be reported shows that, is sent, and no longer shows it once it is reported', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.highlevel.denials.add({ operation: 'updateMessageStatus', as: 'scope' });
  const [id = ''] = await sendSome(world, location, 1);
  await world.advanceUntil(async () => (await world.getMessage(id)).reasonCode === 'highlevel_forbidden', 'forbidden', 10_000);
  expect(await world.getMessage(id)).toMatchObject({ state: 'delivered', reportedState: null });
  world.highlevel.denials.clear();
  await world.advanceUntil(() => world.highlevel.listStatuses(id).length === 1, 'reported', 10_000);
  await world.advanceUntil(async () => (await world.getMessage(id)).reasonCode === null);
});

test('a reply that may not be posted does not hold back statuses, and waits with its reason until it may', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.highlevel.denials.add({ operation: 'addInboundMessage', as: 'provider' });
  await world.postChannelWebhook(location.connectionId, 'inbound', inbound).expect(202);
  const posted = () => world.db.message.findFirstOrThrow({ where: { direction: 'inbound' } });
  await world.advanceUntil(async () => (await posted()).reasonCode === 'highlevel_forbidden');
  expect(await posted()).toMatchObject({ state: 'pending' });
  expect((await posted()).reason).toContain('provider “sms”');
  const [id = ''] = await sendSome(world, location, 1);
  await world.advanceUntilReported(id);

  world.highlevel.denials.clear();
  await world.advanceUntil(async () => (await posted()).state === 'delivered', 'posted', 10_000);
  expect(await posted()).toMatchObject({ reasonCode: null });
});

test('a provider that HighLevel rejects does not hold back another provider’s messages', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  await world.connect(location.id, 'whatsapp');
  world.highlevel.denials.add({ operation: 'updateMessageStatus', providerKey: 'sms', as: 'provider' });
  const [refused = ''] = await sendSome(world, location, 1);
  await world.advanceUntil(async () => (await world.getMessage(refused)).reasonCode === 'highlevel_forbidden');
  const [other = ''] = await sendSome(world, location, 1, 'whatsapp');
  await world.advanceUntilReported(other);
});

test('messages whose contact may not be looked up wait at the cost of one call, and are sent when it may', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.highlevel.denials.add({ operation: 'getContact', as: 'scope' });
  const bodies = ['a', 'b', 'c', 'd', 'e'].map((messageId) =>
    JSON.stringify({ contactId: location.contact.id, locationId: location.id, messageId, type: 'SMS', message: messageId }),
  );
  for (const body of bodies) expect(await world.highlevel.postSigned('/webhooks/providers/sms', body)).toBe(202);
  const waiting = { reasonCode: 'highlevel_forbidden', state: 'pending' } as const;
  await world.advanceUntil(async () => (await world.db.message.count({ where: waiting })) >= 1);
  await world.advance(30_000);
  expect(calls(world, 'getContact')).toBe(1);
  expect(world.vendor.requests).toEqual([]);

  world.highlevel.denials.clear();
  await world.advanceUntil(() => world.vendor.requests.length === 5, 'sent', 5_000);
});

test('the location’s page shows the missing scope', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.highlevel.denials.add({ operation: 'updateMessageStatus', as: 'provider' });
  await sendSome(world, location, 1);
  await world.advanceUntil(async () => (await getMissingScopes(world, location.id)).length > 0);
  const pages = await createPageClient(world, { companyId: location.companyId, activeLocation: location.id });
  expect((await pages.get('').expect(200)).text).toContain('no access to its provider “sms”');
});
