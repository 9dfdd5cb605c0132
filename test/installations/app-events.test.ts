import { applyDueEvents } from '../../src/installations/app-events.ts';
import { cleanUp } from '../../src/installations/uninstall.ts';
import { startWorld, type World } from '../support/world.ts';

const status = async (world: World, id: string) => (await world.api.get(`/locations/${id}`)).body.status;
const acted = (world: World) => world.waitFor(async () => (await applyDueEvents(world.services)) === 0);
const at = (world: World, seconds: number) => new Date(world.clock.now() + seconds * 1000).toISOString();

async function installAgency(world: World, count: number) {
  const { id: companyId } = world.highlevel.addCompany();
  const locations = Array.from({ length: count }, () => world.highlevel.addLocation({ companyId }));
  const code = world.highlevel.approveCompanyInstall(companyId);
  await world.finishInstall(code);
  await world.advanceUntil(
    async () => (await world.db.installation.count({ where: { companyId, kind: 'location', status: 'active' } })) === count,
  );
  return { companyId, locations };
}

test('an uninstall stops sending, fails queued messages with the reason, and deletes tokens and channel secrets', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.vendor.respondWith({ status: 503 });
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'queued' });
  await world.waitFor(async () => (await world.getMessage(messageId)).retryCount === 1);
  await world.highlevel.uninstallLocation(location.id);
  await world.advanceUntil(async () => (await status(world, location.id)) === 'uninstalled');
  await world.advanceUntil(async () => (await world.db.installation.findFirstOrThrow()).accessToken === null);

  expect(await world.getMessage(messageId)).toMatchObject({ state: 'failed', reasonCode: 'uninstalled' });
  expect(await world.db.installation.findFirstOrThrow()).toMatchObject({ refreshToken: null, status: 'uninstalled' });
  expect(await world.db.connection.count()).toBe(0);
  const sent = world.vendor.requests.length;
  await world.advance(60_000, 5_000);
  expect(world.vendor.requests).toHaveLength(sent);
});

test('while HighLevel accepts reports, the failures of an uninstall are reported', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.vendor.respondWith({ status: 503 });
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'queued' });
  await world.waitFor(async () => (await world.getMessage(messageId)).retryCount === 1);
  await world.highlevel.postEvent({ type: 'UNINSTALL', locationId: location.id });
  await world.advanceUntilReported(messageId);
  expect(world.highlevel.findMessage(messageId)).toMatchObject({ status: 'failed', error: { code: 'uninstalled' } });
  await world.advanceUntil(async () => (await world.db.installation.findFirstOrThrow()).accessToken === null);
});

test('a send that runs during an uninstall keeps its outcome: an accepted message is not marked failed', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  let release = () => {};
  world.vendor.respondWith(async ({ body }) => {
    if (body.text === 'running') await new Promise<void>((done) => (release = done));
    return { body: { status: body.text === 'running' ? 'delivered' : 'accepted' } };
  });
  const other = world.highlevel.addContact(location.id, { phone: '+12025550199' });
  const taken = await world.highlevel.sendMessage(location.id, { contactId: other.id, text: 'taken' });
  await world.waitFor(async () => (await world.getMessage(taken.messageId)).reasonCode === 'awaiting_receipt');
  const running = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'running' });
  await world.waitFor(() => world.vendor.requests.length === 2);
  await world.highlevel.uninstallLocation(location.id);
  await world.advanceUntil(async () => (await status(world, location.id)) === 'uninstalled');
  release();
  await world.waitFor(async () => (await world.getMessage(running.messageId)).state === 'delivered');
  expect(await world.getMessage(taken.messageId)).toMatchObject({ state: 'pending', reasonCode: 'awaiting_receipt' });
});

test('an agency’s uninstall applies to all of its locations, including one observed later, and to no other', async () => {
  await using world = await startWorld();
  const other = await world.install();
  const { companyId, locations } = await installAgency(world, 3);
  const before = at(world, 0);
  await world.advance(2_000);
  await world.highlevel.uninstallCompany(companyId);
  const late = world.highlevel.addLocation({ companyId });
  await world.highlevel.postEvent({ type: 'INSTALL', companyId, locationId: late.id, timestamp: before });
  for (const { id } of [...locations, late]) await world.advanceUntil(async () => (await status(world, id)) === 'uninstalled');
  await world.advanceUntil(
    async () => (await world.db.installation.count({ where: { companyId, accessToken: { not: null } } })) === 0,
  );
  expect((await world.api.get(`/companies/${companyId}`)).body.status).toBe('uninstalled');
  expect(await status(world, other.id)).toBe('active');
});

