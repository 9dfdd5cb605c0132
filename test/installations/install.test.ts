import request from 'supertest';
import { toLocationOwner } from '../../src/highlevel/client.ts';
import { startWorld, type World } from '../support/world.ts';

const html = { accept: 'text/html' };
const callback = (client: ReturnType<typeof request.agent> | World['client'], query: Record<string, string>) =>
  client.get('/oauth/callback').query(query).set(html);

/** Begins an install in a browser. @returns the browser and the state that HighLevel would send back */
async function startInstall(world: World) {
  const browser = request.agent(world.url);
  const { headers } = await browser.get('/install').expect(302);
  return { browser, url: new URL(headers.location as string) };
}

test('the authorization address has version 2, our scopes, and a state of its own each time', async () => {
  await using world = await startWorld({ isIdle: true });
  const [first, second] = [await startInstall(world), await startInstall(world)];
  expect(first.url.pathname).toBe('/v2/oauth/chooselocation');
  expect(Object.fromEntries(first.url.searchParams)).toMatchObject({
    response_type: 'code',
    client_id: '5f1a2b3c4d5e6f7a8b9c0d1e-patchbay',
    redirect_uri: `${world.url}/oauth/callback`,
    scope: 'conversations/message.write contacts.write contacts.readonly locations.readonly oauth.readonly oauth.write',
  });
  expect(first.url.searchParams.get('state')).not.toBe(second.url.searchParams.get('state'));
  await request(first.url.origin).get(`${first.url.pathname}${first.url.search}`).set(html).expect(200);
});

test('an install from our own page succeeds, and shows the connected location', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = world.highlevel.addLocation({ name: 'Harbour <Dental>' });
  const { browser, url } = await startInstall(world);
  const page = await callback(browser, {
    code: world.highlevel.approveInstall(location.id),
    state: url.searchParams.get('state') as string,
  }).expect(200);
  expect(page.text).toContain('Harbour &lt;Dental&gt; is connected');
  const { body } = await world.api.get(`/locations/${location.id}`).expect(200);
  expect(body).toMatchObject({
    locationId: location.id,
    companyId: location.companyId,
    name: 'Harbour <Dental>',
    status: 'active',
  });
});

test('a state works once, in the browser that started, for ten minutes', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = world.highlevel.addLocation();
  const code = () => world.highlevel.approveInstall(location.id);
  const { browser, url } = await startInstall(world);
  const state = url.searchParams.get('state') as string;

  const stranger = await callback(world.client, { code: code(), state }).expect(400);
  expect(stranger.text).toContain('in the browser in which it was started');
  await callback(browser, { code: code(), state: 'made up' }).expect(400);
  await callback(browser, { code: code(), state: '' }).expect(400);
  await callback(browser, { code: code(), state }).expect(200);
  await callback(browser, { code: code(), state }).expect(400);

  const late = await startInstall(world);
  world.clock.jump(10 * 60_000 + 1);
  await callback(late.browser, { code: code(), state: late.url.searchParams.get('state') as string }).expect(400);
});

test('of several concurrent redirects with one state, one succeeds', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = world.highlevel.addLocation();
  for (let round = 0; round < 5; round++) {
    const { browser, url } = await startInstall(world);
    const state = url.searchParams.get('state') as string;
    const codes = Array.from({ length: 4 }, () => world.highlevel.approveInstall(location.id));
    const responses = await Promise.all(codes.map((code) => callback(browser, { code, state })));
    expect(responses.map(({ status }) => status).sort()).toEqual([200, 400, 400, 400]);
  }
  expect(await world.db.usedOauthState.count()).toBe(5);
});

test('an install from the marketplace listing has no state: it is accepted, and the browser gets no session', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = world.highlevel.addLocation();
  const page = await callback(world.client, { code: world.highlevel.approveInstall(location.id) }).expect(200);
  expect(page.headers['set-cookie']).toBeUndefined();
  await world.api.get(`/locations/${location.id}`).expect(200);
});

test('the token response alone determines the connected location, not the URL', async () => {
  await using world = await startWorld({ isIdle: true });
  const [mine, other] = [world.highlevel.addLocation(), world.highlevel.addLocation()];
  await callback(world.client, { code: world.highlevel.approveInstall(mine.id), locationId: other.id }).expect(200);
  await world.api.get(`/locations/${other.id}`).expect(404);
});

