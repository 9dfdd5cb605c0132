import { toLocationOwner } from '../../src/highlevel/client.ts';
import { createAccessTokens } from '../../src/installations/access-token.ts';
import { reconcileDueInstallations } from '../../src/installations/reconciler.ts';
import { renewToken } from '../../src/installations/renew-token.ts';
import { createTokenSources } from '../../src/installations/token-sources.ts';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import { startWorld, type World } from '../support/world.ts';

const hour = 60 * 60_000;
const refreshes = (world: World) => world.highlevel.calls.listByOperation('token:refresh_token');
/** Creates the tokens of another process, which shares only the database. */
const anotherProcess = (world: World) => {
  const { services } = world;
  const baseURL = services.highLevelHttp.defaults.baseURL as string;
  const highLevelHttp = createHttpClient({ baseURL, timeoutMs: 2_000, allowPrivateTargets: true });
  const tokenSources = createTokenSources({ ...services, highLevelHttp });
  return createAccessTokens({ ...services, renewToken: (row) => renewToken({ ...services, tokenSources }, row) });
};

test('a token is used while it is valid and refreshed ahead of its expiry', async () => {
  await using world = await startWorld({ isIdle: true });
  const { id } = await world.install();
  const first = await world.services.tokens.getToken(toLocationOwner(id));
  world.clock.jump(23 * hour);
  expect(await world.services.tokens.getToken(toLocationOwner(id))).toBe(first);
  world.clock.jump(45 * 60_000);
  expect(await world.services.tokens.getToken(toLocationOwner(id))).not.toBe(first);
  expect(refreshes(world)).toHaveLength(1);
});

test('concurrent callers in several processes consume one refresh token', async () => {
  await using world = await startWorld({ isIdle: true });
  const { id } = await world.install();
  world.clock.jump(24 * hour);
  const processes = [world.services.tokens, anotherProcess(world), anotherProcess(world)];
  const asked = Promise.all(
    processes.flatMap((tokens) => Array.from({ length: 20 }, () => tokens.getToken(toLocationOwner(id)))),
  );
  let isDone = false;
  asked.finally(() => (isDone = true)).catch(() => {});
  await world.advanceUntil(() => isDone);

  expect(new Set(await asked).size).toBe(1);
  expect(refreshes(world)).toHaveLength(1);
});

test('the new tokens are committed before either is used', async () => {
  await using world = await startWorld({ isIdle: true });
  const { id } = await world.install();
  const before = await world.db.installation.findFirstOrThrow();
  world.clock.jump(24 * hour);
  const token = await world.services.tokens.getToken(toLocationOwner(id));
  const after = await world.db.installation.findFirstOrThrow();
  expect(after.refreshToken).not.toBe(before.refreshToken);
  expect(after).toMatchObject({ refreshLease: null, refreshLeaseUntil: null });
  expect(await anotherProcess(world).getToken(toLocationOwner(id))).toBe(token);
});

test.each([
  ['is down', { status: 503 }],
  ['cuts the connection', { cut: 'before_handling' }],
] as const)('a refresh while HighLevel %s changes nothing, and an unexpired token is still used', async (_name, does) => {
  await using world = await startWorld({ isIdle: true });
  const { id } = await world.install();
  const first = await world.services.tokens.getToken(toLocationOwner(id));
  world.clock.jump(23.7 * hour);
  const before = await world.db.installation.findFirstOrThrow();
  world.highlevel.faults.add({ operation: 'token:refresh_token', times: 2, effect: does });
  expect(await world.services.tokens.getToken(toLocationOwner(id))).toBe(first);
  const attempt = { refreshAttemptedAt: expect.any(Date) };
  const heldLease = { refreshLease: expect.any(String), refreshLeaseUntil: expect.any(Date), reconcileAt: expect.any(Date) };
  expect(await world.db.installation.findFirstOrThrow()).toEqual({
    ...before,
    ...attempt,
    ...('cut' in does ? heldLease : {}),
  });
  world.clock.jump(hour);
  await expect(world.services.tokens.getToken(toLocationOwner(id))).rejects.toMatchObject({ code: 'highlevel_unreachable' });
  expect(await world.services.tokens.getToken(toLocationOwner(id))).toMatch(/^access\./);
});

test('a 401 leads to one refresh and one retry', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.highlevel.expireTokens();
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.advanceUntilReported(messageId);
  expect(world.highlevel.listStatuses(messageId)).toEqual(['delivered']);
  expect(refreshes(world)).toHaveLength(1);
});

test('a process that dies between HighLevel’s response and our commit loses no token: the old refresh token works for 30 seconds', async () => {
  await using world = await startWorld({ isIdle: true });
  const { id } = await world.install();
  world.clock.jump(24 * hour);
  world.highlevel.faults.add({ operation: 'token:refresh_token', times: 1, effect: { cut: 'after_handling' } });
  await expect(world.services.tokens.getToken(toLocationOwner(id))).rejects.toMatchObject({ code: 'highlevel_unreachable' });
  world.clock.jump(21_000);
  expect(await world.services.tokens.getToken(toLocationOwner(id))).toMatch(/^access\./);
});

