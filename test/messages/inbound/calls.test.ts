import { allScopes } from '../../../src/highlevel/operations.ts';
import { startWorld, type World } from '../../support/world.ts';

/** A WAV file of silence. */
const wav = Buffer.concat([
  Buffer.from('RIFF\x2c\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00', 'latin1'),
  Buffer.from('\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data\x08\x00\x00\x00', 'latin1'),
  Buffer.alloc(8),
]);

const caller = '+12025550143';
const call = {
  externalId: 'CA1',
  direction: 'inbound',
  from: '(202) 555-0143',
  to: '+12025550100',
  status: 'completed',
  startedAt: '2026-01-01T09:00:00Z',
};

const isIdle = async (world: World) =>
  (await world.db.message.count({ where: { OR: [{ state: 'pending' }, { recordingsAddedAt: { not: null } }] } })) === 0;
const listCalls = (world: World, contactId: string) =>
  world.highlevel.listConversation(contactId).map(({ direction, call: facts, altId, attachments }) => ({
    ...{ direction, altId, status: facts?.status },
    recordingCount: attachments.length,
  }));

test('calls in both directions are logged once, from the API and from a gateway, with recordings that may come later', async () => {
  await using world = await startWorld({ logsCalls: true, scopes: allScopes });
  const location = await world.setUpLocation();
  const { id: contactId } = location.contact;
  const path = `/locations/${location.id}/calls`;
  const recording = world.vendor.serveFile('call.wav', wav, 'audio/wav');
  const first = await world.api.post(path, { ...call, recordings: [recording] }).expect(202);
  expect(first.body).toEqual({ status: 'stored' });
  expect((await world.api.post(path, call).expect(202)).body).toEqual({ status: 'repeated' });
  await world.advanceUntil(() => isIdle(world));
  expect(listCalls(world, contactId)).toEqual([{ direction: 'inbound', altId: 'CA1', status: 'completed', recordingCount: 1 }]);
  const url = world.highlevel.listConversation(contactId)[0]?.attachments[0] ?? '';
  expect(url).toContain(`${world.url}/media/`);
  expect(url).not.toContain('vendor');
  expect(Buffer.from(await (await fetch(url)).arrayBuffer())).toEqual(wav);

  // The same id over the gateway is a repeat; a call of the location's, to a contact that is new, makes its conversation.
  const { connectionId } = location;
  await world.postChannelWebhook(connectionId, 'call', { ...call, recordings: undefined }).expect(200);
  const made = { externalId: 'CA2', direction: 'OUTBOUND', from: '+12025550100', to: '+12025550177', status: 'No-Answer' };
  await world.postChannelWebhook(connectionId, 'call', { ...made, name: 'Zoe', at: '2026-01-01T10:00:00Z' }).expect(202);
  world.highlevel.faults.add({ operation: 'addOutboundCall', times: 1, effect: { status: 500 } });
  world.highlevel.faults.add({ operation: 'setCallRecordings', times: 1, effect: { cut: 'after_handling' } });
  await world.postChannelWebhook(connectionId, 'recordings', { externalId: 'CA1', recordings: [`${recording}?2`] }).expect(202);
  await world.postChannelWebhook(connectionId, 'recordings', { externalId: 'CA9', recordings: [recording] }).expect(404);
  await world.advanceUntil(() => isIdle(world));
  const zoe = Object.values(world.highlevel.state.contacts).find(({ phone }) => phone === made.to);
  expect(zoe?.name).toBe('Zoe');
  expect(listCalls(world, zoe?.id ?? '')).toEqual([
    { direction: 'outbound', altId: 'CA2', status: 'no-answer', recordingCount: 0 },
  ]);
  expect(listCalls(world, contactId)).toEqual([{ direction: 'inbound', altId: 'CA1', status: 'completed', recordingCount: 2 }]);

  // The log shows them; a recording that HighLevel refuses leaves the call as it is.
  const { items } = (await world.api.get(`/locations/${location.id}/messages`).expect(200)).body;
  expect(items).toMatchObject([
    { callStatus: 'no-answer', status: 'delivered', direction: 'inbound', to: made.to },
    { callStatus: 'completed', status: 'delivered', from: caller },
  ]);
  world.highlevel.faults.add({ operation: 'setCallRecordings', times: 1, effect: { status: 403, body: { message: 'no' } } });
  await world.api.post(`${path}/recordings`, { externalId: 'CA2', recordings: [recording] }).expect(202);
  await world.advanceUntil(() => isIdle(world));
  expect(await world.db.message.count({ where: { state: 'delivered', callStatus: { not: null } } })).toBe(2);
});

