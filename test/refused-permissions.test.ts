import { pagesAs } from './support/pages-as.ts';
import { startWorld, type World } from './support/world.ts';

const calls = (world: World, operation: string) => world.highlevel.calls.listByOperation(operation).length;

async function sendSome(world: World, place: { id: string; contact: { id: string } }, count: number, providerKey = 'sms') {
  const ids: string[] = [];
  for (let n = 0; n < count; n++) {
    const { messageId } = await world.highlevel.sendMessage(place.id, {
      contactId: place.contact.id,
      text: `${n}`,
      providerKey,
    });
    ids.push(messageId);
  }
  return ids;
}

const inbound = { externalId: 'in-1', from: '+12025550143', text: 'hello' };

const missingOf = async (world: World, id: string) =>
  (await world.api.get(`/locations/${id}`).expect(200)).body.permissionProblems;

test('a message whose status may not be reported says so, is sent all the same, and says no more once it is reported', async () => {
  await using world = await startWorld();
  const place = await world.ready();
  world.highlevel.denials.add({ operation: 'updateMessageStatus', as: 'scope' });
  const [id = ''] = await sendSome(world, place, 1);
  await world.until(async () => (await world.message(id)).reasonCode === 'highlevel_forbidden', 'said', 10_000);
  expect(await world.message(id)).toMatchObject({ state: 'delivered', reportedState: null });
  world.highlevel.denials.clear();
  await world.until(() => world.highlevel.listStatuses(id).length === 1, 'reported', 10_000);
  await world.until(async () => (await world.message(id)).reasonCode === null);
});

test('what must not be posted does not keep statuses back, and waits with its reason until it may', async () => {
  await using world = await startWorld();
  const place = await world.ready();
  world.highlevel.denials.add({ operation: 'addInboundMessage', as: 'provider' });
  await world.callback(place.connectionId, 'inbound', inbound).expect(202);
  const posted = () => world.db.message.findFirstOrThrow({ where: { direction: 'inbound' } });
  await world.until(async () => (await posted()).reasonCode === 'highlevel_forbidden');
  expect(await posted()).toMatchObject({ state: 'pending' });
  expect((await posted()).reason).toContain('provider “sms”');
  const [id = ''] = await sendSome(world, place, 1);
  await world.untilReported(id);

  world.highlevel.denials.clear();
  await world.until(async () => (await posted()).state === 'delivered', 'posted', 10_000);
  expect(await posted()).toMatchObject({ reasonCode: null });
});

test('a provider that is refused does not keep another provider’s messages back', async () => {
  await using world = await startWorld();
  const place = await world.ready();
  await world.connect(place.id, 'whatsapp');
  world.highlevel.denials.add({ operation: 'updateMessageStatus', providerKey: 'sms', as: 'provider' });
  const [refused = ''] = await sendSome(world, place, 1);
  await world.until(async () => (await world.message(refused)).reasonCode === 'highlevel_forbidden');
  const [other = ''] = await sendSome(world, place, 1, 'whatsapp');
  await world.untilReported(other);
});

test('messages whose contact may not be looked up wait as one call, and go when it may', async () => {
  await using world = await startWorld();
  const place = await world.ready();
  world.highlevel.denials.add({ operation: 'getContact', as: 'scope' });
  const bodies = ['a', 'b', 'c', 'd', 'e'].map((messageId) =>
    JSON.stringify({ contactId: place.contact.id, locationId: place.id, messageId, type: 'SMS', message: messageId }),
  );
  for (const body of bodies) expect(await world.highlevel.postSigned('/webhooks/providers/sms', body)).toBe(202);
  const waiting = { reasonCode: 'highlevel_forbidden', state: 'pending' } as const;
  await world.until(async () => (await world.db.message.count({ where: waiting })) >= 1);
  await world.pass(30_000);
  expect(calls(world, 'getContact')).toBe(1);
  expect(world.farSide.requests).toEqual([]);

  world.highlevel.denials.clear();
  await world.until(() => world.farSide.requests.length === 5, 'sent', 5_000);
});

test('the location’s page says what is missing', async () => {
  await using world = await startWorld();
  const place = await world.ready();
  world.highlevel.denials.add({ operation: 'updateMessageStatus', as: 'provider' });
  await sendSome(world, place, 1);
  await world.until(async () => (await missingOf(world, place.id)).length > 0);
  const pages = await pagesAs(world, { companyId: place.companyId, activeLocation: place.id });
  expect((await pages.get('').expect(200)).text).toContain('no access to its provider “sms”');
});
