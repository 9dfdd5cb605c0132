import fc from 'fast-check';
import { applyDueEvents } from '../../src/installations/app-events.ts';
import { reconcileDueInstallations } from '../../src/installations/reconciler.ts';
import { startWorld, type World } from '../support/world.ts';

const minute = 60_000;
const statuses = async (world: World) =>
  Object.fromEntries(
    (await world.db.installation.findMany({ orderBy: { resourceId: 'asc' } })).map((row) => [
      row.resourceId,
      [row.status, row.companyId, row.accessToken !== null],
    ]),
  );

/** An agency with so many locations. */
function agency(world: World, count: number, companyId = 'Agency0000000000000A') {
  world.highlevel.addCompany({ id: companyId });
  const locations = Array.from({ length: count }, (_, index) =>
    world.highlevel.addLocation({ companyId, name: `Branch ${index}`, timezone: 'Europe/Lisbon' }),
  );
  return { companyId, locations };
}

/** Everything that is due, until nothing is for the next minutes. */
async function settle(world: World) {
  for (let round = 0; round < 40; round++) {
    while ((await applyDueEvents(world.services)) + (await reconcileDueInstallations(world.services)) > 0);
    world.clock.jump(5_000);
  }
}

test('an agency with more than one page of locations gets all of them, named, and no row without the app is taken', async () => {
  await using world = await startWorld({ behaviour: { maxPageSize: 20, listsUninstalled: true } });
  const { companyId, locations } = agency(world, 45);
  const chosen = locations.slice(0, 41).map(({ id }) => id);
  await world.finishInstall(world.highlevel.approveCompanyInstall(companyId, chosen));
  const progress = async () => (await world.api.get(`/companies/${companyId}`).expect(200)).body;
  await world.advanceUntil(async () => (await progress()).locations.active === 41);
  await world.advanceUntil(async () => (await progress()).sync.status === 'done');

  expect(await progress()).toMatchObject({ status: 'active', locations: { pending: 0, active: 41, uninstalled: 0 } });
  await world.advanceUntil(async () => (await world.db.installation.count({ where: { timezone: 'Europe/Lisbon' } })) === 41);
  const { body } = await world.api.get('/locations?limit=200').expect(200);
  expect(body.items.map(({ locationId }: { locationId: string }) => locationId).sort()).toEqual([...chosen].sort());
  expect(world.highlevel.calls.listByOperation('mintLocationToken')).toHaveLength(41);
});

test('each order of redirect, INSTALL events and pages leads to the same state', async () => {
  await using world = await startWorld({ isIdle: true });
  let run = 0;
  const observations = ['callback', 'agency event', 'first', 'second', 'second again', 'third bare', 'look'] as const;
  await fc.assert(
    fc.asyncProperty(
      fc.shuffledSubarray([...observations], { minLength: observations.length, maxLength: observations.length }),
      async (order) => {
        await world.db.installation.deleteMany();
        await world.db.appEvent.deleteMany();
        await world.db.rateLimitRow.deleteMany();
        run += 1;
        const { companyId, locations } = agency(world, 3, `Agency${String(run).padStart(14, '0')}`);
        const [first, second, third] = locations.map(({ id }) => id);
        const code = world.highlevel.approveCompanyInstall(companyId);
        const install = (fields: object) => world.highlevel.postEvent({ type: 'INSTALL', ...fields });
        const again = world.highlevel.toEventBody({ type: 'INSTALL', companyId, locationId: second });
        const say = {
          callback: () => world.finishInstall(code),
          'agency event': () => install({ companyId }),
          first: () => install({ companyId, locationId: first, userId: 'user' }),
          second: () => world.highlevel.postSigned('/webhooks/app', again),
          'second again': () => world.highlevel.postSigned('/webhooks/app', again),
          'third bare': () => install({ locationId: third }),
          look: async () => {
            await applyDueEvents(world.services);
            await reconcileDueInstallations(world.services);
          },
        };
        for (const name of order) await say[name]();
        await settle(world);
        expect(await statuses(world)).toEqual(
          Object.fromEntries(
            [[companyId, ['active', companyId, true]], ...locations.map(({ id }) => [id, ['active', companyId, true]])].sort(
              ([a], [b]) => (String(a) < String(b) ? -1 : 1),
            ),
          ),
        );
      },
    ),
    { numRuns: 12 },
  );
});

