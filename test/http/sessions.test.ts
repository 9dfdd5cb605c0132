import { minimalScopes } from '../../src/highlevel/operations.ts';
import { runCleanup } from '../../src/worker/cleanup.ts';
import { getSessionCookie, signInOperator } from '../support/operator-session.ts';
import { createPageClient } from '../support/page-client.ts';
import { openStream } from '../support/streams.ts';
import { startWorld, type World } from '../support/world.ts';

const idle = { isIdle: true };
const hour = 60 * 60_000;
const exchange = (world: World, encryptedData: string) => world.client.post('/api/session').send({ encryptedData });
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** An agency that has the app, with one location. */
async function agency(world: World) {
  const company = world.highlevel.addCompany({ name: 'Brightside Agency' });
  const location = world.highlevel.addLocation({ companyId: company.id });
  const code = world.highlevel.approveCompanyInstall(company.id);
  await world.finishInstall(code);
  await world.advanceUntil(
    async () => (await world.db.installation.count({ where: { companyId: company.id, status: 'active' } })) === 2,
  );
  await world.db.installation.updateMany({ where: { resourceId: company.id }, data: { name: 'Brightside Agency' } });
  return { companyId: company.id, locationId: location.id };
}

test('a context that was first seen eight hours ago is rejected, despite repeats since then and a cleanup', async () => {
  await using world = await startWorld(idle);
  const { id, companyId } = await world.install();
  const context = world.highlevel.createUserContext({ companyId, activeLocation: id });
  await exchange(world, context).expect(200);
  world.clock.jump(7 * hour);
  await exchange(world, context).expect(200);
  world.clock.jump(hour + 1);
  const { body } = await exchange(world, context).expect(401);
  expect(body.error.code).toBe('context_invalid');
  world.clock.jump(300 * 24 * hour);
  await runCleanup(world.services);
  await exchange(world, context).expect(401);
  await exchange(world, world.highlevel.createUserContext({ companyId, activeLocation: id })).expect(200);
});

test('an agency’s admin ends all sessions of a location: tokens, streams and contexts end, others’ do not, new ones begin', async () => {
  await using world = await startWorld();
  const { companyId, locationId } = await agency(world);
  const other = await world.install();
  const context = world.highlevel.createUserContext({ companyId, activeLocation: locationId });
  const token = (await exchange(world, context).expect(200)).body.token as string;
  const elsewhere = await world.createUserToken({ companyId: other.companyId, activeLocation: other.id });
  const [stream, kept] = [await openStream(world, token), await openStream(world, elsewhere)];
  const local = await world.apiAs({ companyId, activeLocation: locationId });
  const admin = await world.apiAs({ companyId });

  await local.post(`/locations/${locationId}/sessions/revoke`).expect(403);
  await admin.post(`/locations/${other.id}/sessions/revoke`).expect(404);
  const page = await createPageClient(world, { companyId });
  expect((await page.get(`locations/${locationId}/`).expect(200)).text).toContain('End all sessions');
  expect((await (await createPageClient(world, { companyId, activeLocation: locationId })).get('')).text).not.toContain(
    'End all sessions',
  );
  await admin.post(`/locations/${locationId}/sessions/revoke`).expect(200);

  await world.client.get('/api/locations').set(bearer(token)).expect(401);
  await world.client.get('/embed/pages/').set(bearer(token)).expect(401);
  await exchange(world, context).expect(401);
  await world.advance(6_000);
  await world.waitFor(() => stream.hasEnded);
  expect(kept.hasEnded).toBe(false);
  kept.stop();
  await admin.get(`/locations/${locationId}`).expect(200);
  await (await world.apiAs({ companyId, activeLocation: locationId })).get(`/locations/${locationId}`).expect(200);
  const { body } = await world.api.get(`/locations/${locationId}/audit`).expect(200);
  expect(body.items[0]).toMatchObject({ action: 'sessions_revoked', actor: 'SandboxUser000000001' });
});

test('an agency’s sessions are ended together with those of its locations, by its admin or the operator', async () => {
  await using world = await startWorld();
  const { companyId, locationId } = await agency(world);
  const tokens = [
    await world.createUserToken({ companyId }),
    await world.createUserToken({ companyId, activeLocation: locationId }),
  ];
  const local = await world.apiAs({ companyId, activeLocation: locationId });
  await local.post(`/companies/${companyId}/sessions/revoke`).expect(403);
  const done = await (await createPageClient(world, { companyId })).post('agency', { do: 'revoke' }).expect(200);
  expect(done.text).toContain('have ended');
  for (const token of tokens) await world.client.get('/api/locations').set(bearer(token)).expect(401);
  await world.advance(1_000);
  const again = await world.createUserToken({ companyId });
  await world.api.post(`/companies/${companyId}/sessions/revoke`).expect(200);
  await world.client.get('/api/locations').set(bearer(again)).expect(401);
});

test('a stream ends when the app leaves its location', async () => {
  await using world = await startWorld(idle);
  const location = await world.install();
  const stream = await openStream(
    world,
    await world.createUserToken({ companyId: location.companyId, activeLocation: location.id }),
  );
  await world.advance(6_000);
  expect(stream.hasEnded).toBe(false);
  await world.db.installation.updateMany({ where: { resourceId: location.id }, data: { status: 'uninstalled' } });
  await world.advance(6_000);
  await world.waitFor(() => stream.hasEnded);
});

