import { startWorld, type World } from '../../support/world.ts';

const hour = 60 * 60 * 1000;

/** A location in which one contact has been written to, has replied, and is stored in every table that knows contacts. */
async function setUpConversation(world: World) {
  const location = await world.setUpLocation();
  const { id, contact, connectionId } = location;
  world.vendor.respondWith({ body: { externalId: 'wamid.secret', status: 'accepted' } });
  const { messageId } = await world.highlevel.sendMessage(id, { contactId: contact.id, text: 'Hello Maya' });
  await world.advanceUntil(async () => (await world.getMessage(messageId)).reasonCode === 'awaiting_receipt');
  await world.postChannelWebhook(connectionId, 'status', { externalId: 'wamid.secret', status: 'delivered' }).expect(202);
  const inbound = { externalId: 'in-1', from: '+12025550143', text: 'This is Maya', name: 'Maya Ortiz' };
  await world.postChannelWebhook(connectionId, 'inbound', inbound).expect(202);
  await world.advanceUntil(() => world.highlevel.listConversation(contact.id).some(({ text }) => text === 'This is Maya'));
  await world.advanceUntilReported(messageId);
  const erase = async (request: object, status = 202) =>
    (await world.api.post(`/locations/${id}/erasures`, request).expect(status)).body;
  const show = async (erasureId: string) => (await world.api.get(`/locations/${id}/erasures/${erasureId}`).expect(200)).body;
  const run = async () => {
    while ((await world.services.privacy.runErasures()) > 0);
  };
  return { ...location, messageId, erase, show, run };
}

/** All text that the database holds, but for tables that may name a contact. */
async function dumpDatabase({ db }: World): Promise<string> {
  const tables = await db.$queryRaw<{ name: string }[]>`
    SELECT table_name::text AS name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`;
  const kept = ['erasures', 'opt_outs', 'audit_entries'];
  const texts: string[] = [];
  for (const { name } of tables.filter((table) => !kept.includes(table.name))) {
    const [row] = await db.$queryRawUnsafe<{ all: string | null }[]>(`SELECT json_agg(t)::text AS all FROM "${name}" t`);
    texts.push(`${name}: ${row?.all ?? ''}`);
  }
  return texts.join('\n');
}

test('an erasure leaves nothing of a contact in any table: content at once, vendors’ ids a day later; the audit and opt-outs stay', async () => {
  await using world = await startWorld();
  const { id, contact, connectionId, erase, show, run } = await setUpConversation(world);
  await world.api.put(`/locations/${id}/opt-outs/${encodeURIComponent('+12025550143')}`, { reason: 'asked' }).expect(200);
  const traces = [contact.id, '12025550143', 'Maya'];
  const before = await dumpDatabase(world);
  for (const trace of [...traces, 'wamid.secret', 'in-1']) expect(before).toContain(trace);

  world.clock.jump(1_000);
  const { id: erasureId } = await erase({ contactId: contact.id });
  expect((await erase({ contactId: contact.id })).id).toBe(erasureId);
  await run();
  expect(await show(erasureId)).toMatchObject({ messageCount: 2, contentErasedAt: expect.any(String), endedAt: null });
  const afterwards = await dumpDatabase(world);
  for (const trace of traces) expect(afterwards).not.toContain(trace);
  // Until a vendor repeats nothing any more, a repeat is recognised.
  const repeat = { externalId: 'in-1', from: '+12025550143', text: 'This is Maya' };
  await world.postChannelWebhook(connectionId, 'inbound', repeat).expect(200);

  world.clock.jump(25 * hour);
  await run();
  expect(await show(erasureId)).toMatchObject({ contactId: contact.id, messageCount: 2, endedAt: expect.any(String) });
  const atLast = await dumpDatabase(world);
  for (const trace of [...traces, 'wamid.secret', 'in-1']) expect(atLast).not.toContain(trace);
  expect(await world.db.erasure.findFirst()).toMatchObject({ addresses: [], cursor: null });
  expect(await world.db.optOut.count({ where: { address: '+12025550143' } })).toBe(1);
  const { body } = await world.api.get('/audit').expect(200);
  expect(body.items[0]).toMatchObject({ action: 'contact_erased', actor: 'patchbay', locationId: id });
  expect(body.items[0].details).toContain('Messages: 2');
});