test('an INSTALL of a future location without its company finds it among the active companies', async () => {
  await using world = await startWorld();
  const other = agency(world, 1, 'Agency0000000000000B');
  const { companyId } = agency(world, 1);
  await world.finishInstall(world.highlevel.approveCompanyInstall(other.companyId));
  await world.finishInstall(world.highlevel.approveCompanyInstall(companyId));
  const later = world.highlevel.addLocation({ companyId, isInstalled: true });
  await world.highlevel.postEvent({ type: 'INSTALL', installType: 'Location', locationId: later.id });
  await world.advanceUntil(async () => (await world.api.get(`/locations/${later.id}`)).status === 200);
  expect((await world.api.get(`/locations/${later.id}`)).body).toMatchObject({ companyId, status: 'active' });
});

test('a company whose list HighLevel refuses does not keep a location from its own company', async () => {
  await using world = await startWorld();
  const failing = agency(world, 1, 'Agency0000000000000A');
  const { companyId } = agency(world, 1, 'Agency0000000000000B');
  for (const id of [failing.companyId, companyId]) await world.finishInstall(world.highlevel.approveCompanyInstall(id));
  // Both have listed their locations.
  await world.advanceUntil(
    async () => (await world.db.installation.count({ where: { kind: 'location', status: 'active' } })) === 2,
  );
  const fault = { operation: 'listInstalledLocations', resourceId: failing.companyId, times: 1_000 };
  world.highlevel.faults.add({ ...fault, effect: { status: 500, body: { message: 'Internal server error' } } });
  const later = world.highlevel.addLocation({ companyId, isInstalled: true });
  const postedAt = world.clock.now();
  await world.highlevel.postEvent({ type: 'INSTALL', installType: 'Location', locationId: later.id });
  await world.advanceUntil(async () => (await world.api.get(`/locations/${later.id}`)).status === 200);
  expect((await world.api.get(`/locations/${later.id}`)).body).toMatchObject({ companyId, status: 'active' });
  // The next listing of its company would find it after ten minutes.
  expect(world.clock.now() - postedAt).toBeLessThan(2 * 60_000);
});

test('an INSTALL whose redirect never arrives gets its tokens without the user', async () => {
  await using world = await startWorld();
  const location = world.highlevel.addLocation({ isInstalled: true });
  await world.highlevel.postEvent({ type: 'INSTALL', locationId: location.id, companyId: location.companyId });
  await world.advanceUntil(async () => (await world.api.get(`/locations/${location.id}`)).status === 200);
  expect(world.highlevel.calls.listByOperation('reconnect')).toHaveLength(1);
});

test('a message that arrives before its location’s tokens waits for them and is then sent', async () => {
  await using world = await startWorld();
  const { companyId, locations } = agency(world, 1);
  const [location] = locations;
  const contact = world.highlevel.addContact(location?.id ?? '', { phone: '+12025550143' });
  const { messageId } = await world.highlevel.sendMessage(location?.id ?? '', { contactId: contact.id, text: 'early' });
  await world.waitFor(async () => (await world.getMessage(messageId)).reasonCode === 'installation_missing');
  await world.finishInstall(world.highlevel.approveCompanyInstall(companyId));
  await world.advanceUntil(async () => (await world.api.get(`/locations/${location?.id}`)).status === 200);
  await world.connect(location?.id ?? '');
  await world.advanceUntilReported(messageId);
});

const stormSize = 200;

test(`a storm of ${stormSize} INSTALL events is as many locations, one token each, and not one refused call`, async () => {
  await using world = await startWorld();
  const { companyId, locations } = agency(world, stormSize);
  await world.finishInstall(world.highlevel.approveCompanyInstall(companyId));
  for (let at = 0; at < locations.length; at += 25) {
    await Promise.all(
      locations.slice(at, at + 25).map(({ id }) => world.highlevel.postEvent({ type: 'INSTALL', companyId, locationId: id })),
    );
  }
  const active = () => world.db.installation.count({ where: { kind: 'location', status: 'active' } });
  await world.advanceUntil(async () => (await active()) === stormSize);
  const mints = world.highlevel.calls.listByOperation('mintLocationToken');
  expect(mints).toHaveLength(stormSize);
  expect(mints.every(({ status }) => status === 200)).toBe(true);
});