test('an operator’s stream ends when the session was ended by another process', async () => {
  await using world = await startWorld(idle);
  const operator = await signInOperator(world);
  const stream = await openStream(world, null, '/admin/live/', { cookie: operator.cookie, 'x-in-background': '1' });
  await world.advance(6_000);
  expect(stream.hasEnded).toBe(false);
  await world.db.session.deleteMany();
  await world.advance(6_000);
  await world.waitFor(() => stream.hasEnded);
});

test('signing out says what the browser must forget, and takes its cookie back', async () => {
  await using world = await startWorld(idle);
  const operator = await signInOperator(world);
  const out = await operator.post('/sign-out').expect(303);
  expect(out.headers['clear-site-data']).toBe('"cache", "storage"');
  expect(String(out.headers['set-cookie'])).toMatch(/patchbay_admin=; Path=\/admin; Expires=Thu, 01 Jan 1970/);
  expect(getSessionCookie(out)).toBe('');
});

test('an agency’s plain user gets no token for all of its locations, and the response says why', async () => {
  await using world = await startWorld(idle);
  const { companyId } = await world.install();
  const { body } = await exchange(world, world.highlevel.createUserContext({ companyId, role: 'user' })).expect(403);
  expect(body.error).toMatchObject({ code: 'agency_admins_only', message: expect.stringContaining('for its admins') });
  expect((await world.client.get('/embed').set('accept-language', 'en')).text).toContain('data-problem="agency_admins_only"');
});

test('an agency’s admin takes the app out of it only with its name and a new handshake; the operator needs neither', async () => {
  await using world = await startWorld(idle);
  const { companyId } = await world.install();
  const company = world.highlevel.addCompany({ id: companyId, name: 'Harbour' });
  const code = world.highlevel.approveCompanyInstall(company.id, []);
  await world.finishInstall(code);
  await world.db.installation.updateMany({ where: { resourceId: companyId }, data: { name: 'Harbour Agency' } });
  const status = async () => (await world.api.get(`/companies/${companyId}`)).body.status;
  const context = world.highlevel.createUserContext({ companyId });
  const leave = async (query: string) => {
    const { body } = await exchange(world, context).expect(200);
    return world.client.delete(`/api/companies/${companyId}${query}`).set(bearer(body.token));
  };
  expect((await leave('')).status).toBe(422);
  expect((await leave('?confirm=Another%20Agency')).body.error.message).toContain('Harbour Agency');
  world.clock.jump(5 * 60_000 + 1);
  // The same context gives a new token, but it is an old context.
  expect((await leave('?confirm=Harbour%20Agency')).status).toBe(401);
  expect(await status()).toBe('active');

  const page = await createPageClient(world, { companyId });
  expect((await page.get('agency').expect(200)).text).toContain('type the agency’s name: Harbour Agency');
  const wrong = await page.post('agency', { do: 'leave', confirm: 'Harbour' }).expect(422);
  expect(wrong.text).toContain('This is not the agency’s name');
  expect(await status()).toBe('active');
  await page.post('agency', { do: 'leave', confirm: ' harbour  agency ' }).expect(200);
  expect(await status()).toBe('uninstalled');
});

test('the page gets a new context when leaving needs one: an older token is rejected like an expired one', async () => {
  await using world = await startWorld();
  const { companyId } = await agency(world);
  const page = await createPageClient(world, { companyId });
  world.clock.jump(6 * 60_000);
  await page.post('agency', { do: 'leave', confirm: 'Brightside Agency' }).expect(401);
  await (await createPageClient(world, { companyId }))
    .post('agency', { do: 'leave', confirm: 'Brightside Agency' })
    .expect(200);
});

test('where the app may read users, HighLevel is asked whether it is the agency’s admin who takes it out', async () => {
  await using world = await startWorld({ scopes: [...minimalScopes, 'users.readonly'] });
  const { companyId } = await agency(world);
  const leave = async (userId: string) =>
    (await world.apiAs({ companyId, userId })).delete(`/companies/${companyId}?confirm=Brightside%20Agency`);
  const demoted = await world.apiAs({ companyId, userId: 'Demoted000000000001' });
  world.highlevel.users.set('Demoted000000000001', { companyId, role: 'user', type: 'agency' });
  await demoted.delete(`/companies/${companyId}?confirm=Brightside%20Agency`).expect(403);
  const unknown = await world.apiAs({ companyId, userId: 'Forged0000000000001' });
  world.highlevel.users.delete('Forged0000000000001');
  await unknown.delete(`/companies/${companyId}?confirm=Brightside%20Agency`).expect(403);
  expect((await leave('Admin00000000000001')).status).toBe(202);
  expect(world.highlevel.calls.listByOperation('getUser').map(({ status }) => status)).toEqual([200, 400, 200]);
});

test('a context that is shown again from ever new addresses is written down once and counted each time', async () => {
  await using world = await startWorld(idle);
  const { id, companyId } = await world.install();
  const context = world.highlevel.createUserContext({ companyId, activeLocation: id });
  for (let host = 0; host < 5; host++) await exchange(world, context).set('x-forwarded-for', `203.0.113.${host}`).expect(200);
  expect((await world.client.get('/metrics')).text).toContain('user_context_replays_total 4');
  expect(await world.db.auditEntry.count({ where: { action: 'context_replayed' } })).toBe(1);
});
