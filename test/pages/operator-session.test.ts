import {
  getCsrfToken,
  getSessionCookie,
  htmlHeaders,
  openSignInForm,
  signInOperator,
  submitSignIn,
} from '../support/operator-session.ts';
import { adminToken } from '../support/production-settings.ts';
import { startWorld } from '../support/world.ts';

const idle = { isIdle: true };
const hour = 60 * 60_000;

test('the token opens the pages, in a new session whose cookie is hidden from scripts, other sites’ forms and other pages', async () => {
  await using world = await startWorld(idle);
  const form = await openSignInForm(world, '?to=/admin/keys');
  expect(form.page.headers['content-security-policy']).toContain("frame-ancestors 'none'");
  expect(form.page.headers['content-security-policy']).toContain("script-src 'self'");
  const response = await submitSignIn(world, form, { to: '/admin/keys' }).expect(303);
  expect(response.headers.location).toBe('/admin/keys');
  expect(String(response.headers['set-cookie'])).toMatch(
    /patchbay_admin=[^;]+; Path=\/admin; Expires=[^;]+; HttpOnly; SameSite=Lax/,
  );

  // Session fixation: the session id from before the sign-in gives no access.
  const [old, renewed] = [form.cookie, getSessionCookie(response)];
  expect(renewed).not.toBe(old);
  expect(
    (
      await world.client
        .get('/admin')
        .set({ ...htmlHeaders, cookie: old })
        .expect(303)
    ).headers.location,
  ).toBe('/admin/sign-in');
  const page = await world.client
    .get('/admin')
    .set({ ...htmlHeaders, cookie: renewed })
    .expect(200);
  expect(page.headers).toMatchObject({ 'cache-control': 'no-store', 'referrer-policy': 'same-origin' });
  expect(page.text).toContain('Patchbay 0.0.0-test');
  expect(page.text).not.toContain(adminToken);
  const wanted = await world.client
    .get('/admin/sign-in')
    .set({ ...htmlHeaders, cookie: renewed })
    .expect(303);
  expect(wanted.headers.location).toBe('/admin');
});

test('over https the cookie is for https alone', async () => {
  await using world = await startWorld({ ...idle, services: { appUrl: 'https://patchbay.example' } });
  const page = await world.client.get('/admin/sign-in').set({ ...htmlHeaders, 'x-forwarded-proto': 'https' });
  const [cookie, ...rest] = String(page.headers['set-cookie']).split('; ');
  expect(cookie).toMatch(/^__Host-patchbay_sign_in=/);
  expect(rest).toEqual(expect.arrayContaining(['Path=/', 'HttpOnly', 'Secure', 'SameSite=Strict']));
  const response = await world.client
    .post('/admin/sign-in')
    .set({ ...htmlHeaders, cookie: String(cookie), 'x-forwarded-proto': 'https' })
    .type('form')
    .send({ token: adminToken, csrf: getCsrfToken(page) })
    .expect(303);
  const set = (response.headers['set-cookie'] as unknown as string[]).find((one) => one.startsWith('__Secure-patchbay_admin='));
  expect(set).toMatch(/; Path=\/admin; .*HttpOnly; Secure; SameSite=Lax/);
  const install = await world.client.get('/install').set('x-forwarded-proto', 'https').expect(302);
  expect(String(install.headers['set-cookie'])).toMatch(/^__Host-patchbay=[^;]+; .*Path=\/; .*HttpOnly; Secure; SameSite=Lax/);
});