test('what waits for the contact is not sent and is reported as failed; what comes in afterwards is a new conversation', async () => {
  await using world = await startWorld();
  const { id, contact, connectionId, erase, run } = await setUpConversation(world);
  world.vendor.respondWith({ status: 503 });
  const { messageId } = await world.highlevel.sendMessage(id, { contactId: contact.id, text: 'Too late' });
  await world.advanceUntil(async () => (await world.getMessage(messageId)).reasonCode === 'http_503');
  const requests = world.vendor.requests.length;
  world.clock.jump(1_000);
  await erase({ contactId: contact.id });
  await run();
  await world.advanceUntilReported(messageId);
  expect(world.highlevel.listStatuses(messageId)).toEqual(['failed']);
  expect(world.vendor.requests).toHaveLength(requests);

  const again = { externalId: 'in-2', from: '+12025550143', text: 'Me again' };
  await world.postChannelWebhook(connectionId, 'inbound', again).expect(202);
  await world.advanceUntil(() => world.highlevel.listConversation(contact.id).some(({ text }) => text === 'Me again'));
  world.clock.jump(25 * hour);
  await run();
  expect(await world.db.message.count({ where: { text: 'Me again' } })).toBe(1);
});

test('a second request erases what has come since the first, though that has not ended yet', async () => {
  await using world = await startWorld();
  const { id, contact, connectionId, erase, show, run } = await setUpConversation(world);
  const write = async (externalId: string, text: string) => {
    await world.postChannelWebhook(connectionId, 'inbound', { externalId, from: '+12025550143', text }).expect(202);
    await world.advanceUntil(() => world.highlevel.listConversation(contact.id).some((message) => message.text === text));
    world.clock.jump(1_000);
  };
  world.clock.jump(1_000);
  const first = await erase({ contactId: contact.id });
  await write('in-2', 'Before it began');
  expect((await erase({ contactId: contact.id })).id).toBe(first.id);
  await run();
  expect(await dumpDatabase(world)).not.toContain('Before it began');
  await write('in-3', 'After its content was erased');
  const second = await erase({ contactId: contact.id });
  await run();
  expect(await dumpDatabase(world)).not.toContain('After its content');
  for (let days = 0; days < 2; days++) {
    world.clock.jump(25 * hour);
    await run();
  }
  for (const request of [first, second]) expect(await show(request.id)).toMatchObject({ endedAt: expect.any(String) });
  expect(await world.db.message.count({ where: { locationId: id, contactId: contact.id } })).toBe(0);
});

test('a message that its vendor has accepted and never reports on is erased after three days', async () => {
  await using world = await startWorld();
  const { id, contact, erase, show, run } = await setUpConversation(world);
  world.vendor.respondWith({ body: { externalId: 'wamid.silent', status: 'accepted' } });
  const { messageId } = await world.highlevel.sendMessage(id, { contactId: contact.id, text: 'Are you there?' });
  await world.advanceUntil(async () => (await world.getMessage(messageId)).reasonCode === 'awaiting_receipt');
  world.clock.jump(1_000);
  const request = await erase({ contactId: contact.id });
  for (let days = 0; days <= 4; days++) {
    await run();
    expect((await world.getMessage(messageId)).text).toBe(days < 3 ? 'Are you there?' : null);
    world.clock.jump(25 * hour);
  }
  expect(await show(request.id)).toMatchObject({ messageCount: 3, endedAt: expect.any(String) });
  expect(await dumpDatabase(world)).not.toContain('wamid.silent');
});

test('an erasure is over only when no trigger that still waits to be fired names the contact', async () => {
  await using world = await startWorld();
  const { id: locationId, contact, messageId, erase, show, run } = await setUpConversation(world);
  const now = new Date(world.clock.now());
  const fields = { locationId, triggerId: 't', createdAt: now, dueAt: new Date(now.getTime() + 48 * hour) };
  const { id } = await world.getMessage(messageId);
  await world.db.triggerEvent.createMany({
    data: [
      { ...fields, id: world.services.newId(), kind: 'opted_out', address: '+12025550143', facts: {} },
      { ...fields, id: world.services.newId(), kind: 'message_failed', messageId: id, facts: { reason: 'Maya is away.' } },
    ],
  });
  world.clock.jump(1_000);
  const request = await erase({ contactId: contact.id });
  await run();
  for (const isOver of [false, true]) {
    world.clock.jump(25 * hour);
    await run();
    expect((await show(request.id)).endedAt !== null).toBe(isOver);
    await world.db.triggerEvent.updateMany({ data: { dueAt: null, endedAt: now, outcome: 'expired' } });
  }
  for (const trace of ['12025550143', 'Maya']) expect(await dumpDatabase(world)).not.toContain(trace);
});

