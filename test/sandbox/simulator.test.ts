import { randomBytes } from 'node:crypto';
import express from 'express';
import request from 'supertest';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import { createSimulator, type Simulator } from '../../src/sandbox/highlevel/simulator.ts';
import { createTestClock } from '../support/test-clock.ts';

/** The simulator must be as strict as the platform, or the tests that rely on it prove no promise. */

const scopes = [
  'conversations/message.write',
  'contacts.write',
  'contacts.readonly',
  'locations.readonly',
  'oauth.readonly',
  'oauth.write',
];

function simulator() {
  const clock = createTestClock('2026-01-01T09:00:00Z');
  const made = createSimulator({
    clock,
    random: randomBytes,
    http: createHttpClient({ timeoutMs: 1_000, allowPrivateTargets: true }),
    app: {
      clientId: 'app-x',
      clientSecret: 'secret',
      baseUrl: 'http://127.0.0.1:1',
      redirectUri: 'http://127.0.0.1:1/oauth/callback',
      providers: [
        { key: 'sms', id: 'p-sms', kind: 'sms' },
        { key: 'extra', id: 'p-extra', kind: 'sms-extra' },
        { key: 'letters', id: 'p-letters', kind: 'email-extra' },
      ],
      scopes,
    },
  });
  const app = express().set('views', 'views').set('view engine', 'ejs').use(made.router);
  return { clock, made, client: request(app) };
}

type Client = ReturnType<typeof simulator>['client'];

const grant = (client: Client, fields: Record<string, string>) =>
  client
    .post('/oauth/token')
    .type('form')
    .send({ client_id: 'app-x', client_secret: 'secret', ...fields });

async function installed(made: Simulator, client: Client) {
  const location = made.addLocation();
  const contact = made.addContact(location.id, { phone: '+12025550143', tags: ['vip'] });
  const { body } = await grant(client, { grant_type: 'authorization_code', code: made.approveInstall(location.id) }).expect(
    200,
  );
  const call = (method: 'put' | 'post' | 'get', path: string, version: string) =>
    client[method](path).set('authorization', `Bearer ${body.access_token}`).set('version', version);
  return { location, contact, tokens: body, call };
}

test.each(['constructor', 'toString', '__proto__'])('a code, a token or an id called %s is unknown', async (name) => {
  const { made, client } = simulator();
  const { location, call } = await installed(made, client);
  await grant(client, { grant_type: 'authorization_code', code: name }).expect(400);
  await grant(client, { grant_type: 'refresh_token', refresh_token: name }).expect(400);
  await client.get(`/locations/${location.id}`).set('authorization', `Bearer ${name}`).expect(401);
  await call('get', `/contacts/${name}`, '2021-07-28').expect(400);
});

test('a refresh token is spent by its use, and for 30 seconds returns the same successor again', async () => {
  const { clock, made, client } = simulator();
  const { tokens } = await installed(made, client);
  const refresh = () => grant(client, { grant_type: 'refresh_token', refresh_token: tokens.refresh_token });
  const [first, second] = [await refresh().expect(200), await refresh().expect(200)];
  expect(first.body.refresh_token).not.toBe(tokens.refresh_token);
  expect(second.body.refresh_token).toBe(first.body.refresh_token);
  clock.jump(30_001);
  expect((await refresh().expect(400)).body.message).toBe('Invalid grant: refresh token is invalid');
});

test('a code works once, and only for the app that it was given to', async () => {
  const { made, client } = simulator();
  const code = made.approveInstall(made.addLocation().id);
  await grant(client, { grant_type: 'authorization_code', code, client_secret: 'wrong' }).expect(401);
  await grant(client, { grant_type: 'authorization_code', code }).expect(200);
  await grant(client, { grant_type: 'authorization_code', code }).expect(400);
  await client.post('/oauth/token').send({ grant_type: 'authorization_code', code }).expect(400);
});

test('calls with a wrong version, token, scope or location are refused and recorded as the app’s fault', async () => {
  const { made, client } = simulator();
  const { call, location } = await installed(made, client);
  await call('get', `/locations/${location.id}`, '2021-07-28').expect(200);
  await call('get', `/locations/${location.id}`, '2021-04-15').expect(400);
  await call('get', '/locations/another', '2021-07-28').expect(403);
  await client.get(`/locations/${location.id}`).set('version', '2021-07-28').expect(401);
  await call('get', '/conversations/unheard-of', '2021-04-15').expect(404);
  expect(made.calls.listViolations().map(({ refusal }) => refusal)).toEqual(['version', 'scope', 'unknown_endpoint']);
});

test.each([
  [{ status: 'sent' }],
  [{ status: 'failed' }],
  [{ status: 'failed', error: { code: 1, type: 'x', message: 'y' } }],
  [{ status: 'failed', error: { code: '1', message: 'y' } }],
  [{ status: 'delivered', extra: true }],
  [{}],
])('the status %j is refused for its shape', async (body) => {
  const { made, client } = simulator();
  const { call, location, contact } = await installed(made, client);
  const { messageId } = await made.sendMessage(location.id, { contactId: contact.id, text: 'hi' });
  await call('put', `/conversations/messages/${messageId}/status`, '2021-04-15').send(body).expect(422);
  expect(made.listStatuses(messageId)).toEqual([]);
  expect(made.calls.listViolations()).toHaveLength(1);
});

