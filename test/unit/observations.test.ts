import fc from 'fast-check';
import { addDomain, applyObservation, isInstalled, type Observation } from '../../src/installations/observations.ts';
import { nextReconcileAt } from '../../src/installations/reconcile-schedule.ts';
import type { Installation } from '../../src/installations/store.ts';

const key = { kind: 'location', resourceId: 'L' } as const;
const at = (second: number) => new Date(1_800_000_000_000 + second * 1000);
const now = at(10_000);

function row(fields: Partial<Installation> = {}): Installation {
  return {
    ...key,
    companyId: null,
    name: null,
    timezone: null,
    country: null,
    refreshAttemptedAt: null,
    tokensStoredAt: null,
    installCodeHash: null,
    status: 'pending',
    statusReason: null,
    userId: null,
    isBulk: false,
    includesFutureLocations: false,
    scopes: [],
    accessToken: null,
    refreshToken: null,
    accessExpiresAt: null,
    tokenVersion: 0,
    refreshLease: null,
    refreshLeaseUntil: null,
    installedSeenAt: null,
    uninstalledSeenAt: null,
    uninstallReason: null,
    reconcileAt: now,
    reconcileAttempts: 0,
    slotReservedAt: null,
    profileFetchedAt: null,
    syncOffset: null,
    syncStartedAt: null,
    syncedAt: null,
    nextSyncAt: null,
    whiteLabelDomains: [],
    installedAt: null,
    updatedAt: now,
    ...fields,
  };
}

const moment = fc.nat(50).map(at);
const observationArb: fc.Arbitrary<Observation> = fc.oneof(
  moment.map((installedSeenAt) => ({ key, installedSeenAt })),
  moment.map((uninstalledSeenAt) => ({ key, uninstalledSeenAt })),
  moment.map((installedSeenAt) => ({ key, companyId: 'C', installedSeenAt })),
);

/** The company that has the location at a moment, where agencies hand it over to each other. */
const holderAt = (time: Date) => `C${(time.getTime() / 1000) % 3}`;
const handoverArb: fc.Arbitrary<Observation> = fc.oneof(
  moment.map((installedSeenAt) => ({ key, companyId: holderAt(installedSeenAt), installedSeenAt })),
  moment.map((uninstalledSeenAt) => ({ key, uninstalledSeenAt })),
);

/** What is left when the tokens' own way is left out: whether it is installed, and whose it is. */
function end(order: readonly Observation[], start = row()) {
  let last = start;
  for (const one of order) last = { ...last, ...applyObservation(last, one, now) };
  return {
    isInstalled: last.status !== 'uninstalled',
    companyId: last.companyId,
    installedSeenAt: last.installedSeenAt,
    uninstalledSeenAt: last.uninstalledSeenAt,
  };
}

test.each([
  ['of one company', observationArb],
  ['of companies that hand the location over', handoverArb],
])('news %s in any order, any number of times, ends the same', (_, newsArb) => {
  fc.assert(
    fc.property(fc.array(newsArb, { minLength: 1, maxLength: 8 }), fc.infiniteStream(fc.nat()), (seen, keys) => {
      const shuffled = [...seen, ...seen]
        .map((one) => ({ one, by: keys.next().value as number }))
        .sort((a, b) => a.by - b.by)
        .map(({ one }) => one);
      expect(end(shuffled)).toEqual(end(seen));
    }),
  );
});

test('it is installed exactly when its newest moment there is newer than its newest moment gone', () => {
  fc.assert(
    fc.property(fc.array(observationArb, { minLength: 1, maxLength: 8 }), (seen) => {
      const { isInstalled: found, installedSeenAt, uninstalledSeenAt } = end(seen);
      expect(found).toBe(uninstalledSeenAt === null || isInstalled({ installedSeenAt: installedSeenAt, uninstalledSeenAt }));
    }),
  );
});

test('a late event of the agency that had the location before does not give it back', () => {
  const moved = row({ status: 'active', companyId: 'B', installedSeenAt: at(20) });
  expect(applyObservation(moved, { key, companyId: 'A', installedSeenAt: at(10) }, now).companyId).toBe('B');
  expect(applyObservation(moved, { key, companyId: 'A', uninstalledSeenAt: at(10) }, now).companyId).toBe('B');
  expect(applyObservation(moved, { key, companyId: 'A', installedSeenAt: at(30) }, now).companyId).toBe('A');
});

test('an installation that works is not looked at again for what is known already', () => {
  const working = row({ status: 'active', companyId: 'C', installedSeenAt: at(1), reconcileAt: at(90_000) });
  expect(applyObservation(working, { key, companyId: 'C', installedSeenAt: at(2) }, now).reconcileAt).toEqual(at(90_000));
  expect(applyObservation(working, { key, installedSeenAt: at(2), isHint: true }, now).reconcileAt).toEqual(now);
});

test('what comes back begins without the tokens that it had', () => {
  const gone = row({
    status: 'uninstalled',
    installedSeenAt: at(1),
    uninstalledSeenAt: at(2),
    accessToken: 'a',
    refreshToken: 'r',
  });
  expect(applyObservation(gone, { key, installedSeenAt: at(3) }, now)).toMatchObject({
    status: 'pending',
    accessToken: null,
    refreshToken: null,
    installedAt: at(3),
  });
  expect(applyObservation(gone, { key, installedSeenAt: at(2) }, now)).not.toHaveProperty('status');
});

test.each([
  ['App.Agency.example', ['app.agency.example']],
  ['https://app.agency.example/login', ['app.agency.example']],
  ['app.agency.example; script-src *', []],
  ['localhost', []],
  ['', []],
])('the white-label domain %s is kept as %j', (whiteLabelDomain, kept) => {
  expect(applyObservation(row(), { key, whiteLabelDomain }, now).whiteLabelDomains).toEqual(kept);
});

test('a token is refreshed one to two hours before its end, and a short-lived one at half of its life', () => {
  const day = 24 * 60 * 60;
  const dueIn = (seconds: number, chance: number) =>
    ((nextReconcileAt(row({ status: 'active', accessExpiresAt: at(10_000 + seconds) }), now, chance) as Date).getTime() -
      now.getTime()) /
    1000;
  expect(dueIn(day, 0)).toBe(day - 3_600);
  expect(dueIn(day, 0.5)).toBe(day - 5_400);
  expect(dueIn(600, 0)).toBe(300);
  expect(dueIn(-100, 0)).toBe(60);
});

test('a company is due at the earlier of its refresh and its listing', () => {
  const company = row({ kind: 'company', status: 'active', accessExpiresAt: at(100_000), nextSyncAt: at(20_000) });
  expect(nextReconcileAt(company, now, 0)).toEqual(at(20_000));
});

test('an install without tokens is looked up less and less often, and not without end', () => {
  const waits = [1, 2, 3, 4, 5, 6, 20].map(
    (tries) =>
      ((nextReconcileAt(row({ reconcileAttempts: tries, installedSeenAt: at(0) }), now, 0) as Date).getTime() - now.getTime()) /
      1000,
  );
  expect(waits).toEqual([15, 15, 60, 300, 900, 3_600, 3_600]);
  expect(nextReconcileAt(row({ reconcileAttempts: 200, installedSeenAt: at(10_000 - 8 * 24 * 3_600) }), now, 0)).toBeNull();
});

test('the domains that came first stay: contexts of one user push no domain of the agency out', () => {
  const names = Array.from({ length: 8 }, (_, index) => `crm${index}.example.com`);
  const domains = names.reduce<string[]>((all, name) => addDomain(all, name), []);
  expect(domains).toEqual(names.slice(0, 5));
});
