import { toLocationOwner } from '../../src/highlevel/client.ts';
import { startWorld, type World } from '../support/world.ts';

const hour = 60 * 60_000;
const refreshes = (world: World) => world.highlevel.calls.listByOperation('token:refresh_token');
const getStatus = async (world: World, id: string) => (await world.api.get(`/locations/${id}`)).body.status;
const setActive = (world: World, id: string, isActive: boolean) =>
  Object.assign(world.highlevel.state.locations[id] ?? {}, { isActive });

async function suspended(world: World) {
  const installed = await world.setUpLocation();
  setActive(world, installed.id, false);
  world.clock.jump(25 * hour);
  await world.advanceUntil(async () => (await getStatus(world, installed.id)) === 'suspended');
  return installed;
}

test('a suspended location is checked after 15 s, 30 s, 1 min, 5 min, 15 min, then hourly, for any number of waiting messages', async () => {
  await using world = await startWorld();
  const installed = await suspended(world);
  for (let count = 0; count < 20; count++) {
    await world.highlevel.sendMessage(installed.id, { contactId: installed.contact.id, text: `waits ${count}` });
  }
  const before = refreshes(world).length;
  const count = () => refreshes(world).length - before;
  const due = async () => {
    const where = { kind_resourceId: { kind: 'location', resourceId: installed.id } } as const;
    return (await world.db.installation.findUniqueOrThrow({ where })).reconcileAt?.getTime() ?? 0;
  };
  for (const [index, seconds] of [15, 30, 60, 300, 900, 3600, 3600].entries()) {
    const isNext = async () => {
      const waitMs = (await due()) - (refreshes(world).at(-1)?.at ?? 0);
      return waitMs >= seconds * 1_000 - 1_500 && waitMs <= seconds * 1_000 + 5_000;
    };
    await world.waitFor(isNext, `it is to be asked about ${seconds} s later`);
    await world.advance((await due()) - world.clock.now() - 1_500, seconds < 300 ? 1_000 : 30_000);
    expect(count()).toBe(index);
    await world.advanceUntil(() => count() === index + 1, `asked ${index + 1} times`);
  }
  const { body } = await world.api.get(`/locations/${installed.id}`);
  expect(body).toMatchObject({ status: 'suspended', statusReason: 'This location is not active at present.' });
});

test('an event that suggests that a suspended location is active reconciles it, and its messages resume at once', async () => {
  await using world = await startWorld();
  const installed = await suspended(world);
  const { messageId } = await world.highlevel.sendMessage(installed.id, { contactId: installed.contact.id, text: 'waits' });
  await world.advance(30 * 60_000, 10_000);
  setActive(world, installed.id, true);
  await world.highlevel.postEvent({ type: 'UPDATE', locationId: installed.id, previousVersionId: '1' });
  const wokenAt = world.clock.now();
  await world.advanceUntilReported(messageId);
  expect(world.highlevel.listStatuses(messageId)).toEqual(['delivered']);
  expect(world.clock.now() - wokenAt).toBeLessThan(30_000);
  expect(await getStatus(world, installed.id)).toBe('active');
});

test('a user context reconciles it too', async () => {
  await using world = await startWorld();
  const installed = await suspended(world);
  setActive(world, installed.id, true);
  await world.apiAs({ companyId: installed.companyId, activeLocation: installed.id });
  const askedAt = world.clock.now();
  await world.advanceUntil(async () => (await getStatus(world, installed.id)) === 'active');
  expect(world.clock.now() - askedAt).toBeLessThan(10_000);
});