test('a status is accepted only once HighLevel knows the message', async () => {
  const { clock, made, client } = simulator();
  made.behaviour.statusDelayMs = 5_000;
  const { call, location, contact } = await installed(made, client);
  const { messageId } = await made.sendMessage(location.id, { contactId: contact.id, text: 'hi' });
  const report = () => call('put', `/conversations/messages/${messageId}/status`, '2021-04-15').send({ status: 'delivered' });
  expect((await report().expect(403)).body.message).toBe('No conversation provider found for this message');
  clock.jump(5_000);
  await report().expect(200);
  expect(made.calls.listViolations()).toEqual([]);
});

test('inbound messages meet the platform’s own traps', async () => {
  const { made, client } = simulator();
  const { call, contact } = await installed(made, client);
  const post = (body: object) => call('post', '/conversations/messages/inbound', '2021-04-15').send(body);
  const good = { type: 'SMS', contactId: contact.id, message: 'hi', direction: 'inbound' };
  await post({ ...good, attachments: [] }).expect(422);
  const swallowed = await post({ ...good, type: 'Custom' }).expect(201);
  expect(swallowed.text).toBe('');
  await post({ ...good, conversationProviderId: 'wrong' }).expect(400);
  await post({ ...good, contactId: 'unknown' }).expect(400);
  await post({ type: 'SMS', message: 'hi' }).expect(400);
  expect(made.listConversation(contact.id)).toEqual([]);
  const { body } = await post(good).expect(200);
  await post({ ...good, type: 'Custom', conversationProviderId: 'p-extra' }).expect(200);
  expect(made.listConversation(contact.id).map(({ id }) => id)).toContain(body.messageId);
});

test('an extra provider’s message is accepted as Custom only, in exactly this spelling and by its contact', async () => {
  const { made, client } = simulator();
  const { call, contact } = await installed(made, client);
  const post = (body: object) =>
    call('post', '/conversations/messages/inbound', '2021-04-15').send({ message: 'hi', direction: 'inbound', ...body });
  const extra = { contactId: contact.id, conversationProviderId: 'p-extra' };
  const mismatch = {
    statusCode: 400,
    message: 'Incorrect conversationProviderId/type',
    canonicalCode: 'CONVERSATIONS_MSG_CONVERSATION_PROVIDER_MISMATCH',
  };
  expect((await post({ ...extra, type: 'SMS' }).expect(400)).body).toMatchObject(mismatch);
  await post({ ...extra, type: 'CUSTOM' }).expect(422);
  expect((await post({ ...extra, conversationProviderId: 'p-letters', type: 'Email' }).expect(400)).body).toMatchObject(
    mismatch,
  );
  const { contactId, ...named } = { ...extra, type: 'Custom' };
  expect((await post({ ...named, conversationId: contact.conversationId }).expect(400)).body).toMatchObject(mismatch);
  expect(made.calls.listViolations()).toHaveLength(4);
  // A person configured it as a default provider in the portal, not the app.
  expect((await post({ ...named, contactId, conversationProviderId: 'p-sms' }).expect(400)).body).toMatchObject(mismatch);
  expect(made.calls.listViolations()).toHaveLength(4);
  await post({ ...named, contactId }).expect(200);
  await post({ ...named, conversationId: contact.conversationId }).expect(200);
});

test('an upsert with an address that a contact has as a further one is refused, and names that contact', async () => {
  const { made, client } = simulator();
  const { call, location, contact } = await installed(made, client);
  Object.assign(contact, { otherAddresses: ['+12025550177'] });
  const upsert = (phone: string) => call('post', '/contacts/upsert', '2021-07-28').send({ locationId: location.id, phone });
  expect((await upsert('+12025550177').expect(400)).body).toMatchObject({
    message: 'This location does not allow duplicated contacts.',
    meta: { contactId: contact.id, matchingField: 'phone' },
  });
  await upsert('+12025550143').expect(200);
});

test('an upsert overwrites every field that it carries', async () => {
  const { made, client } = simulator();
  const { call, contact, location } = await installed(made, client);
  const body = { locationId: location.id, phone: '+12025550143', tags: ['new'] };
  await call('post', '/contacts/upsert', '2021-07-28').send(body).expect(200);
  expect(made.state.contacts[contact.id]?.tags).toEqual(['new']);
});

test('the 101st request in any ten seconds is refused, and the headers count down', async () => {
  const { clock, made, client } = simulator();
  const { call, location } = await installed(made, client);
  const get = () => call('get', `/locations/${location.id}`, '2021-07-28');
  for (let count = 0; count < 100; count++) {
    if (count === 60) clock.jump(5_000);
    const { headers } = await get().expect(200);
    expect(headers['x-ratelimit-remaining']).toBe(String(99 - count));
  }
  await get().expect(429);
  clock.jump(5_001);
  await get().expect(200);
});

