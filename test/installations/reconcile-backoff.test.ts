import fc from 'fast-check';
import { reconcileDueInstallations } from '../../src/installations/reconciler.ts';
import type { Installation } from '../../src/installations/store.ts';
import type { Fault } from '../../src/sandbox/highlevel/faults.ts';
import { startWorld, type World } from '../support/world.ts';

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

const refusal = (status: number, message: string, more: object = {}): Fault['effect'] => ({
  status,
  body: { statusCode: status, message, ...more },
});

/** Responses of HighLevel, or of a proxy in its place. Null: the regular response. */
const responses: Record<string, Fault['effect'] | null> = {
  ok: null,
  empty: { status: 200, body: {} },
  scope: refusal(401, 'The token is not authorized for this scope.'),
  authClass: refusal(401, 'This authClass type is not allowed to access this scope'),
  provider: refusal(401, 'No access', { canonicalCode: 'CONVERSATIONS_MSG_PROVIDER_NO_ACCESS' }),
  expired: refusal(401, 'Invalid JWT'),
  forbidden: refusal(403, 'Forbidden resource'),
  invalid: refusal(400, 'Invalid grant: refresh token is invalid', { error: 'invalid_grant' }),
  inactive: refusal(400, 'Location is not active'),
  tooMany: refusal(429, 'Too many requests'),
  failed: refusal(500, 'Internal server error'),
  page: { status: 403, html: '<html><body>Access denied</body></html>' },
  silent: { cut: 'before_handling' },
};
const operations = ['listInstalledLocations', 'mintLocationToken', 'getLocation', 'token:refresh_token', 'reconnect'];

interface Seen {
  at: number;
  /** Of the row, what work would change. */
  marks: string;
}

const toMarks = ({
  status,
  installedSeenAt,
  uninstalledSeenAt,
  syncOffset,
  syncedAt,
  profileFetchedAt,
  accessToken,
  companyId,
}: Installation) =>
  JSON.stringify([
    status,
    installedSeenAt,
    uninstalledSeenAt,
    syncOffset,
    syncedAt,
    profileFetchedAt,
    accessToken === null,
    companyId,
  ]);

const listRows = (world: World) => world.db.installation.findMany({ orderBy: { resourceId: 'asc' } });

/** Reconciles the installations that are due and moves the clock to the next due time, for so long. @returns every reconcile, by row */
async function live(world: World, forMs: number): Promise<Map<string, Seen[]>> {
  const seen = new Map<string, Seen[]>();
  const until = world.clock.now() + forMs;
  for (let sweeps = 0; world.clock.now() < until; sweeps++) {
    if (sweeps > 2_000) throw new Error('The reconciles do not end.');
    const rows = await listRows(world);
    const now = world.clock.now();
    const due = rows.filter(({ reconcileAt: dueAt }) => dueAt && dueAt.getTime() <= now);
    for (const row of due) {
      const earlierRuns = seen.get(row.resourceId) ?? [];
      seen.set(row.resourceId, [...earlierRuns, { at: now, marks: toMarks(row) }]);
    }
    if (due.length > 0) await reconcileDueInstallations(world.services);
    const next = Math.min(
      ...(await listRows(world)).flatMap(({ reconcileAt: dueAt }) => (dueAt ? dueAt.getTime() : [])),
      until,
    );
    if (next > world.clock.now()) world.clock.jump(next - world.clock.now());
  }
  return seen;
}

/** Returns the pauses between reconciles that changed no row, in runs. */
function vainPauses(sweeps: readonly Seen[]): number[][] {
  const runs: number[][] = [[]];
  for (const [n, { at, marks }] of sweeps.slice(1).entries()) {
    const before = sweeps[n] as Seen;
    if (before.marks === marks) runs.at(-1)?.push(at - before.at);
    else runs.push([]);
  }
  return runs;
}

test('two reconciles in a row are separated by progress or a growing delay, for any response of HighLevel', async () => {
  await using world = await startWorld({ isIdle: true });
  let run = 0;
  const chosenResponses = fc.record(
    Object.fromEntries(operations.map((operation) => [operation, fc.constantFrom(...Object.keys(responses))])),
  ) as fc.Arbitrary<Record<string, string>>;
  await fc.assert(
    fc.asyncProperty(chosenResponses, fc.boolean(), async (says, isSilent) => {
      world.highlevel.faults.clear();
      await world.db.installation.deleteMany();
      await world.db.rateLimitRow.deleteMany();
      run += 1;
      const companyId = `Agency${String(run).padStart(14, '0')}`;
      world.highlevel.addCompany({ id: companyId });
      for (let n = 0; n < 2; n++) world.highlevel.addLocation({ companyId });
      await world.finishInstall(world.highlevel.approveCompanyInstall(companyId));
      await live(world, isSilent ? 0 : 20 * second);
      const before = world.highlevel.calls.all.length;
      world.highlevel.faults.decide((operation) => responses[says[operation] ?? 'ok'] ?? null);

      const seen = await live(world, 2 * hour);
      for (const sweeps of seen.values()) {
        for (const pauses of vainPauses(sweeps)) {
          for (const [n, pause] of pauses.entries())
            expect(pause).toBeGreaterThanOrEqual(Math.min(second * 1.5 ** n, 15 * minute) - 1);
        }
      }
      const made = world.highlevel.calls.all.slice(before);
      expect(made.length).toBeLessThan(250);
      const refreshes = Map.groupBy(
        made.filter(({ operation }) => operation === 'token:refresh_token'),
        ({ resourceId }) => resourceId,
      );
      // One whose response was lost is repeated while HighLevel accepts the spent token, which is half a minute.
      const maxAMinute = says['token:refresh_token'] === 'silent' ? 3 : 1;
      for (const [, ofOne] of refreshes) {
        const spans = ofOne.slice(maxAMinute).map(({ at }, n) => at - (ofOne[n]?.at ?? 0));
        expect(Math.min(...spans, minute)).toBe(minute);
      }
    }),
    { numRuns: 25 },
  );
});
