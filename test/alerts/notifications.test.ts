import { listOpenAlerts } from '../../src/alerts/store.ts';
import { startOperator } from '../support/operator.ts';
import { startWorld, type World } from '../support/world.ts';

const minute = 60_000;
const hour = 60 * minute;

/** Sets a location's status, which opens or resolves an alert. */
async function mark(world: World, resourceId: string, status: 'active' | 'reauth_required'): Promise<void> {
  await world.db.installation.updateMany({ where: { resourceId }, data: { status } });
}

function mailed(world: World, mails: readonly string[], count: number): Promise<void> {
  return world.advanceUntil(() => mails.length >= count, `${count} mails`, 20_000);
}

const countOpen = (world: World) => world.db.alert.count({ where: { endedAt: null } });

test('with two evaluating processes, an alert opens once and notifies once by each notifier, as does its end', async () => {
  await using operator = await startOperator();
  await using world = await startWorld({ isIdle: true, services: operator.options });
  const location = await world.install();
  await world.db.installation.updateMany({
    where: { resourceId: location.id },
    data: { name: 'Acme\r\nBcc: everybody@example.com' },
  });
  const stops = [world.startAlertWatcher(), world.startAlertWatcher()];
  await mark(world, location.id, 'reauth_required');
  await world.advanceUntil(async () => (await countOpen(world)) === 1, 'triggered', 20_000);
  await world.advance(minute, 10_000);
  // A brief condition must not notify.
  expect(operator.webhooks).toEqual([]);
  await mailed(world, operator.mails, 1);
  await world.advance(10 * minute, minute);
  const [alert] = await world.db.alert.findMany({ include: { notifications: true } });
  expect(operator.webhooks).toEqual([
    {
      id: `${alert?.id}-triggered`,
      type: 'alert.triggered',
      timestamp: expect.any(String),
      data: expect.objectContaining({ alertId: alert?.id, kind: 'reauth_required', locationId: location.id, endedAt: null }),
    },
  ]);
  expect(operator.listSubjects()).toEqual(['Patchbay: Reconnect required: Acme Bcc: everybody@example.com']);
  expect(operator.mails[0]).not.toMatch(/^Bcc:/m);
  expect(operator.mails[0]).toContain('must be reconnected');

  await mark(world, location.id, 'active');
  await mailed(world, operator.mails, 2);
  await world.advance(10 * minute, minute);
  expect(operator.webhooks.map(({ id }) => id)).toEqual([`${alert?.id}-triggered`, `${alert?.id}-resolved`]);
  expect(operator.listSubjects()[1]).toMatch(/^Patchbay: Resolved: Reconnect required/);
  expect(operator.mails).toHaveLength(2);
  expect(await world.db.alert.count()).toBe(1);
  expect(
    await world.db.alertNotification.count({ where: { nextAttemptAt: null, sentAt: { not: null }, attemptCount: 1 } }),
  ).toBe(4);
  await Promise.all(stops.map((stop) => stop()));
});

test('a failed notification is retried with the same id and before the resolved one; the mail is not repeated for it', async () => {
  await using operator = await startOperator();
  await using world = await startWorld({ isIdle: true, watchesAlerts: true, services: operator.options });
  const location = await world.install();
  operator.respondWith(503);
  await mark(world, location.id, 'reauth_required');
  await world.advanceUntil(() => operator.webhooks.length >= 3, 'tried three times', 10_000);
  await mark(world, location.id, 'active');
  await world.advanceUntil(async () => (await countOpen(world)) === 0, 'over', 20_000);
  operator.respondWith(204);
  await world.advanceUntil(
    () => operator.webhooks.some(({ type }) => type === 'alert.resolved'),
    'the resolution is notified',
    minute,
  );
  const types = operator.webhooks.map(({ type }) => type);
  expect(types).toEqual([...types.slice(1).map(() => 'alert.triggered'), 'alert.resolved']);
  expect(new Set(operator.webhooks.map(({ id }) => id)).size).toBe(2);
  await mailed(world, operator.mails, 2);
  expect(operator.mails).toHaveLength(2);
});

