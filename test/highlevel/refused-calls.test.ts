import { startWorld, type World } from '../support/world.ts';

/** A permanent refusal of HighLevel costs a few calls an hour and no refresh; messages wait for it and proceed once it is repaired. */

const noAccess = { canonicalCode: 'CONVERSATIONS_MSG_PROVIDER_NO_ACCESS', message: 'Unauthorized', statusCode: 401 };
const noScope = { message: 'The token is not authorized for this scope.', statusCode: 401 };
const wrongToken = { message: 'This authClass type is not allowed to access this scope', statusCode: 401 };
const unknown401 = { message: 'Unauthorized', statusCode: 401 };

/** Refuses operations until the returned function is called. */
function refusing(world: World, operations: readonly string[], body: object) {
  world.highlevel.faults.decide((operation) => (operations.includes(operation) ? { status: 401, body } : null));
  return () => world.highlevel.faults.clear();
}

const refreshes = (world: World) => world.highlevel.calls.listByOperation('token:refresh_token');

test.each([
  ['provider', noAccess, 0, 12],
  ['scope', noScope, 0, 12],
  ['kind of token', wrongToken, 0, 12],
  // Each concurrent call retries once with the new token.
  ['unknown words', unknown401, 1, 24],
])(
  'messages whose reports are permanently refused (%s) are delivered, cost few calls, and are reported once it is repaired',
  async (_kind, body, mostRefreshes, mostCalls) => {
    await using world = await startWorld({ watchesAlerts: true });
    const location = await world.setUpLocation();
    // A token that is not fresh.
    await world.advance(120_000, 60_000);
    const stopRefusing = refusing(world, ['updateMessageStatus'], body);
    const ids: string[] = [];
    for (let n = 0; n < 20; n++) {
      const contact = world.highlevel.addContact(location.id, { phone: `+1202555${String(n).padStart(4, '0')}` });
      ids.push((await world.highlevel.sendMessage(location.id, { contactId: contact.id, text: 'hi' })).messageId);
    }
    await world.advanceUntil(() => world.vendor.listReceived().length === 20);
    await world.advance(10 * 60_000, 20_000);
    // The first ones ran concurrently; then one call per pause.
    expect(world.highlevel.calls.listByOperation('updateMessageStatus').length).toBeLessThanOrEqual(mostCalls);
    expect(refreshes(world).length).toBeLessThanOrEqual(mostRefreshes);

    const { body: shown } = await world.api.get(`/locations/${location.id}`).expect(200);
    expect(shown.status).toBe('active');
    expect(shown.permissionProblems).toHaveLength(1);
    expect(shown.permissionProblems[0].message).toMatch(/install/);
    const { body: alerts } = await world.api.get('/alerts?open=true&kind=permission_missing').expect(200);
    expect(alerts.items).toHaveLength(1);
    expect(alerts.items[0]).toMatchObject({ locationId: location.id });

    stopRefusing();
    await world.advanceUntil(() => ids.every((id) => world.highlevel.listStatuses(id).length === 1), 'all reported', 20_000);
    expect((await world.api.get(`/locations/${location.id}`)).body.permissionProblems).toEqual([]);
    await world.advanceUntil(
      async () => (await world.db.alert.count({ where: { dedupKey: { not: null } } })) === 0,
      'alert over',
      20_000,
    );
  },
);

test('an inbound message waits with its reason, and is posted once the scope is granted', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const stopRefusing = refusing(world, ['upsertContact'], noScope);
  for (const n of [1, 2, 3]) {
    await world
      .postChannelWebhook(location.connectionId, 'inbound', { externalId: `r-${n}`, from: `+1202555010${n}`, text: 'yes' })
      .expect(202);
  }
  await world.advance(8 * 60_000, 20_000);
  expect(world.highlevel.calls.listByOperation('upsertContact').length).toBeLessThanOrEqual(6);
  expect(refreshes(world)).toEqual([]);
  const waiting = await world.db.message.findFirstOrThrow({ where: { externalId: 'r-1' } });
  expect(waiting).toMatchObject({ state: 'pending', reasonCode: 'highlevel_forbidden' });
  expect(waiting.reason).toContain('contacts.write');
  stopRefusing();
  await world.advanceUntil(() => world.highlevel.calls.listByOperation('addInboundMessage').length === 3, 'posted', 20_000);
});