test.each([
  ['cancelled by the user', { error: 'access_denied' }, 'cancelled'],
  ['without a code', {}, 'The CRM did not complete the installation'],
  ['with an invented code', { code: 'made-up' }, 'Its code was already used or has expired'],
])('a redirect %s shows a page with the reason and a link to start again', async (_name, query, words) => {
  await using world = await startWorld({ isIdle: true });
  const page = await callback(world.client, query as Record<string, string>).expect(400);
  expect(page.text).toContain(words);
  expect(page.text).toContain('href="/install"');
});

test('a used code and invalid keys lead to different pages', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = world.highlevel.addLocation();
  const code = world.highlevel.approveInstall(location.id);
  await callback(world.client, { code }).expect(200);
  // Within the hour it is a reload of the page that it ended with.
  world.clock.jump(61 * 60_000);
  expect((await callback(world.client, { code }).expect(400)).text).toContain('The CRM rejected this installation');

  Object.assign(world.highlevel.world.app, { clientSecret: 'changed' });
  const page = await callback(world.client, { code: world.highlevel.approveInstall(location.id) }).expect(503);
  expect(page.text).toContain('does not accept this app’s keys');
});

test('when HighLevel is down the page says so, and no installation is stored', async () => {
  await using world = await startWorld({ isIdle: true });
  world.highlevel.faults.add({ operation: 'token:authorization_code', times: 1, effect: { status: 503 } });
  await callback(world.client, { code: 'x' }).expect(502);
  expect(await world.db.installation.count()).toBe(0);
});

test('tokens are sealed for their own row', async () => {
  await using world = await startWorld({ isIdle: true });
  const [one, two] = [await world.install(), await world.install()];
  const rows = await world.db.installation.findMany();
  expect(rows.every(({ accessToken, refreshToken }) => accessToken?.startsWith('v1.') && refreshToken?.startsWith('v1.'))).toBe(
    true,
  );
  const sealed = rows.find(({ resourceId }) => resourceId === one.id)?.accessToken ?? null;
  await world.db.installation.update({
    where: { kind_resourceId: { kind: 'location', resourceId: two.id } },
    data: { accessToken: sealed },
  });
  await expect(world.services.tokens.getToken(toLocationOwner(two.id))).rejects.toMatchObject({ code: 'secret_unreadable' });
  expect(await world.services.tokens.getToken(toLocationOwner(one.id))).toMatch(/^access\./);
});

test('an agency’s token is stored as the agency’s', async () => {
  await using world = await startWorld({ isIdle: true });
  const page = await callback(world.client, { code: world.highlevel.approveCompanyInstall('Company1') }).expect(200);
  expect(page.text).toContain('Your agency is connected');
  expect(await world.db.installation.findMany()).toMatchObject([{ kind: 'company', resourceId: 'Company1', isBulk: true }]);
  expect((await world.api.get('/locations').expect(200)).body).toEqual({ items: [], nextCursor: null });
});

test('a location without a name is installed too', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = world.highlevel.addLocation();
  world.highlevel.faults.add({ operation: 'getLocation', times: 1, effect: { status: 500 } });
  await callback(world.client, { code: world.highlevel.approveInstall(location.id) }).expect(200);
  expect((await world.api.get(`/locations/${location.id}`)).body).toMatchObject({ name: null, status: 'active' });
});

test('reloading the page of a finished install says what is connected, for an hour and while it is', async () => {
  await using world = await startWorld();
  const location = world.highlevel.addLocation({ name: 'Harbour Dental' });
  const code = world.highlevel.approveInstall(location.id);
  const open = () => world.client.get('/oauth/callback').query({ code }).set('accept', 'text/html');
  for (const _ of [1, 2, 3])
    await open()
      .expect(200)
      .expect(/Harbour Dental/);
  expect(await world.db.auditEntry.count({ where: { action: 'installed' } })).toBe(1);
  world.clock.jump(61 * 60_000);
  await open().expect(400);
});

test('HighLevel’s reason of a failed authorization is shown, as text', async () => {
  await using world = await startWorld();
  const query = { error: 'invalid_scope', error_description: 'The scope <b>x.read</b> is not part of the app' };
  const { text } = await world.client.get('/oauth/callback').query(query).set('accept', 'text/html').expect(400);
  expect(text).toContain('invalid_scope: The scope &lt;b&gt;x.read&lt;/b&gt; is not part of the app');
});

test('a scanner that looks at the callback’s address uses up no code', async () => {
  await using world = await startWorld({ isIdle: true });
  const code = world.highlevel.approveInstall(world.highlevel.addLocation().id);
  await world.client.head('/oauth/callback').query({ code }).expect(200);
  await world.finishInstall(code);
  expect(await world.db.installation.count({ where: { status: 'active' } })).toBe(1);
});