test('a location with an invalid refresh token gets a new token from its company', async () => {
  await using world = await startWorld();
  const company = world.highlevel.addCompany();
  const { id } = world.highlevel.addLocation({ companyId: company.id });
  const code = world.highlevel.approveCompanyInstall(company.id);
  await world.finishInstall(code);
  await world.advanceUntil(async () => (await getStatus(world, id)) === 'active');
  world.highlevel.revokeTokens(id);
  expect(
    await world.services.tokens.getReplacementToken(
      toLocationOwner(id),
      await world.services.tokens.getToken(toLocationOwner(id)),
    ),
  ).toMatch(/^access\./);
  expect(world.highlevel.calls.listByOperation('reconnect')).toHaveLength(0);
  expect(await getStatus(world, id)).toBe('active');
});

test('without a company the app reconnects; only when that is rejected too, a new install is required, with a link', async () => {
  await using world = await startWorld();
  const installed = await world.setUpLocation();
  world.highlevel.revokeTokens();
  world.clock.jump(24 * hour);
  expect(await world.services.tokens.getToken(toLocationOwner(installed.id))).toMatch(/^access\./);
  expect(world.highlevel.calls.listByOperation('reconnect')).toHaveLength(1);

  world.highlevel.revokeTokens();
  world.highlevel.behaviour.canReconnect = false;
  world.clock.jump(24 * hour);
  await expect(world.services.tokens.getToken(toLocationOwner(installed.id))).rejects.toMatchObject({
    code: 'reauth_required',
  });
  expect((await world.api.get(`/locations/${installed.id}`)).body).toMatchObject({
    status: 'reauth_required',
    reconnectUrl: `${world.url}/install`,
  });
  const metrics = await world.client.get('/metrics').expect(200);
  expect(metrics.text).toContain('patchbay_installations{kind="location",status="reauth_required"} 1');
});

test.each([
  ['reconnect', { status: 500 }],
  ['reconnect', { cut: 'before_handling' }],
  ['token:refresh_token', { status: 503 }],
  ['token:refresh_token', { status: 429 }],
] as const)('a %s that meets %j is never “please install again”', async (operation, does) => {
  await using world = await startWorld({ isIdle: true });
  const installed = await world.setUpLocation();
  world.highlevel.revokeTokens();
  world.clock.jump(24 * hour);
  world.highlevel.faults.add({ operation, times: 1, effect: does });
  await expect(world.services.tokens.getToken(toLocationOwner(installed.id))).rejects.toMatchObject({
    code: 'highlevel_unreachable',
  });
  expect(await getStatus(world, installed.id)).toBe('active');
  expect(await world.services.tokens.getToken(toLocationOwner(installed.id))).toMatch(/^access\./);
});

test('an idle location never expires: its tokens are refreshed every day, without a message', async () => {
  await using world = await startWorld();
  const installed = await world.install();
  for (let day = 0; day < 10; day++) await world.advance(24 * hour, hour);
  expect(refreshes(world).length).toBeGreaterThanOrEqual(9);
  expect(refreshes(world).length).toBeLessThanOrEqual(14);
  const row = () => world.db.installation.findFirstOrThrow({ where: { resourceId: installed.id } });
  // The last refresh keeps real time: it may still be under way.
  await world.waitFor(
    async () => ((await row()).accessExpiresAt?.getTime() ?? 0) > world.clock.now(),
    'the last refresh is over',
  );
  expect((await row()).accessExpiresAt?.getTime()).toBeGreaterThan(world.clock.now());
});

test('tokens of another location are never accepted', async () => {
  await using world = await startWorld({ isIdle: true });
  const [mine, other] = [await world.install(), await world.install()];
  world.clock.jump(24 * hour);
  const stolen = {
    access_token: 'a',
    refresh_token: 'r',
    expires_in: 86_399,
    userType: 'Location',
    locationId: other.id,
    companyId: 'C',
  };
  world.highlevel.faults.add({ operation: 'token:refresh_token', times: 1, effect: { status: 200, body: stolen } });
  await expect(world.services.tokens.getToken(toLocationOwner(mine.id))).rejects.toMatchObject({
    code: 'highlevel_unreachable',
  });
  expect(await getStatus(world, mine.id)).toBe('active');
});