test('a refused provider does not block another one of the same location', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  await world.connect(location.id, 'whatsapp');
  refusing(world, ['updateMessageStatus'], noAccess);
  const { contact } = location;
  await world.highlevel.sendMessage(location.id, { contactId: contact.id, text: 'hi' });
  await world.advanceUntil(async () => (await world.db.permissionProblem.count()) === 1);
  world.highlevel.faults.clear();
  const sent = await world.highlevel.sendMessage(location.id, { contactId: contact.id, text: 'ho', providerKey: 'whatsapp' });
  await world.advanceUntilReported(sent.messageId);
});

test('a new install of the location calls again at once', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const stopRefusing = refusing(world, ['updateMessageStatus'], noScope);
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.advanceUntil(async () => (await world.db.permissionProblem.count()) === 1);
  await world.advance(30 * 60_000, 60_000);
  stopRefusing();
  await world.finishInstall(world.highlevel.approveInstall(location.id));
  const other = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'ho' });
  await world.advanceUntilReported(other.messageId);
  await world.advanceUntilReported(messageId);
});

test('a page of a firewall is an outage, with any status, and no markup is stored', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const page = '<!DOCTYPE html><html><body><h1>403 Forbidden</h1></body></html>';
  world.highlevel.faults.decide((operation) =>
    operation === 'addInboundMessage' ? { status: 403, body: page, headers: { 'content-type': 'text/html' } } : null,
  );
  await world
    .postChannelWebhook(location.connectionId, 'inbound', { externalId: 'r-1', from: '+12025550143', text: 'yes' })
    .expect(202);
  await world.advanceUntil(() => world.highlevel.calls.listByOperation('addInboundMessage').length >= 3);
  const row = await world.db.message.findFirstOrThrow({ where: { externalId: 'r-1' }, include: { reportAttempts: true } });
  expect(row.state).toBe('pending');
  expect(JSON.stringify(row)).not.toMatch(/<html|<h1/);
  world.highlevel.faults.clear();
  await world.advanceUntil(
    async () => (await world.db.message.count({ where: { externalId: 'r-1', state: 'delivered' } })) === 1,
    'posted',
    20_000,
  );
});

test('an agency whose listing is refused is called a few times an hour, and says so', async () => {
  await using world = await startWorld({ watchesAlerts: true });
  refusing(world, ['listInstalledLocations'], noScope);
  const company = world.highlevel.addCompany();
  const page = await world.finishInstall(world.highlevel.approveCompanyInstall(company.id));
  expect(page.status).toBe(200);
  await world.advanceUntil(async () => (await world.db.permissionProblem.count()) === 1);
  await world.advance(60 * 60_000, 30_000);
  expect(world.highlevel.calls.listByOperation('listInstalledLocations').length).toBeLessThanOrEqual(8);
  expect(refreshes(world)).toEqual([]);
  const { body } = await world.api.get(`/companies/${company.id}`).expect(200);
  expect(body.permissionProblems).toMatchObject([
    { permission: 'scope:oauth.readonly', message: expect.stringContaining('oauth.readonly') },
  ]);
  const { body: alerts } = await world.api.get('/alerts?open=true&kind=permission_missing').expect(200);
  expect(alerts.items).toMatchObject([{ companyId: company.id, locationId: null }]);
});

test('twenty locations of an agency that may not request their tokens cost it a few calls, not twenty, and no refresh', async () => {
  await using world = await startWorld();
  const company = world.highlevel.addCompany();
  for (let n = 0; n < 20; n++) world.highlevel.addLocation({ companyId: company.id, isInstalled: true });
  refusing(world, ['mintLocationToken', 'reconnect'], noScope);
  await world.finishInstall(world.highlevel.approveCompanyInstall(company.id));
  await world.advanceUntil(async () => (await world.db.installation.count({ where: { kind: 'location' } })) === 20);
  await world.advance(10 * 60_000, 20_000);
  expect(world.highlevel.calls.listByOperation('mintLocationToken').length).toBeLessThanOrEqual(24);
  expect(refreshes(world)).toEqual([]);
});