test('a flapping alert notifies once an hour, a brief one does not, and many at once are one mail', async () => {
  await using operator = await startOperator();
  await using world = await startWorld({
    isIdle: true,
    watchesAlerts: true,
    services: { alertMail: operator.options.alertMail },
  });
  const [flapping, brief, other] = [await world.install(), await world.install(), await world.install()];
  const startedAt = world.clock.now();
  await mark(world, flapping.id, 'reauth_required');
  await mark(world, brief.id, 'reauth_required');
  await world.advanceUntil(async () => (await countOpen(world)) === 2, 'both', 5_000);
  await mark(world, brief.id, 'active');
  await mailed(world, operator.mails, 1);
  expect(operator.mails[0]).toContain(flapping.id);

  for (let n = 0; n < 3; n++) {
    await mark(world, flapping.id, 'active');
    await world.advanceUntil(async () => (await countOpen(world)) === 0, 'over', 20_000);
    await mark(world, flapping.id, 'reauth_required');
    await world.advanceUntil(async () => (await countOpen(world)) === 1, 'again', 20_000);
    await mailed(world, operator.mails, 2);
    await world.advance(5 * minute, minute);
  }
  expect(world.clock.now() - startedAt).toBeLessThan(hour);
  expect(operator.mails).toHaveLength(2);
  await mark(world, other.id, 'reauth_required');
  await mailed(world, operator.mails, 3);
  await mailed(world, operator.mails, 4);
  expect(world.clock.now() - startedAt).toBeGreaterThan(hour);
  expect(operator.mails.some((mail) => mail.includes(brief.id))).toBe(false);

  await mark(world, flapping.id, 'active');
  await mark(world, other.id, 'active');
  await mailed(world, operator.mails, 5);
  expect(operator.listSubjects()[4]).toBe('Patchbay: 2 alerts');
});

test('an operator sees all alerts, an agency its own and its locations’, a location its own', async () => {
  await using world = await startWorld({ isIdle: true });
  const [a, b, c] = [await world.install(), await world.install(), await world.install()];
  const [mine, theirs] = ['CompanyOfTenantA0001', 'CompanyOfTenantB0001'];
  await world.db.installation.updateMany({ where: { resourceId: { in: [a.id, b.id] } }, data: { companyId: mine } });
  await world.db.installation.updateMany({ where: { resourceId: c.id }, data: { companyId: theirs } });
  const at = new Date(world.clock.now());
  const owners = [
    ...[a, b, c].map(({ id }) => ({ locationId: id, companyId: id === c.id ? theirs : mine })),
    { locationId: null, companyId: mine },
    { locationId: null, companyId: theirs },
    { locationId: null, companyId: null },
  ];
  await world.db.alert.createMany({
    data: owners.map((owner, n) => ({
      id: world.services.newId(),
      ...owner,
      kind: 'reauth_required' as const,
      subject: String(n),
      dedupKey: n === 0 ? null : String(n),
      details: 'x',
      startedAt: at,
      lastSeenAt: at,
      endedAt: n === 0 ? at : null,
    })),
  });
  const agency = await world.apiAs({ companyId: mine });
  const user = await world.apiAs({ companyId: mine, activeLocation: a.id });
  const subjects = async (api: Pick<World['api'], 'get'>, query = '') =>
    (await api.get(`/alerts${query}`).expect(200)).body.items.map(({ subject }: { subject: string }) => subject);
  expect(await subjects(world.api)).toEqual(['5', '4', '3', '2', '1', '0']);
  expect(await subjects(agency)).toEqual(['3', '1', '0']);
  expect(await subjects(user)).toEqual(['0']);
  expect(await subjects(world.api, '?open=false')).toEqual(['0']);
  expect(await subjects(agency, '?open=true')).toEqual(['3', '1']);
  expect(await subjects(agency, `?locationId=${b.id}`)).toEqual(['1']);
  expect(await subjects(agency, `?locationId=${c.id}`)).toEqual([]);
  expect(await subjects(agency, '?kind=queue_latency')).toEqual([]);
  const ofLocations = await listOpenAlerts(world.db, [a.id, b.id]);
  expect([...ofLocations].map(([id, alerts]) => [id, alerts.map(({ subject }) => subject)])).toEqual([[b.id, ['1']]]);
  const page = (await agency.get('/alerts?limit=2').expect(200)).body;
  expect(await subjects(agency, `?cursor=${page.nextCursor}`)).toEqual(['0']);
  await world.api.get('/alerts?open=maybe').expect(422);
});
