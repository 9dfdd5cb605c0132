import { type Clock, dateNow } from '../core/clock.ts';
import { AppError } from '../core/errors.ts';
import type { Database, Executor, PermissionProblem } from '../database/client.ts';
import type { HighLevelCall, PermissionGate, TokenOwner } from '../highlevel/client.ts';
import { isStatusCall, type Permission } from '../highlevel/errors.ts';
import { operations } from '../highlevel/operations.ts';
import type { Provider } from '../highlevel/providers.ts';
import type { Log } from '../runtime/log.ts';

export interface PermissionDeps {
  db: Database;
  clock: Clock;
  log: Log;
  providers: readonly Provider[];
  /** Resumes the work of a location that has waited for a permission. */
  resume(locationId: string): Promise<void>;
}

const minute = 60_000;
/** Delays between calls that probe for a permission; the last repeats: a few calls an hour. */
const probeDelaysMs = [minute, 5 * minute, 15 * minute, 25 * minute];
/**
 * Time after an accepted call with a provider in which a refused report is about its message alone. Shorter than the schedule of such a message,
 * so that it does not end where the location has lost the provider.
 */
const grantTtlMs = 5 * minute;
/** TTL of the loaded problems: another process may have recorded or cleared one. */
const cacheTtlMs = 10_000;

/**
 * Creates the gate that records permanent refusals of HighLevel by permission, shared by all processes through the database. While a
 * permission is refused, calls that need it fail here without a request, except for a probe now and then: ten thousand waiting messages
 * cost one call. Calls without a refused permission cost no statement.
 */
export function createPermissionGate(deps: PermissionDeps): PermissionGate {
  const { db, clock, log } = deps;
  let openProblems = new Map<string, PermissionProblem>();
  let loadedAtMs = Number.NEGATIVE_INFINITY;
  /** Times of the last accepted calls, by owner and provider. */
  const grantedAtMs = new Map<string, number>();

  async function reload(): Promise<void> {
    loadedAtMs = clock.now();
    const rows = await db.client.permissionProblem.findMany();
    openProblems = new Map(rows.map((row) => [permissionKey(row, row.permission), row]));
  }

  const findProblems = (call: HighLevelCall) =>
    listRequiredPermissions(call).flatMap((permission) => openProblems.get(permissionKey(call.owner, permission)) ?? []);

  /** Returns whether HighLevel has just accepted another call with the provider: the message may be of one that had this key before. */
  function isAboutMessage(call: HighLevelCall, permission: Permission): boolean {
    if (!isStatusCall(call.operation) || !permission.startsWith('provider:')) return false;
    return clock.now() - (grantedAtMs.get(permissionKey(call.owner, permission)) ?? Number.NEGATIVE_INFINITY) < grantTtlMs;
  }

  return {
    async check(call) {
      if (clock.now() - loadedAtMs >= cacheTtlMs) await reload();
      const problems = findProblems(call);
      for (const problem of problems) {
        if (problem.probeAt.getTime() <= clock.now() && (await claimProbe(deps, problem))) continue;
        await reload();
        const current = openProblems.get(permissionKey(call.owner, problem.permission));
        if (current) throw toForbiddenError(current, clock.now());
      }
      return { isProbe: problems.length > 0 };
    },

    async recordRefusal(call, permission, error) {
      if (isAboutMessage(call, permission)) {
        return new AppError('highlevel_too_early', 'The CRM does not let the app report about this message.', {
          details: error.details,
        });
      }
      const now = dateNow(clock);
      const key = { kind: call.owner.kind, resourceId: call.owner.resourceId, permission };
      const message = describeProblem(deps, call, permission, error);
      await db.client.$executeRaw`
        INSERT INTO permission_problems (kind, resource_id, permission, message, refused_at, probe_at)
        VALUES (${key.kind}::installation_kind, ${key.resourceId}, ${permission}, ${message}, ${now},
          ${new Date(now.getTime() + probeDelayMs(0))})
        ON CONFLICT (kind, resource_id, permission) DO UPDATE SET message = EXCLUDED.message`;
      await reload();
      const problem = openProblems.get(permissionKey(key, permission));
      if (problem?.probeCount === 0)
        log.warn({ ...key, err: error }, 'HighLevel refuses this permission until a person grants it');
      return problem ? toForbiddenError(problem, clock.now(), error) : error;
    },

    async clearRefusals(call) {
      if (call.providerKey) grantedAtMs.set(permissionKey(call.owner, `provider:${call.providerKey}`), clock.now());
      const resolved = findProblems(call);
      if (resolved.length === 0) return;
      for (const { kind, resourceId, permission } of resolved) {
        await db.client.permissionProblem.deleteMany({ where: { kind, resourceId, permission } });
        openProblems.delete(permissionKey({ kind, resourceId }, permission));
        log.info({ kind, resourceId, permission }, 'HighLevel grants this permission again');
      }
      if (call.owner.kind === 'location') await deps.resume(call.owner.resourceId);
    },
  };
}