test('the lease of a dead process is taken over when it expires', async () => {
  await using world = await startWorld({ isIdle: true });
  const { id } = await world.install();
  world.clock.jump(24 * hour);
  await world.db.installation.updateMany({
    data: { refreshLease: '01890000-0000-7000-8000-000000000000', refreshLeaseUntil: new Date(world.clock.now() + 20_000) },
  });
  let token = '';
  const asked = world.services.tokens.getToken(toLocationOwner(id)).then((given) => (token = given));
  await world.advanceUntil(() => token !== '');
  expect(await asked).toMatch(/^access\./);
});

test.each([
  ['a token that HighLevel has rejected', 1 * hour],
  ['a token that expires soon', 23.7 * hour],
])('a process that was killed in the refresh of %s is followed by one that repeats it at once', async (_name, age) => {
  await using world = await startWorld({ isIdle: true });
  const { id } = await world.install();
  const first = await world.services.tokens.getToken(toLocationOwner(id));
  world.clock.jump(age);
  // As it leaves the row: the lease is held, the token is spent, and the new one is not stored.
  const { highlevel, db, clock } = world;
  const lease = { refreshLease: '01890000-0000-7000-8000-000000000000', refreshLeaseUntil: new Date(clock.now() + 12_000) };
  await db.installation.updateMany({
    data: { ...lease, refreshAttemptedAt: new Date(clock.now()), reconcileAt: lease.refreshLeaseUntil },
  });
  highlevel.expireTokens();
  clock.jump(13_000);
  await reconcileDueInstallations(world.services);
  expect(refreshes(world)).toHaveLength(1);
  expect(await world.services.tokens.getToken(toLocationOwner(id))).not.toBe(first);
  expect(await db.installation.findFirstOrThrow()).toMatchObject({ refreshLease: null, status: 'active' });
});

test('a refresh ahead of the expiry whose response was lost is repeated while HighLevel accepts the spent token', async () => {
  await using world = await startWorld({ isIdle: true });
  const { id } = await world.install();
  const first = await world.services.tokens.getToken(toLocationOwner(id));
  world.clock.jump(23.7 * hour);
  world.highlevel.faults.add({ operation: 'token:refresh_token', times: 1, effect: { cut: 'after_handling' } });
  expect(await world.services.tokens.getToken(toLocationOwner(id))).toBe(first);
  world.clock.jump(13_000);
  await reconcileDueInstallations(world.services);
  expect(await world.services.tokens.getToken(toLocationOwner(id))).not.toBe(first);
  const spent = refreshes(world).map(({ body }) => (body as { refresh_token: string }).refresh_token);
  expect([spent.length, new Set(spent).size]).toEqual([2, 1]);
  expect(world.highlevel.calls.listByOperation('reconnect')).toEqual([]);
});

test('while no response comes from HighLevel, a refresh is repeated once, and then once a minute', async () => {
  await using world = await startWorld({ isIdle: true });
  const { id } = await world.install();
  world.clock.jump(23.7 * hour);
  world.highlevel.faults.add({ operation: 'token:refresh_token', times: 1_000, effect: { cut: 'before_handling' } });
  for (let call = 0; call < 30; call++) {
    await world.services.tokens.getToken(toLocationOwner(id));
    await reconcileDueInstallations(world.services);
    world.clock.jump(6_000);
  }
  expect(refreshes(world).length).toBeLessThanOrEqual(2 * 4);
  expect(await world.db.installation.findFirstOrThrow()).toMatchObject({ status: 'active' });
});

test('a location whose token is rejected waits, and resumes when it is active again', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  Object.assign(world.highlevel.state.locations[location.id] ?? {}, { isActive: false });
  world.clock.jump(24 * hour);
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.waitFor(async () => (await world.getMessage(messageId)).reasonCode === 'location_inactive');
  expect((await world.api.get(`/locations/${location.id}`)).body).toMatchObject({ status: 'suspended' });
  await world.advance(10 * 60_000, 10_000);
  expect(world.vendor.requests).toEqual([]);
  expect(await world.getMessage(messageId)).toMatchObject({ state: 'pending', reasonCode: 'location_inactive' });

  Object.assign(world.highlevel.state.locations[location.id] ?? {}, { isActive: true });
  await world.advanceUntil(() => world.highlevel.listStatuses(messageId).length > 0, 'reported', 10_000);
  expect(world.highlevel.listStatuses(messageId)).toEqual(['delivered']);
  expect((await world.api.get(`/locations/${location.id}`)).body).toMatchObject({ status: 'active' });
});

test('an invalid refresh token requires a new install, which resolves it', async () => {
  await using world = await startWorld({ behaviour: { canReconnect: false } });
  const location = await world.setUpLocation();
  world.highlevel.revokeTokens();
  world.clock.jump(24 * hour);
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.waitFor(async () => (await world.getMessage(messageId)).reasonCode === 'reauth_required');
  expect(refreshes(world)).toHaveLength(1);

  const code = world.highlevel.approveInstall(location.id);
  await world.finishInstall(code);
  await world.advanceUntilReported(messageId);
});
