import { runCleanup } from '../../src/worker/cleanup.ts';
import { htmlHeaders, openSignInForm, submitSignIn } from '../support/operator-session.ts';
import { adminToken } from '../support/production-settings.ts';
import { startWorld, type World } from '../support/world.ts';

const idle = { isIdle: true };
const minute = 60_000;
const day = 24 * 60 * minute;

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const request = (world: World, token: string, from = '203.0.113.7') =>
  world.client.get('/api/locations').set({ ...bearer(token), 'x-forwarded-for': from });
const exchange = (world: World, encryptedData: string, from = '203.0.113.7') =>
  world.client.post('/api/session').set('x-forwarded-for', from).send({ encryptedData });

async function repeatRequest(times: number, send: () => PromiseLike<{ status: number }>): Promise<number[]> {
  const statuses: number[] = [];
  for (let count = 0; count < times; count++) statuses.push((await send()).status);
  return [...new Set(statuses)];
}

test('a request without a token, or with an invalid signed one, is no failure and locks out no caller of the same address', async () => {
  await using world = await startWorld(idle);
  const { id, companyId } = await world.install();
  const address = { 'x-forwarded-for': '203.0.113.7' };
  for (const path of ['/api/locations', '/embed/pages/', '/embed/live/']) {
    expect(await repeatRequest(25, () => world.client.get(path).set(address))).toEqual([401]);
    const basic = { ...address, authorization: 'Basic b3BlcmF0b3I6eA==' };
    expect(await repeatRequest(5, () => world.client.get(path).set(basic))).toEqual([401]);
  }
  expect(await repeatRequest(25, () => request(world, 'a.b.c'))).toEqual([401]);
  await request(world, adminToken).expect(200);
  await exchange(world, world.highlevel.createUserContext({ companyId, activeLocation: id })).expect(200);
  expect(await world.db.authFailure.count()).toBe(0);
});

test('failures with the operator’s token, contexts and the sign-in are counted separately; valid users are not locked out', async () => {
  await using world = await startWorld(idle);
  const { id, companyId } = await world.install();
  const context = () => world.highlevel.createUserContext({ companyId, activeLocation: id });
  const token = (await exchange(world, context()).expect(200)).body.token;
  const form = await openSignInForm(world);
  const signIn = (wanted: string) => submitSignIn(world, form, { token: wanted }).set('x-forwarded-for', '203.0.113.7');

  expect(await repeatRequest(20, () => request(world, 'wrong'))).toEqual([401]);
  await request(world, adminToken).expect(429);
  // A signed token is looked at first.
  await request(world, token).expect(200);
  await exchange(world, context()).expect(200);
  expect(await repeatRequest(20, () => signIn('wrong'))).toEqual([401]);
  await signIn(adminToken).expect(429);
  expect(await repeatRequest(20, () => exchange(world, 'wrong'))).toEqual([401]);
  await exchange(world, context()).expect(429);
  await request(world, token).expect(200);
  await request(world, adminToken, '203.0.113.8').expect(200);
});

test('an operator’s token with two dots has the same failure limit as others', async () => {
  await using world = await startWorld({ ...idle, services: { adminToken: 'one.two-of-the-operator.three' } });
  expect(await repeatRequest(20, () => request(world, 'a.b.c'))).toEqual([401]);
  await request(world, 'one.two-of-the-operator.three').expect(429);
  await request(world, 'one.two-of-the-operator.three', '203.0.113.8').expect(200);
});

test('all addresses of one IPv6 network count as one, an IPv4 address in IPv6 form as itself', async () => {
  await using world = await startWorld(idle);
  let host = 0;
  const next = () => `2001:db8:1:2:${(host++).toString(16)}::1`;
  expect(await repeatRequest(20, () => exchange(world, 'wrong', next()))).toEqual([401]);
  await exchange(world, 'wrong', next()).expect(429);
  await exchange(world, 'wrong', '2001:db8:1:3::1').expect(401);
  expect(await repeatRequest(20, () => request(world, 'wrong', '::ffff:203.0.113.9'))).toEqual([401]);
  await request(world, 'wrong', '203.0.113.9').expect(429);
});

test('failures are counted in a metric and by the minute, raise an alert, and are one audit entry a minute', async () => {
  await using world = await startWorld({ ...idle, watchesAlerts: true });
  for (let host = 0; host < 30; host++) {
    await exchange(world, 'wrong', `203.0.113.${host}`).expect(401);
    await request(world, 'wrong', `203.0.113.${host}`).expect(401);
  }
  expect((await world.client.get('/metrics')).text).toContain('patchbay_auth_failures_total{kind="context"} 30');
  await world.advanceUntil(async () => (await world.db.alert.count({ where: { kind: 'auth_failures', endedAt: null } })) === 2);
  const alerts = await world.db.alert.findMany({ where: { kind: 'auth_failures' }, orderBy: { subject: 'asc' } });
  expect(alerts.map(({ subject, details }) => [subject, /^30 /.test(details)])).toEqual([
    ['context', true],
    ['operator_token', true],
  ]);
  const entries = await world.db.auditEntry.findMany({
    where: { action: { contains: 'refused' } },
    orderBy: { action: 'asc' },
  });
  expect(entries.map(({ action, details }) => [action, details])).toEqual([
    ['context_refused', expect.stringMatching(/^In this minute: 30\. .*203\.0\.113\./)],
    ['operator_token_refused', expect.stringMatching(/^In this minute: 30\. /)],
  ]);
  await world.advanceUntil(async () => (await world.db.alert.count({ where: { kind: 'auth_failures', endedAt: null } })) === 0);

  world.clock.jump(91 * day);
  await runCleanup(world.services);
  expect(await world.db.auditEntry.count({ where: { action: { contains: 'refused' } } })).toBe(0);
  expect(await world.db.authFailure.count()).toBe(0);
});

test('neither a view of the sign-in page, nor a failed sign-in, nor a started install writes a row of its own', async () => {
  await using world = await startWorld(idle);
  for (let count = 0; count < 10; count++) await world.client.get('/admin/sign-in').set(htmlHeaders).expect(200);
  const form = await openSignInForm(world);
  for (let count = 0; count < 10; count++) await submitSignIn(world, form, { token: 'wrong' }).expect(401);
  for (let count = 0; count < 10; count++) await world.client.get('/install').expect(302);
  expect(await world.db.session.count()).toBe(0);
  await world.advance(5_000);
  expect(await world.db.auditEntry.count()).toBeLessThanOrEqual(2);
});

test('failures with the metrics token are counted like others, and a collector without a token is no failure', async () => {
  const metricsToken = 'metrics-token-of-the-tests';
  await using world = await startWorld({ ...idle, services: { metricsToken } });
  const metrics = (token: string) => world.client.get('/metrics').set(bearer(token));
  expect(await repeatRequest(25, () => world.client.get('/metrics'))).toEqual([401]);
  await metrics(metricsToken).expect(200);
  expect(await repeatRequest(20, () => metrics('wrong'))).toEqual([401]);
  await metrics(metricsToken).expect(429);
  await request(world, adminToken).expect(200);
});