test('an address is erased where no contact has it, and another contact with the same number keeps its messages', async () => {
  await using world = await startWorld();
  const { id, contact, erase, run } = await setUpConversation(world);
  const partner = world.highlevel.addContact(id, { name: 'Sam Ortiz', phone: '+12025550143' });
  world.vendor.respondWith({ body: { status: 'delivered' } });
  const { messageId } = await world.highlevel.sendMessage(id, { contactId: partner.id, text: 'Hello Sam' });
  await world.advanceUntilReported(messageId);
  world.clock.jump(1_000);
  await erase({ contactId: contact.id });
  await run();
  expect(await world.getMessage(messageId)).toMatchObject({ text: 'Hello Sam', contactId: partner.id });
  const { subject } = await erase({ address: '+1 202 555 0143' });
  expect(subject).not.toContain('2025550143');
  await run();
  expect(await world.getMessage(messageId)).toMatchObject({ text: null, contactId: null, to: null });
  await erase({}, 422);
  await erase({ contactId: contact.id, address: '+12025550143' }, 422);
});

test('all spellings of a contact’s number are erased and exported', async () => {
  await using world = await startWorld();
  const { id, connectionId, erase, run } = await setUpConversation(world);
  const bia = world.highlevel.addContact(id, { name: 'Bia', phone: '+551187654321' });
  world.vendor.respondWith({ body: { status: 'delivered' } });
  const { messageId } = await world.highlevel.sendMessage(id, { contactId: bia.id, text: 'Hello Bia' });
  await world.advanceUntilReported(messageId);
  await world.api.put(`/locations/${id}/opt-outs/${encodeURIComponent('+5511987654321')}`, { reason: 'asked' }).expect(200);
  const { body } = await world.api.get(`/locations/${id}/contacts/${bia.id}/export`).expect(200);
  expect(body).toMatchObject({ addresses: [{ address: '+551187654321' }], optOuts: [{ address: '+5511987654321' }] });
  const inbound = { externalId: 'in-2', from: '+5511987654321', text: 'This is Bia' };
  await world.postChannelWebhook(connectionId, 'inbound', inbound).expect(202);
  await world.advanceUntil(() => world.highlevel.listConversation(bia.id).some(({ text }) => text === 'This is Bia'));
  world.clock.jump(1_000);
  const { id: erasureId } = await erase({ address: '+551187654321' });
  expect((await erase({ address: '+5511987654321' })).id).toBe(erasureId);
  await run();
  const afterwards = await dumpDatabase(world);
  for (const trace of ['Bia', '5511987654321', '551187654321']) expect(afterwards).not.toContain(trace);
});

test('a contact that is deleted in the CRM is erased only where the location wants that', async () => {
  await using world = await startWorld();
  const { id, contact, run } = await setUpConversation(world);
  const other = world.highlevel.addContact(id, { name: 'Ada', phone: '+12025550144' });
  await world.highlevel.deleteContact(other.id);
  expect(await world.db.erasure.count()).toBe(0);
  const retention = { messageDays: null, contentDays: null, erasesDeletedContacts: true };
  await world.api.put(`/locations/${id}/retention`, retention).expect(200);
  world.clock.jump(1_000);
  await world.highlevel.deleteContact(contact.id);
  await run();
  expect(await world.db.erasure.findMany()).toMatchObject([
    { contactId: contact.id, requestedBy: 'highlevel', messageCount: 2 },
  ]);
  expect(await dumpDatabase(world)).not.toContain('Maya');
});

test('a contact’s data is one JSON document, of its own location alone and for admins', async () => {
  await using world = await startWorld();
  const { id, companyId, contact } = await setUpConversation(world);
  const other = await world.install();
  const path = `/locations/${id}/contacts/${contact.id}/export`;
  const { body, headers } = await world.api.get(path).expect(200);
  expect(headers['content-disposition']).toContain('contact.json');
  expect(body).toMatchObject({
    contactId: contact.id,
    addresses: [{ address: '+12025550143' }],
    messages: [
      { direction: 'outbound', text: 'Hello Maya', to: '+12025550143', receipts: [{ state: 'delivered' }] },
      { direction: 'inbound', text: 'This is Maya', name: 'Maya Ortiz' },
    ],
  });
  const { body: elsewhere } = await world.api.get(`/locations/${other.id}/contacts/${contact.id}/export`).expect(200);
  expect(elsewhere).toMatchObject({ addresses: [], messages: [] });
  const colleague = await world.apiAs({ companyId, activeLocation: id, role: 'user' });
  await colleague.get(path).expect(403);
  await colleague.post(`/locations/${id}/erasures`, { contactId: contact.id }).expect(403);
  const stranger = await world.apiAs({ companyId: other.companyId, activeLocation: other.id });
  await stranger.get(path).expect(404);
});