test('an interrupted listing resumes at its page, and a rejected or unanswered page is requested again', async () => {
  await using world = await startWorld({ behaviour: { maxPageSize: 5 } });
  const { companyId } = agency(world, 20);
  world.highlevel.faults.add({ operation: 'listInstalledLocations', times: 1, effect: { status: 503 } });
  await world.finishInstall(world.highlevel.approveCompanyInstall(companyId));
  await world.advanceUntil(() => world.highlevel.calls.listByOperation('listInstalledLocations').length >= 3);
  world.highlevel.faults.add({ operation: 'listInstalledLocations', times: 1, effect: { cut: 'after_handling' } });
  world.highlevel.faults.add({ operation: 'mintLocationToken', times: 2, effect: { status: 500 } });
  world.highlevel.faults.add({ operation: 'mintLocationToken', times: 1, effect: { cut: 'after_handling' } });
  await world.advanceUntil(
    async () => (await world.db.installation.count({ where: { kind: 'location', status: 'active' } })) === 20,
  );
});

test('the periodic listing finds what events missed: a new location, and one that is gone', async () => {
  await using world = await startWorld();
  const { companyId, locations } = agency(world, 3);
  await world.finishInstall(world.highlevel.approveCompanyInstall(companyId));
  const status = async (id: string | undefined) => (await world.api.get(`/locations/${id}`)).body.status;
  await world.advanceUntil(async () => (await status(locations[2]?.id)) === 'active');
  await world.advanceUntil(async () => (await world.api.get(`/companies/${companyId}`)).body.sync.status === 'done');

  const missed = world.highlevel.addLocation({ companyId, isInstalled: true });
  Object.assign(locations[0] ?? {}, { isInstalled: false });
  world.highlevel.revokeTokens(locations[0]?.id);
  await world.advanceUntil(async () => (await status(missed.id)) === 'active', 'found', 30_000);
  await world.advanceUntil(async () => (await status(locations[0]?.id)) === 'uninstalled', 'gone', 30_000);
  expect(await status(locations[1]?.id)).toBe('active');
});

test('a location that a listing omits stays while its own token works', async () => {
  await using world = await startWorld();
  const { companyId } = agency(world, 1);
  const alone = world.highlevel.addLocation({ companyId });
  await world.finishInstall(world.highlevel.approveInstall(alone.id));
  await world.finishInstall(world.highlevel.approveCompanyInstall(companyId));
  await world.advanceUntil(async () => (await world.db.installation.count({ where: { status: 'active' } })) === 3);
  // A listing that lies: the app is there, and its refresh token is good.
  const { state } = world.highlevel;
  Object.assign(state.locations[alone.id] ?? {}, { companyId: 'Agency0000000000000Z' });
  await world.advance(15 * minute, 10_000);
  expect((await world.api.get(`/locations/${alone.id}`)).body.status).toBe('active');
});

test('a location’s name and time zone follow its changes', async () => {
  await using world = await startWorld();
  const { id } = await world.install();
  const described = async () => (await world.api.get(`/locations/${id}`)).body;
  Object.assign(world.highlevel.state.locations[id] ?? {}, { name: 'Renamed', timezone: 'Asia/Tokyo' });
  await world.highlevel.postEvent({ type: 'LocationUpdate', appId: undefined, id, name: 'not taken from here' });
  await world.advanceUntil(async () => (await described()).name === 'Renamed');
  expect(await described()).toMatchObject({ timezone: 'Asia/Tokyo' });

  Object.assign(world.highlevel.state.locations[id] ?? {}, { name: 'Renamed again' });
  await world.advanceUntil(async () => (await described()).name === 'Renamed again', 'within a day', 15 * minute);
});