test('a late UNINSTALL does not undo a newer INSTALL, in either order of arrival', async () => {
  await using world = await startWorld({ isIdle: true });
  for (const order of [
    ['INSTALL', 'UNINSTALL'],
    ['UNINSTALL', 'INSTALL'],
  ]) {
    const { id } = await world.install();
    const times = { UNINSTALL: at(world, 10), INSTALL: at(world, 20) } as Record<string, string>;
    world.clock.jump(60_000);
    for (const type of order) {
      await world.highlevel.postEvent({ type, locationId: id, timestamp: times[type] });
      await acted(world);
    }
    expect(['active', undefined]).toContain(await status(world, id));
    const row = await world.db.installation.findFirstOrThrow({ where: { resourceId: id } });
    expect(['active', 'pending']).toContain(row.status);
  }
});

test('an uninstall without a time is verified with HighLevel where it may be about an earlier install', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const { id } = location;
  const body = world.highlevel.toEventBody({ type: 'UNINSTALL', locationId: id, timestamp: undefined });
  const post = () => world.highlevel.postSigned('/webhooks/app', body);
  // The app was down when the event came first; it was installed again since.
  await world.advance(20 * 60_000, 60_000);
  await world.highlevel.postEvent({ type: 'INSTALL', locationId: id, companyId: location.companyId });
  await world.advance(10_000, 5_000);
  world.highlevel.faults.add({ operation: 'token:refresh_token', times: 2, effect: { status: 503 } });
  await post();
  const outcome = async () => (await world.db.appEvent.findFirstOrThrow({ where: { type: 'UNINSTALL' } })).outcome;
  await world.advanceUntil(async () => (await outcome()) === 'ignored', 'HighLevel was asked', 5_000);
  expect(await status(world, id)).toBe('active');
  expect(await world.db.connection.count()).toBe(1);
  const { messageId } = await world.highlevel.sendMessage(id, { contactId: location.contact.id, text: 'still here' });
  await world.advanceUntilReported(messageId);

  await world.advance(120_000, 10_000);
  await world.highlevel.uninstallLocation(id);
  await post();
  await world.advanceUntil(async () => (await status(world, id)) === 'uninstalled');
});

test('an uninstall without a time is believed at once where no earlier install is known', async () => {
  await using world = await startWorld({ isIdle: true });
  const { id } = await world.install();
  world.clock.jump(60 * 60 * 1000);
  await world.highlevel.postEvent({ type: 'UNINSTALL', locationId: id, timestamp: undefined });
  await acted(world);
  expect(await status(world, id)).toBe('uninstalled');
  expect(world.highlevel.countRefreshes(id)).toBe(0);
});

test('a second uninstall with the bytes of the first is verified with HighLevel, and a late repeat of the first is not believed', async () => {
  await using world = await startWorld();
  const { companyId, locations } = await installAgency(world, 1);
  const id = locations[0]?.id ?? '';
  const location = () => world.highlevel.state.locations[id] as { isInstalled: boolean };
  const body = world.highlevel.toEventBody({ type: 'UNINSTALL', companyId, locationId: id, timestamp: undefined });
  const uninstall = async () => {
    location().isInstalled = false;
    world.highlevel.revokeTokens(id);
    await world.highlevel.postSigned('/webhooks/app', body);
  };
  await world.advance(2_000);
  await uninstall();
  await world.advanceUntil(async () => (await status(world, id)) === 'uninstalled');
  await world.advance(60_000, 5_000);
  await world.finishInstall(world.highlevel.approveInstall(id));
  await world.advanceUntil(async () => (await status(world, id)) === 'active');

  await world.advance(120_000, 10_000);
  const before = world.highlevel.countRefreshes(id);
  await world.highlevel.postSigned('/webhooks/app', body);
  await world.advanceUntil(() => world.highlevel.countRefreshes(id) > before, 'HighLevel is asked');
  await world.advance(120_000, 10_000);
  expect(await status(world, id)).toBe('active');

  await uninstall();
  const uninstalledAt = world.clock.now();
  await world.advanceUntil(async () => (await status(world, id)) === 'uninstalled', 'uninstalled', 5_000);
  expect(world.clock.now() - uninstalledAt).toBeLessThan(10 * 60_000);
});

test('a forged UNINSTALL, one of another app id, and one that names no app have no effect', async () => {
  await using world = await startWorld({ isIdle: true });
  const { id } = await world.install();
  world.clock.jump(1_000);
  const body = world.highlevel.toEventBody({ type: 'UNINSTALL', locationId: id });
  expect(await world.highlevel.postSigned('/webhooks/app', body, { signature: null })).toBe(401);
  expect(await world.highlevel.postSigned('/webhooks/app', body, { signature: world.highlevel.sign('other bytes') })).toBe(401);
  await world.highlevel.postEvent({ type: 'UNINSTALL', locationId: id, appId: 'anotherapp00000000000000' });
  await world.highlevel.postEvent({ type: 'UNINSTALL', locationId: id, appId: undefined });
  await world.highlevel.postEvent({ type: 'UNHEARD_OF', locationId: id });
  await acted(world);
  expect(await status(world, id)).toBe('active');
  const outcomes = (await world.db.appEvent.findMany()).map(({ outcome }) => outcome).sort();
  expect(outcomes).toEqual(['ignored', 'not_ours']);
});

