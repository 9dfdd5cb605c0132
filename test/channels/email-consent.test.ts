import { createBrowser, findAuthorizeUrl, mailbox, startSignInWorld } from './email-sign-in-world.ts';

let setup: Awaited<ReturnType<typeof startSignInWorld>>;

beforeAll(async () => {
  setup = await startSignInWorld();
});

afterAll(() => setup[Symbol.asyncDispose]());

/** Each test has a location of its own. */
beforeEach(() => {
  for (const kept of [setup.smtp.commands, setup.smtp.mails, setup.google.requests, setup.microsoft.requests]) kept.length = 0;
});

test.each([
  ['google', 'Google'],
  ['microsoft', 'Microsoft'],
] as const)(
  '%s: a mailbox waits for its owner, who signs in; then its emails are sent with access tokens',
  async (provider, name) => {
    const { world } = setup;
    const connected = await setup.connect(provider);
    expect(connected.body).toMatchObject({ status: 'pairing', account: mailbox });
    const messageId = await connected.send();
    await world.advance(5_000);
    expect(setup.smtp.commands).toEqual([]);

    const pairing = await connected.getPairing();
    expect(pairing).toMatchObject({ status: 'waiting', service: name });
    expect(pairing.url).toMatch(new RegExp(`^${world.url}/oauth/mail/start/`));
    const browser = createBrowser(world);
    const start = await browser.open(pairing.url);
    expect([start.status, start.text]).toEqual([200, expect.stringContaining(mailbox)]);
    const authorizeUrl = findAuthorizeUrl(start);
    const query = Object.fromEntries(new URL(authorizeUrl).searchParams);
    expect(query).toMatchObject({
      ...{ response_type: 'code', redirect_uri: `${world.url}/oauth/mail/callback`, code_challenge_method: 'S256' },
      ...{ login_hint: mailbox, ...(provider === 'google' ? { access_type: 'offline', prompt: 'consent' } : {}) },
    });
    expect(query.scope).toContain(provider === 'google' ? 'https://mail.google.com/' : 'https://outlook.office.com/SMTP.Send');

    const done = await browser.open(setup[provider].decide(authorizeUrl, { account: mailbox.toUpperCase() }));
    expect([done.status, done.text]).toEqual([200, expect.stringContaining('Signed in')]);
    expect(await connected.get()).toMatchObject({ status: 'active', statusReason: null });
    expect(await connected.getPairing()).toEqual({ status: 'paired' });
    await world.advanceUntilReported(messageId);
    expect(setup.smtp.mails).toHaveLength(1);
    for (const { user, token } of setup.listLogins()) {
      expect([user, setup[provider].findAccount(token)]).toEqual([mailbox, mailbox.toUpperCase()]);
    }

    const [grant] = await setup.listGrants(connected.connectionId);
    const secrets = setup[provider].requests.flatMap(({ reply }) =>
      [reply.body.access_token, reply.body.refresh_token ?? []].flat(),
    );
    const stored = JSON.stringify([grant, await world.db.connection.findMany(), await world.db.auditEntry.findMany()]);
    for (const secret of [...secrets, 'operator-secret']) expect(stored).not.toContain(String(secret));
    const locationId = connected.location.id;
    expect(await world.db.auditEntry.count({ where: { action: 'consent_given', locationId } })).toBe(1);
  },
);

test('a sign-in that gives less than is needed stores no token and says why, in the reader’s language', async () => {
  const { world, google } = setup;
  const connected = await setup.connect('google');
  const { url } = await connected.getPairing();
  const failures = [
    [null, 400, 'No permission was given'],
    [{ account: 'other@inbox.test' }, 400, `other@inbox.test ≠ ${mailbox}`],
    [{ account: mailbox, without: ['https://mail.google.com/'] }, 400, 'Permissions are missing'],
    [{ account: mailbox, without: ['openid'] }, 400, 'The account is not known'],
  ] as const;
  for (const [decision, status, text] of failures) {
    const page = await setup.signIn('google', url, decision);
    expect([page.status, page.text]).toEqual([status, expect.stringContaining(text)]);
  }
  const browser = createBrowser(world);
  const withoutRefresh = findAuthorizeUrl(await browser.open(url)).replace('access_type=offline', 'access_type=online');
  const page = await browser.open(google.decide(withoutRefresh, { account: mailbox }), { 'accept-language': 'es' });
  expect([page.status, page.text]).toEqual([400, expect.stringContaining('El permiso no es duradero')]);
  google.setFault({ status: 503 });
  const down = await setup.signIn('google', url);
  expect([down.status, down.text]).toEqual([502, expect.stringContaining('The sign-in was not finished')]);
  google.setFault('lost');
  expect((await setup.signIn('google', url)).status).toBe(502);

  expect(await setup.listGrants(connected.connectionId)).toEqual([]);
  expect(await connected.get()).toMatchObject({ status: 'pairing' });
  google.setFault(null);
  expect((await setup.signIn('google', url)).status).toBe(200);
  expect(await connected.get()).toMatchObject({ status: 'active' });
});