async function agencyInstalled(made: Simulator, client: Client, count: number) {
  const company = made.addCompany();
  const locations = Array.from({ length: count }, () => made.addLocation({ companyId: company.id }));
  const code = made.approveCompanyInstall(
    company.id,
    locations.slice(1).map(({ id }) => id),
  );
  const { body } = await grant(client, { grant_type: 'authorization_code', code }).expect(200);
  const bearer = { authorization: `Bearer ${body.access_token}`, version: '2021-07-28' };
  const list = (query: object) =>
    client
      .get('/oauth/installedLocations')
      .set(bearer)
      .query({ companyId: company.id, appId: 'app', ...query });
  const mint = (locationId: string | undefined, companyId = company.id) =>
    client.post('/oauth/locationToken').set(bearer).type('form').send({ companyId, locationId });
  return { company, locations, tokens: body, bearer, list, mint };
}

test('an agency’s token lists its locations page by page and issues tokens of those that have the app', async () => {
  const { made, client } = simulator();
  const { locations, list, mint, tokens } = await agencyInstalled(made, client, 5);
  expect(tokens).toMatchObject({ userType: 'Company', isBulkInstallation: true });
  made.behaviour.maxPageSize = 3;
  const ids = async (query: object) => (await list(query).expect(200)).body.locations.map(({ _id }: { _id: string }) => _id);
  const installed = locations.slice(1).map(({ id }) => id);
  expect([...(await ids({ isInstalled: true, limit: '100' })), ...(await ids({ isInstalled: true, skip: '3' }))]).toEqual(
    installed,
  );
  expect(await ids({ locationId: installed[0] })).toEqual([installed[0]]);
  await list({ appId: 'other' }).expect(403);
  await list({ pageSize: '10' }).expect(422);

  const { body } = await mint(installed[0]).expect(200);
  expect(body).toMatchObject({ locationId: installed[0], refresh_token: expect.any(String) });
  expect(body).not.toHaveProperty('userType');
  await mint(locations[0]?.id).expect(400);
  await mint(made.addLocation({ companyId: 'another', isInstalled: true }).id).expect(403);
  Object.assign(locations[1] ?? {}, { isActive: false });
  expect((await mint(installed[0]).expect(400)).body.message).toBe('Location is not active');
});

test('a paused location’s refresh token stays valid, a reconnect issues a code for an installation, an uninstall ends all tokens', async () => {
  const { made, client } = simulator();
  const { location, tokens, call } = await installed(made, client);
  const refresh = () => grant(client, { grant_type: 'refresh_token', refresh_token: tokens.refresh_token });
  Object.assign(made.state.locations[location.id] ?? {}, { isActive: false });
  expect((await refresh().expect(400)).body.message).toBe('Location is not active');
  Object.assign(made.state.locations[location.id] ?? {}, { isActive: true });

  const reconnect = (body: object) => client.post('/oauth/reconnect').send(body);
  const pair = { clientKey: 'app-x', clientSecret: 'secret' };
  const { body } = await reconnect({ ...pair, locationId: location.id }).expect(200);
  await grant(client, { grant_type: 'authorization_code', code: body.authorizationCode }).expect(200);
  await reconnect({ ...pair, clientSecret: 'wrong', locationId: location.id }).expect(401);
  await reconnect({ ...pair }).expect(422);

  const leave = (fields: object) =>
    client
      .delete('/marketplace/app/app/installations')
      .set({ authorization: `Bearer ${tokens.access_token}`, version: '2021-07-28' })
      .send({ locationId: location.id, ...fields });
  await leave({}).expect(422);
  await leave({ reason: 'bye' }).expect(200);
  await call('get', `/locations/${location.id}`, '2021-07-28').expect(401);
  await refresh().expect(400);
  await reconnect({ ...pair, locationId: location.id }).expect(400);
});

test('a refresh token ends after a year without use', async () => {
  const { clock, made, client } = simulator();
  const { tokens } = await installed(made, client);
  clock.jump(366 * 24 * 60 * 60_000);
  await grant(client, { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }).expect(400);
});

test('the authorization page refuses an unknown app and a wrong redirect address', async () => {
  const { client } = simulator();
  const page = (query: Record<string, string>) =>
    client.get('/v2/oauth/chooselocation').query({ response_type: 'code', scope: 'contacts.write', ...query });
  const redirect = 'http://127.0.0.1:1/oauth/callback';
  await page({ client_id: 'app-x', redirect_uri: redirect }).expect(200);
  await page({ client_id: 'other', redirect_uri: redirect }).expect(400);
  await page({ client_id: 'app-x', redirect_uri: 'http://evil.example/' }).expect(400);
  await page({ client_id: 'app-x', redirect_uri: redirect, scope: 'unknown' }).expect(400);
});