test('without a session every page and form redirects to the sign-in and back', async () => {
  await using world = await startWorld(idle);
  const location = await world.install();
  const away = await world.client.get('/admin/locations?q=a b').set(htmlHeaders).expect(303);
  expect(away.headers.location).toBe('/admin/sign-in?to=%2Fadmin%2Flocations%3Fq%3Da%2520b');
  await world.client.get('/admin/live/').set({ 'x-in-background': '1' }).expect(401);
  await world.client.get('/admin/live/').expect(303);
  const leave = `/admin/locations/${location.id}`;
  const lost = await world.client.post(leave).set(htmlHeaders).type('form').send({ do: 'disconnect' }).expect(303);
  expect((await world.client.get(String(lost.headers.location)).set(htmlHeaders).expect(200)).text).toContain(
    'no change was made',
  );
  expect((await openSignInForm(world)).page.text).not.toContain('no change was made');
  const out = await world.client.post('/admin/sign-out').set(htmlHeaders).expect(303);
  expect(out.headers.location).toBe('/admin/sign-in');
  expect((await world.api.get(`/locations/${location.id}`)).body.status).toBe('active');

  for (const to of [
    'https://evil.example/admin',
    '//evil.example',
    '/admin@evil.example',
    '/\\evil.example',
    '/oauth',
    '/admin/sign-out',
  ]) {
    const response = await submitSignIn(world, await openSignInForm(world), { to }).expect(303);
    expect({ to, location: response.headers.location }).toEqual({ to, location: '/admin' });
  }
});

test('a wrong token is reported and audited, and after many failures an address is rejected even with the right token', async () => {
  await using world = await startWorld(idle);
  const form = await openSignInForm(world);
  const wrong = await submitSignIn(world, form, { token: 'not-the-token <b>' }).expect(401);
  expect(wrong.text).toContain('Wrong token');
  expect(wrong.text).not.toContain('not-the-token');
  expect(getSessionCookie(wrong) || form.cookie).toBe(form.cookie);
  for (let count = 0; count < 19; count++) await submitSignIn(world, form, { token: 'another wrong one' }).expect(401);
  const refused = await submitSignIn(world, form).expect(429);
  expect(refused.text).toContain('Too many requests');
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  await world.advanceUntil(async () => (await world.db.auditEntry.count()) > 0);
  const audited = await world.db.auditEntry.findMany({ orderBy: { id: 'asc' } });
  expect(audited).toMatchObject([
    { action: 'operator_sign_in_failed', actor: 'patchbay', details: expect.stringContaining('127.0.0.1') },
  ]);
});

test('a forged form is rejected: without the session’s token, with another session’s, or from another origin', async () => {
  await using world = await startWorld(idle);
  const location = await world.install();
  const operator = await signInOperator(world);
  const path = `/locations/${location.id}`;
  const refused = async (fields: Record<string, string>, headers: Record<string, string> = {}) => {
    const response = await operator.post(path, { do: 'disconnect', ...fields }, headers).expect(403);
    expect(response.text).toContain('Form expired');
  };
  await refused({ csrf: '' });
  await refused({ csrf: 'invented' });
  await refused({ csrf: (await signInOperator(world)).csrf });
  await refused({}, { origin: 'https://evil.example' });
  await refused({}, { origin: 'null' });
  await refused({}, { 'sec-fetch-site': 'cross-site' });
  await refused({}, { 'sec-fetch-site': 'same-site' });
  expect((await world.api.get(`/locations/${location.id}`)).body.status).toBe('active');
  const form = await openSignInForm(world);
  await submitSignIn(world, { ...form, csrf: 'invented' }).expect(403);
  // The form of a tab in which an earlier session was open: nobody is shown JSON.
  const stale = await operator.post('/sign-out', { csrf: (await signInOperator(world)).csrf }).expect(403);
  expect(stale.text).toContain('Form expired');
  await submitSignIn(world, form).set('origin', 'https://evil.example').expect(403);

  const own = { origin: world.url, 'sec-fetch-site': 'same-origin' };
  const done = await operator.post(path, { do: 'disconnect' }, own).expect(200);
  expect(done.text).toContain('The location is disconnected.');
  expect((await world.api.get(`/locations/${location.id}`)).body.status).toBe('uninstalled');
});