test('an authorization works once, in its browser, for its connection, and for ten minutes', async () => {
  const { world, google } = setup;
  const [one, other] = [await setup.connect('google'), await setup.connect('google')];
  const browser = createBrowser(world);
  const start = async (from = browser) => findAuthorizeUrl(await from.open((await one.getPairing()).url));
  const approve = (authorizeUrl: string) => google.decide(authorizeUrl, { account: mailbox });
  const countTries = () => google.requests.length;
  const expectRefused = async (callback: string, by = browser, status = 400) => {
    expect((await by.open(callback)).status).toBe(status);
    expect(await setup.listGrants(one.connectionId, other.connectionId)).toEqual([]);
  };

  // Another browser: one without a cookie, and one that has started a sign-in of its own.
  await expectRefused(approve(await start()), createBrowser(world));
  const stranger = createBrowser(world);
  const strangersUrl = await start(stranger);
  await expectRefused(approve(await start()), stranger);
  // The other location's connection in the state, and a state that is made up, or missing.
  const swapped = new URL(approve(await start()));
  const state = String(swapped.searchParams.get('state'));
  swapped.searchParams.set('state', state.replace(one.connectionId, other.connectionId));
  await expectRefused(swapped.href);
  for (const forged of ['', 'x', `${state}x`, state.replaceAll('.', '..'), 'a.b.c.d.e', `a.1.${one.connectionId}.1.x`]) {
    swapped.searchParams.set('state', forged);
    await expectRefused(swapped.href);
  }
  expect(countTries()).toBe(0);
  // Another person's code: its PKCE challenge is of another browser.
  const injected = new URL(approve(await start()));
  injected.searchParams.set('code', String(new URL(approve(strangersUrl)).searchParams.get('code')));
  await expectRefused(injected.href);
  // The service sends no code to an address that is not registered, not even below ours.
  const tampered = (await start()).replace('%2Fcallback', '%2Fcallback%2F..%2F..%2Fx');
  expect(() => approve(tampered)).toThrow('redirect_uri_mismatch');
  // Too late.
  const late = approve(await start());
  await world.advance(10 * 60_000 + 1_000, 10 * 60_000);
  await expectRefused(late);
  const { url } = await one.getPairing();
  expect((await browser.open(url.replace(/\.\d{13}\./, '.9999999999999.'))).status).toBe(400);
  // A connection that was changed meanwhile.
  const outdated = approve(await start());
  await world.api.put(one.path, { type: 'email', config: setup.config('google', { replyTo: 'desk@inbox.test' }) }).expect(200);
  await expectRefused(outdated, browser, 409);

  // A scanner that asks for the headers first uses nothing up; the second of two equal callbacks does nothing.
  const callback = approve(await start());
  await world.client.head(callback.replace(world.url, '')).expect(200);
  const both = await Promise.all([browser.open(callback), browser.open(callback)]);
  expect(both.map(({ status }) => status).sort()).toEqual([200, 400]);
  expect((await browser.open(callback)).status).toBe(400);
  expect(await setup.listGrants(one.connectionId, other.connectionId)).toMatchObject([{ connectionId: one.connectionId }]);
  expect(await other.get()).toMatchObject({ status: 'pairing' });

  // A link of a connection that was removed leads nowhere.
  const { url: gone } = await other.getPairing();
  await world.api.delete(other.path).expect(204);
  expect((await browser.open(gone)).status).toBe(404);
});

test('a config with another mailbox needs another sign-in; a service that the operator has not set up is refused', async () => {
  const { world } = setup;
  const connected = await setup.connect('microsoft');
  await setup.signIn('microsoft', (await connected.getPairing()).url);
  expect(await connected.get()).toMatchObject({ status: 'active' });
  const put = (config: object) => world.api.put(connected.path, { type: 'email', config });
  await put(setup.config('microsoft', { senders: ['sales@inbox.test'] })).expect(200);
  expect(await setup.listGrants(connected.connectionId)).toHaveLength(1);
  // Another mail server needs another sign-in too: the tokens of this one would go there.
  const smtp = { host: 'localhost', port: setup.smtp.port, security: 'none' };
  const { body: moved } = await put(setup.config('microsoft', { smtp })).expect(200);
  expect([moved.status, await setup.listGrants(connected.connectionId)]).toEqual(['pairing', []]);
  await put(setup.config('microsoft')).expect(200);
  await setup.signIn('microsoft', (await connected.getPairing()).url);
  expect(await setup.listGrants(connected.connectionId)).toHaveLength(1);
  const { body } = await put(setup.config('microsoft', { from: 'desk@inbox.test' })).expect(200);
  expect([body.status, await setup.listGrants(connected.connectionId)]).toEqual(['pairing', []]);
  const invalid = [
    { provider: 'google', tokenUrl: 'https://example.com/token', clientId: 'x', refreshToken: 'y' },
    { provider: 'yahoo' },
    { clientId: 'x' },
  ];
  for (const oauth of invalid) await put(setup.config('google', { oauth })).expect(422);
  await world.api.delete(connected.path).expect(204);
  expect(await setup.listGrants(connected.connectionId)).toEqual([]);
});
