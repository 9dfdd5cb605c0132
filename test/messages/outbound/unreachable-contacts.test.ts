import { startWorld, type World } from '../../support/world.ts';

/** Messages to and from contacts that were changed, merged or deleted in HighLevel. */

const bare = (world: World, content: object, provider = 'sms') =>
  world.highlevel.postSigned(`/webhooks/providers/${provider}`, JSON.stringify({ messageId: 'm', message: 'hi', ...content }));
const advanceUntilFailed = (world: World) => world.advanceUntil(async () => (await world.getMessage('m')).state === 'failed');

test.each([
  { has: { email: 'maya@example.com' }, provider: 'sms', code: 'no_phone' },
  { has: { phone: '+12025550199' }, provider: 'mail', code: 'no_email' },
  { has: {}, provider: 'sms', code: 'no_address' },
  { has: {}, provider: 'mail', code: 'no_address' },
])('a message over $provider to a contact with $has fails with the reason $code', async ({ has, provider, code }) => {
  await using world = await startWorld();
  const location = await world.install();
  await world.connect(location.id, provider);
  const contact = world.highlevel.addContact(location.id, has);
  const html = provider === 'mail' ? { html: 'hi' } : {};
  await bare(world, { locationId: location.id, contactId: contact.id, ...html }, provider);
  await advanceUntilFailed(world);
  expect(await world.getMessage('m')).toMatchObject({ reasonCode: code });
});

test.each([
  { what: 'the contact was deleted', does: null },
  { what: '404', does: { status: 404, body: { statusCode: 404, message: 'Contact not found', error: 'Not Found' } } },
  { what: '500 with the message of a 404', does: { status: 500, body: { message: 'Contact with id abc not found' } } },
  { what: 'null in place of the contact', does: { status: 200, body: { contact: null } } },
])('a message to a deleted contact fails with that reason: $what', async ({ does }) => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  if (does) world.highlevel.faults.add({ operation: 'getContact', times: 1, effect: does });
  else delete world.highlevel.state.contacts[location.contact.id];
  await bare(world, { locationId: location.id, contactId: location.contact.id });
  await advanceUntilFailed(world);
  expect(await world.getMessage('m')).toMatchObject({ reasonCode: 'contact_deleted' });
  const { body } = await world.api.get(`/locations/${location.id}/dead-letters`).expect(200);
  expect(body.items[0].reason.message).toContain('deleted in the CRM');
});

test('a rejection for another reason is not reported as a missing phone number', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const body = { message: 'The token does not have access to this location.' };
  world.highlevel.faults.add({ operation: 'getContact', times: 1, effect: { status: 403, body } });
  await bare(world, { locationId: location.id, contactId: location.contact.id });
  await advanceUntilFailed(world);
  const { reasonCode, reason } = await world.getMessage('m');
  expect(reasonCode).toBe('address_refused');
  expect(reason).toContain('does not have access to this location');
});

test('a reply from an address that HighLevel refuses as a duplicate goes to the contact that it names, which is not changed', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const second = '+12025550177';
  Object.assign(location.contact, { otherAddresses: [second] });
  const before = structuredClone(world.highlevel.state.contacts[location.contact.id]);
  for (const externalId of ['a', 'b']) {
    await world
      .postChannelWebhook(location.connectionId, 'inbound', {
        externalId,
        from: second,
        text: externalId,
        name: 'Somebody Else',
      })
      .expect(202);
  }
  await world.advanceUntil(() => world.highlevel.listConversation(location.contact.id).length === 2);
  expect(world.highlevel.calls.listByOperation('upsertContact')).toHaveLength(1);
  expect(world.highlevel.state.contacts[location.contact.id]).toEqual(before);
  await world.waitFor(async () => (await world.db.contactAddress.count({ where: { address: second } })) === 1);
});

test.each([
  { message: 'This location does not allow duplicated contacts.' },
  { message: 'This location does not allow duplicated contacts.', meta: { contactId: '' } },
  { message: 'Invalid', meta: { contactId: 'x' } },
])('a refused upsert that names no contact stays a failure: %j', async (body) => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.highlevel.faults.add({ operation: 'upsertContact', times: 1, effect: { status: 400, body } });
  await world
    .postChannelWebhook(location.connectionId, 'inbound', { externalId: 'a', from: '+12025550177', text: 'hi' })
    .expect(202);
  await world.advanceUntil(async () => (await world.db.message.findFirstOrThrow()).state === 'failed');
  expect((await world.db.message.findFirstOrThrow()).reason).toContain(body.message);
});