test('a call whose conversation is gone is logged in the new one; one that HighLevel keeps failing at blocks no later one', async () => {
  await using world = await startWorld({ logsCalls: true, scopes: allScopes });
  const location = await world.setUpLocation();
  const { id: contactId } = location.contact;
  const path = `/locations/${location.id}/calls`;
  const made = { direction: 'outbound', from: '+12025550100', to: caller, status: 'completed', startedAt: call.startedAt };
  await world.api.post(path, { ...made, externalId: 'CA1' }).expect(202);
  await world.advanceUntil(() => isIdle(world));

  const contact = world.highlevel.state.contacts[contactId];
  if (!contact) throw new Error('It is there.');
  const goneId = contact.conversationId;
  contact.conversationId = `${goneId}-new`;
  world.highlevel.faults.decide((operation, _owner, body) => {
    const { conversationId, altId } = (body ?? {}) as { conversationId?: string; altId?: string };
    const fails = operation === 'addOutboundCall' && (conversationId === goneId || altId === 'CA3');
    return fails ? { status: 500, body: { message: 'Internal server error' } } : null;
  });
  await world.api.post(path, { ...made, externalId: 'CA2' }).expect(202);
  await world.advanceUntil(() => world.highlevel.listConversation(contactId).length === 2);

  await world.api.post(path, { ...made, externalId: 'CA3' }).expect(202);
  await world.waitFor(() => world.db.message.count({ where: { externalId: 'CA3' } }).then((count) => count === 1));
  await world.api.post(path, { ...made, externalId: 'CA4' }).expect(202);
  await world.advanceUntil(() => world.highlevel.listConversation(contactId).length === 3, 'a later call', 20_000);
  expect(listCalls(world, contactId).map(({ altId }) => altId)).toEqual(['CA1', 'CA2', 'CA4']);
});

test('a call is refused without a provider for it, for another tenant, and in another shape', async () => {
  await using world = await startWorld({ isIdle: true });
  const [location, other] = [await world.setUpLocation(), await world.setUpLocation()];
  await world.api.post(`/locations/${location.id}/calls`, call).expect(409);
  const body = { ...call, at: call.startedAt, startedAt: undefined };
  await world.postChannelWebhook(location.connectionId, 'call', body).expect(409);
  await world.postChannelWebhook(location.connectionId, 'call', { ...body, status: 'ringing' }).expect(400);
  await world.postChannelWebhook(location.connectionId, 'recordings', { externalId: 'x', recordings: [] }).expect(400);
  const context = { companyId: location.companyId, activeLocation: location.id, role: 'admin' };
  const admin = await world.apiAs(context);
  await admin.post(`/locations/${other.id}/calls`, call).expect(404);
  await (await world.apiAs({ ...context, role: 'user' })).post(`/locations/${location.id}/calls`, call).expect(403);
  for (const wrong of [{ status: 'ringing' }, { recordings: ['ftp://x.example/a'] }, { externalId: '' }, { direction: null }]) {
    await admin.post(`/locations/${location.id}/calls`, { ...call, ...wrong }).expect(422);
  }
  expect(await world.db.message.count()).toBe(0);
});