/** Makes the next call a probe: the app was installed again or updated, or has new tokens. */
export async function requestPermissionProbe(on: Executor, { kind, resourceId }: TokenOwner, now: Date): Promise<void> {
  await on.permissionProblem.updateMany({ where: { kind, resourceId }, data: { probeAt: now } });
}

/** Lists the refused permissions of these installations, oldest first. */
export function listPermissionProblems(on: Executor, owners: readonly TokenOwner[]): Promise<PermissionProblem[]> {
  const where = { OR: owners.map(({ kind, resourceId }) => ({ kind, resourceId })) };
  return on.permissionProblem.findMany({ where, orderBy: { refusedAt: 'asc' } });
}

/** Lists all refused permissions, oldest first. */
export function listAllPermissionProblems(on: Executor): Promise<PermissionProblem[]> {
  return on.permissionProblem.findMany({ orderBy: { refusedAt: 'asc' } });
}

/** Lists the permissions that a call needs. */
function listRequiredPermissions({ operation, providerKey }: HighLevelCall): Permission[] {
  const providerPermissions: Permission[] = providerKey ? [`provider:${providerKey}`] : [];
  return [`scope:${operations[operation].scope}`, ...providerPermissions, `token:${operation}`, `operation:${operation}`];
}

/** Claims a probe for this call and schedules the next one later. @returns false when another call has claimed it */
async function claimProbe({ db, clock }: PermissionDeps, problem: PermissionProblem): Promise<boolean> {
  const { kind, resourceId, permission, probeCount } = problem;
  const now = dateNow(clock);
  const { count } = await db.client.permissionProblem.updateMany({
    where: { kind, resourceId, permission, probeAt: { lte: now } },
    data: { probeAt: new Date(now.getTime() + probeDelayMs(probeCount + 1)), probeCount: { increment: 1 } },
  });
  return count === 1;
}

function probeDelayMs(probeCount: number): number {
  return probeDelaysMs[Math.min(probeCount, probeDelaysMs.length - 1)] as number;
}

function toForbiddenError({ message, probeAt }: PermissionProblem, now: number, cause?: AppError): AppError {
  return new AppError('highlevel_forbidden', message, {
    cause,
    details: cause?.details ?? [],
    retryAfterMs: Math.max(probeAt.getTime() - now, 1_000),
  });
}

/** Describes the refusal and its remedy, for the location's users and the operator. */
function describeProblem(
  { providers }: PermissionDeps,
  { operation }: HighLevelCall,
  permission: Permission,
  error: AppError,
): string {
  const colon = permission.indexOf(':');
  const [kind, name] = [permission.slice(0, colon), permission.slice(colon + 1)];
  const quote = error.details[0] ? ` The CRM says: ${error.details[0]}` : '';
  switch (kind) {
    case 'scope':
      return `The app has not been given the scope “${name}” here. Add it to the app in the developer portal, publish that version, and install or update the app here.${quote}`;
    case 'provider': {
      const id = providers.find(({ key }) => key === name)?.id ?? 'unknown';
      return `The app has no access to its provider “${name}” (id ${id}) here. The operator must check the id in the settings, and that the installed version of the app has this provider; then install the app here again.${quote}`;
    }
    case 'token':
      return `The CRM does not accept this installation’s kind of token for “${operation}”. Check the app’s target user and distribution in the developer portal, then install the app here again.${quote}`;
    default:
      return `The CRM refuses “${operation}” even with a new access token. Check the app’s scopes and version in the developer portal, then install the app here again.${quote}`;
  }
}

function permissionKey({ kind, resourceId }: TokenOwner, permission: string): string {
  return `${kind}/${resourceId}/${permission}`;
}