test('signing out deletes the session and ends its live streams; sign-in and sign-out are audited', async () => {
  await using world = await startWorld(idle);
  const operator = await signInOperator(world);
  const stream = await fetch(`${world.url}/admin/live/`, { headers: { cookie: operator.cookie, 'x-in-background': '1' } });
  const reader = (stream.body as ReadableStream<Uint8Array>).getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).toContain('event: version');
  const out = await operator.post('/sign-out').expect(303);
  expect(out.headers.location).toBe('/admin/sign-in');
  while (!(await reader.read()).done);
  await operator.get('').expect(303);
  expect(await world.db.session.count()).toBe(0);
  const audited = await world.db.auditEntry.findMany({ orderBy: { id: 'asc' }, select: { action: true, actor: true } });
  expect(audited).toEqual([
    { action: 'operator_signed_in', actor: 'operator' },
    { action: 'operator_signed_out', actor: 'operator' },
  ]);
});

test('a session ends after twelve hours, after an hour without a page view, and when the token changes', async () => {
  await using world = await startWorld(idle);
  const busy = await signInOperator(world);
  world.clock.jump(12 * hour - 1_000);
  await busy.get('').expect(200);
  world.clock.jump(2_000);
  await busy.get('').expect(303);

  const away = await signInOperator(world);
  const getRow = () =>
    world.db.session.findFirstOrThrow({ where: { data: { contains: 'signedInAt' } }, orderBy: { expiresAt: 'desc' } });
  const ago = new Date((await getRow()).expiresAt.getTime() - 60_000);
  await world.db.session.updateMany({ data: { expiresAt: ago } });
  // Requests of the page's scripts do not extend the session; a page view does.
  await away.get('/keys', { 'x-in-background': '1' }).expect(200);
  expect((await getRow()).expiresAt).toEqual(ago);
  await away.get('/keys').expect(200);
  expect((await getRow()).expiresAt.getTime()).toBeGreaterThan(ago.getTime());
  await world.db.session.updateMany({ data: { expiresAt: new Date(0) } });
  await away.get('/keys').expect(303);

  const before = await signInOperator(world);
  const { createHttpApp: createApp } = await import('../../src/http/app.ts');
  const { default: request } = await import('supertest');
  const withToken = (token: string | undefined) => request(createApp({ ...world.services, adminToken: token }));
  const visit = (token: string | undefined) =>
    withToken(token)
      .get('/admin')
      .set({ ...htmlHeaders, cookie: before.cookie });
  await visit(adminToken).expect(200);
  await visit('another-operator-token').expect(303);
  await visit(undefined).expect(303);
  const none = await withToken(undefined).get('/admin/sign-in').set(htmlHeaders).expect(200);
  expect(none.text).toContain('ADMIN_TOKEN=');
  expect(getCsrfToken(none)).toBe('');
  await withToken(undefined).post('/admin/sign-in').set(htmlHeaders).type('form').send({ token: 'undefined' }).expect(200);
});

test('tokens of the API and the embedded page do not open the operator’s pages, nor the session the API or the embedded page', async () => {
  await using world = await startWorld(idle);
  const location = await world.install();
  const operator = await signInOperator(world);
  const { body } = await world.client
    .post('/api/session')
    .send({ encryptedData: world.highlevel.createUserContext({ companyId: location.companyId, activeLocation: location.id }) })
    .expect(200);
  for (const token of [adminToken, body.token]) {
    await world.client
      .get('/admin')
      .set({ ...htmlHeaders, authorization: `Bearer ${token}` })
      .expect(303);
  }
  for (const path of ['/api/overview', '/embed/pages/', '/embed/live/']) {
    await world.client.get(path).set({ cookie: operator.cookie }).expect(401);
  }
  // A session of an installation does not open the operator's pages, although it is in the same table with the same signature.
  const install = await world.client.get('/install').expect(302);
  const cookie = String(install.headers['set-cookie']).match(/patchbay=([^;]+)/)?.[1];
  await world.client
    .get('/admin')
    .set({ ...htmlHeaders, cookie: `patchbay_admin=${cookie}` })
    .expect(303);
});
