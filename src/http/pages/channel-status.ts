import { listOpenAlerts } from '../../alerts/store.ts';
import { parseDeliverySettings } from '../../channels/delivery-settings.ts';
import type { Connection } from '../../connections/connect.ts';
import { dateNow } from '../../core/clock.ts';
import { toLocalTime } from '../../core/local-time.ts';
import type { Provider } from '../../highlevel/providers.ts';
import type { Installation } from '../../installations/store.ts';
import { type ConnectionHealth, getConnectionHealth } from '../../messages/stats/connection-health.ts';
import { countReadyHeads } from '../../queue/job.ts';
import { getPausedUntil, rateLimitKey } from '../../queue/rate-limits.ts';
import { type ChannelPageDeps, channelName, connectedAt, messageProviders, providerName } from './channel-place.ts';
import { reasonText, type Text } from './texts.ts';

/** How a provider stands in a location: `good`, `unused` until something was sent, `failing`, or `none` connected. */
export interface ChannelStatus {
  key: string;
  name: string;
  state: 'none' | 'unused' | 'good' | 'failing';
  channelName: string | null;
  since: Date | null;
  health: ConnectionHealth | null;
  /** Why it fails, in the reader's words. */
  reason: string | null;
}

/** A few refusals may be the contacts' fault; from so many in a row on it is the channel's. */
const failedInRowAtLeast = 3;

/** Every provider of the app with what the location has connected for it. */
export async function channelStatuses(
  deps: ChannelPageDeps,
  text: Text,
  { resourceId }: Installation,
): Promise<ChannelStatus[]> {
  const alerts = (await listOpenAlerts(deps.db.client, [resourceId])).get(resourceId) ?? [];
  const failing = new Set(alerts.filter(({ kind }) => kind === 'channel_failing').map(({ subject }) => subject));
  return Promise.all(
    messageProviders(deps).map(async (provider) => {
      const connection = await connectedAt(deps, { locationId: resourceId, providerKey: provider.key });
      return statusOf(deps, text, provider, connection, failing);
    }),
  );
}

async function statusOf(
  deps: ChannelPageDeps,
  text: Text,
  provider: Provider,
  connection: Connection | null,
  failing: ReadonlySet<string>,
): Promise<ChannelStatus> {
  const shown = { key: provider.key, name: providerName(deps, text, provider) };
  if (!connection) return { ...shown, state: 'none', channelName: null, since: null, health: null, reason: null };
  const health = await getConnectionHealth(deps, connection.id);
  const isFailing = failing.has(connection.id) || health.consecutiveFailures >= failedInRowAtLeast;
  return {
    ...shown,
    state: isFailing ? 'failing' : health.lastAt ? 'good' : 'unused',
    channelName: channelName(text, connection.channel),
    since: connection.createdAt,
    health,
    reason: health.reason && reasonText(text, health.reason),
  };
}

/** Changes when a status may: for the versions of pages. What only makes it older counts every ten seconds. */
export async function channelsVersion(deps: ChannelPageDeps, { resourceId }: Installation): Promise<string> {
  const rows = await deps.db.client.connection.findMany({
    where: { locationId: resourceId, dormantSince: null },
    select: { id: true, updatedAt: true },
    orderBy: { id: 'asc' },
  });
  const last = await Promise.all(rows.map(({ id }) => lastAttempt(deps, id)));
  const alerts = await deps.db.client.alert.count({ where: { locationId: resourceId, openKey: { not: null } } });
  return JSON.stringify([rows, last, alerts]);
}

const coarseMs = 10_000;

async function lastAttempt({ db }: ChannelPageDeps, connectionId: string) {
  const row = await db.client.attempt.findFirst({
    where: { connectionId, endedAt: { not: null } },
    orderBy: { endedAt: 'desc' },
    select: { endedAt: true, outcome: true },
  });
  return row && [row.outcome, Math.floor((row.endedAt as Date).getTime() / coarseMs)];
}

/** More need not be counted to be called many. */
const waitingAtMost = 1_000;

/** How much of a connection's limits is used up, and what waits because of them. */
export async function limitsNow(deps: ChannelPageDeps, connection: Connection, timezone: string | null) {
  const key = rateLimitKey.connection(connection);
  const now = dateNow(deps.clock);
  const pace = await deps.db.client.pace.findUnique({ where: { key } });
  const blockedUntil = pace && getPausedUntil(pace, now);
  const today = toLocalTime(now.getTime(), timezone ?? 'UTC').day;
  const waiting = blockedUntil ? await countReadyHeads(deps.db.client, 'deliver', key, waitingAtMost + 1) : 0;
  return {
    settings: parseDeliverySettings(connection.config),
    sentToday: pace?.day === today ? pace.sentToday : 0,
    blockedUntil,
    blockedBy: blockedUntil && pace?.blockedCode ? { code: pace.blockedCode, message: pace.blockedReason ?? '' } : null,
    waiting: Math.min(waiting, waitingAtMost),
    isMore: waiting > waitingAtMost,
  };
}
