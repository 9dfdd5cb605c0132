import { type Clock, dateNow } from '../core/clock.ts';
import type { Connection as ConnectionRow, Database, Installation, PermissionProblem } from '../database/client.ts';
import { toLocationOwner as ownerOf } from '../highlevel/client.ts';
import { toHighLevelGroupKey } from '../highlevel/group-keys.ts';
import { allScopes, minimalScopes } from '../highlevel/operations.ts';
import type { Provider } from '../highlevel/providers.ts';
import { listPermissionProblems } from '../installations/permissions.ts';
import { listWebhookObservations, observedAddress } from '../installations/webhook-observations.ts';
import { getPausedUntil } from '../queue/rate-limits.ts';
import { type Check, toCheck } from './check.ts';
import { checkWebhooks } from './check-webhooks.ts';

export interface CheckDeps {
  db: Database;
  clock: Pick<Clock, 'now'>;
  appUrl: string;
  providers: readonly Provider[];
}

/**
 * Checks the conditions for a location's messages, on HighLevel's side and on the vendors'. Makes no call: it uses recorded observations.
 */
export async function checkLocation(deps: CheckDeps, row: Installation): Promise<Check[]> {
  const { client } = deps.db;
  const owner = ownerOf(row.resourceId);
  const connections = await client.connection.findMany({
    where: { locationId: row.resourceId, disabledAt: null },
    orderBy: { id: 'asc' },
  });
  const problems = await listPermissionProblems(client, [owner]);
  const rateLimit = await client.rateLimitRow.findUnique({ where: { key: toHighLevelGroupKey(owner) } });
  const observations = await listWebhookObservations(client, [
    ...deps.providers.map(({ key }) => observedAddress.provider(key)),
    ...connections.map(({ id }) => observedAddress.connection(id)),
  ]);
  return [
    checkToken(deps, row),
    ...checkScopes(row),
    ...checkPermissions(deps, problems),
    rateLimit && getPausedUntil(rateLimit, dateNow(deps.clock))
      ? toCheck('calls', 'warning', 'calls_paused', { reason: rateLimit.pauseReason ?? '' })
      : toCheck('calls', 'ok', 'calls_open'),
    ...deps.providers.filter(({ kind }) => kind !== 'call').map((provider) => checkChannel(provider, connections)),
    ...connections.flatMap(checkRegistration),
    ...deps.providers
      .filter(({ key }) => connections.some(({ providerKey }) => providerKey === key))
      .map(({ key }) => checkWebhooks(deps, observedAddress.provider(key), observations, 'portal_address', 'signature_key')),
    ...connections.map(({ id }) =>
      checkWebhooks(deps, observedAddress.connection(id), observations, 'vendor_address', 'vendor_secret'),
    ),
  ];
}

function checkToken({ clock }: CheckDeps, { status, accessExpiresAt }: Installation): Check {
  if (status === 'active') {
    const isGood = accessExpiresAt !== null && accessExpiresAt > dateNow(clock);
    return isGood
      ? toCheck('token', 'ok', 'token_good', { until: accessExpiresAt.toISOString() })
      : toCheck('token', 'warning', 'token_refreshing');
  }
  const byStatus = { suspended: 'activate', reauth_required: 'reinstall', uninstalled: 'reinstall', pending: null } as const;
  return toCheck('token', status === 'pending' ? 'warning' : 'failed', status, {}, byStatus[status]);
}

function checkScopes({ scopes, status }: Installation): Check[] {
  if (status !== 'active') return [];
  const findMissing = (wanted: readonly string[]) =>
    wanted.filter((scope) => !scopes.includes(scope) && !scope.startsWith('oauth.'));
  const missing = findMissing(minimalScopes);
  const optional = findMissing(allScopes).filter((scope) => !missing.includes(scope));
  return [
    missing.length > 0
      ? toCheck('scopes', 'failed', 'scopes_missing', { scopes: missing.join(', ') }, 'add_scopes')
      : toCheck('scopes', 'ok', 'scopes_granted', { count: String(minimalScopes.length) }),
    ...(optional.length > 0
      ? [toCheck('scopes:optional', 'warning', 'scopes_optional', { scopes: optional.join(', ') }, 'add_scopes')]
      : []),
  ];
}

/** Checks permissions. A provider without a refusal is open; the message of a refusal says what to do. */
function checkPermissions({ providers }: CheckDeps, problems: readonly PermissionProblem[]): Check[] {
  const refused = problems.map(({ permission, message }) =>
    toCheck(`permission:${permission}`, 'failed', 'refused', { message }),
  );
  const accessible = providers.filter(({ key }) => !problems.some(({ permission }) => permission === `provider:${key}`));
  return [...refused, ...accessible.map(({ key }) => toCheck(`provider:${key}`, 'ok', 'provider_open', { provider: key }))];
}

function checkChannel({ key }: Provider, connections: readonly ConnectionRow[]): Check {
  const connection = connections.find(({ providerKey }) => providerKey === key);
  const name = `channel:${key}`;
  if (!connection) return toCheck(name, 'warning', 'channel_missing', { provider: key }, 'connect');
  const { type, status, statusReason } = connection;
  const values = { provider: key, type, reason: statusReason ?? '' };
  if (status === 'held') return toCheck(name, 'failed', 'channel_held', values, 'repair_account');
  if (status === 'pairing') return toCheck(name, 'failed', 'channel_pairing', values, 'pair');
  return toCheck(name, 'ok', 'channel_connected', values);
}

/** Checks the registration of a channel's webhooks with its vendor, where it is not as it should be. */
function checkRegistration({ providerKey, webhooksStatus, webhooksDetails }: ConnectionRow): Check[] {
  const name = `registration:${providerKey}`;
  const values = { provider: providerKey, details: webhooksDetails ?? '' };
  if (webhooksStatus === 'taken') return [toCheck(name, 'failed', 'webhooks_taken', values, 'replace_webhooks')];
  return webhooksStatus === 'failed' ? [toCheck(name, 'warning', 'webhooks_failed', values)] : [];
}