test('an INSTALL with a future time does not override the uninstall that follows it', async () => {
  await using world = await startWorld({ isIdle: true });
  const { id } = await world.install();
  await world.highlevel.postEvent({ type: 'INSTALL', locationId: id, timestamp: at(world, 1_000_000) });
  world.clock.jump(10_000);
  await world.highlevel.postEvent({ type: 'UNINSTALL', locationId: id });
  await acted(world);
  expect(await status(world, id)).toBe('uninstalled');
});

test.each([
  [false, 0],
  [true, 1],
])('a reinstall brings the channels back only where they were kept on purpose (%s)', async (keepChannels, count) => {
  await using world = await startWorld({ services: { keepChannels } });
  const location = await world.setUpLocation();
  await world.highlevel.uninstallLocation(location.id);
  await world.advanceUntil(async () => (await world.db.installation.findFirstOrThrow()).accessToken === null);
  await world.postChannelWebhook(location.connectionId, 'inbound', { externalId: 'x', from: '+1', text: 'hi' }).expect(404);
  expect((await world.api.get(`/locations/${location.id}`)).body.channels).toEqual([]);

  const code = world.highlevel.approveInstall(location.id);
  await world.finishInstall(code);
  expect((await world.api.get(`/locations/${location.id}`)).body.channels).toHaveLength(count);
  if (!keepChannels) return;
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'back' });
  await world.advanceUntilReported(messageId);
});

test('a reinstall while the clean-up of the uninstall runs keeps the channels that it brought back', async () => {
  await using world = await startWorld({ isIdle: true, services: { keepChannels: true } });
  const location = await world.setUpLocation();
  const row = () => world.db.installation.findFirstOrThrow({ where: { resourceId: location.id } });
  await world.highlevel.uninstallLocation(location.id);
  await acted(world);
  world.clock.jump(1_000);
  const reinstall = async () => void (await world.finishInstall(world.highlevel.approveInstall(location.id)));
  await cleanUp(
    { ...world.services, app: world.highlevel.world.app, keepChannels: true, cancelQueued: reinstall },
    await row(),
  );
  expect(await row()).toMatchObject({ status: 'active', accessToken: expect.anything() });
  expect((await world.api.get(`/locations/${location.id}`)).body.channels).toHaveLength(1);
});

test('messages of an uninstalled location are deleted after the retention, those of others stay', async () => {
  await using world = await startWorld({ isIdle: true, services: { retentionDays: 30 } });
  const { runCleanup: tidy } = await import('../../src/worker/cleanup.ts');
  const [gone, stays] = [await world.setUpLocation(), await world.setUpLocation()];
  for (const { id, contact } of [gone, stays]) await world.highlevel.sendMessage(id, { contactId: contact.id, text: 'hi' });
  world.clock.jump(1_000);
  await world.highlevel.uninstallLocation(gone.id);
  await acted(world);
  const day = 24 * 60 * 60_000;
  world.clock.jump(29 * day);
  await tidy(world.services);
  expect(await world.db.message.count()).toBe(2);
  world.clock.jump(2 * day);
  await tidy(world.services);
  expect((await world.db.message.findMany()).map(({ locationId }) => locationId)).toEqual([stays.id]);
});

test('changes of plan and payment are audited, and a payment reconciles a suspended location', async () => {
  await using world = await startWorld();
  const { id, companyId } = await world.install();
  await world.highlevel.postEvent({ type: 'PLAN_CHANGE', companyId, locationId: id, currentPlanId: 'basic', newPlanId: 'pro' });
  const paid = { type: 'APP_PAYMENT_STATUS', companyId, locationId: id, previousStatus: 'FAILED', newStatus: 'COMPLETE' };
  await world.highlevel.postEvent(paid);
  const entries = async () => (await world.api.get(`/locations/${id}/audit`)).body.items;
  await world.advanceUntil(async () => (await entries()).length === 3);
  expect((await entries()).map(({ action, details }: { action: string; details: string }) => [action, details])).toEqual(
    expect.arrayContaining([
      ['plan_changed', 'From basic to pro.'],
      ['payment_status_changed', 'From FAILED to COMPLETE.'],
    ]),
  );
});
