import { listOpenAlerts } from '../../../alerts/store.ts';
import { parseDeliverySettings } from '../../../channels/delivery-settings.ts';
import type { Connection } from '../../../connections/connection.ts';
import { toConnectionGroupKey } from '../../../connections/queue-group.ts';
import { dateNow } from '../../../core/clock.ts';
import { toLocalTime } from '../../../core/local-time.ts';
import type { Provider } from '../../../highlevel/providers.ts';
import type { Installation } from '../../../installations/store.ts';
import { type ConnectionHealth, getConnectionHealth } from '../../../messages/stats/connection-health.ts';
import { countSilentSends } from '../../../messages/stats/silent-sends.ts';
import { countReadyHeads } from '../../../queue/depth.ts';
import { getPausedUntil } from '../../../queue/rate-limits.ts';
import { type Text, toReasonText } from '../framework/texts.ts';
import {
  type ChannelPageDeps,
  findUsableConnection,
  listMessageProviders,
  toChannelName,
  toProviderName,
} from './providers.ts';

/**
 * The status of a provider in a location: `good`, `unused` before the first message, `failing`, `held` by a problem with the vendor's
 * account, `pairing` until a device is paired, or `none` when not connected.
 */
export interface ChannelStatus {
  key: string;
  name: string;
  state: 'none' | 'unused' | 'good' | 'failing' | 'held' | 'pairing';
  channelName: string | null;
  since: Date | null;
  health: ConnectionHealth | null;
  /** Messages of the last hour that were accepted and got no receipt in the usual time. */
  silent: { count: number; minutes: number } | null;
  /** The reason of the failures or of the hold, translated. */
  reason: string | null;
}

/** A few rejections in a row may be the contacts' fault; from this many on, the channel's. */
const minFailuresInRow = 3;

/** Lists the status of every provider of the app in a location. */
export async function listChannelStatuses(deps: ChannelPageDeps, text: Text, location: Installation): Promise<ChannelStatus[]> {
  return Promise.all(
    listMessageProviders(deps).map(async (provider) => {
      const connection = await findUsableConnection(deps, { locationId: location.resourceId, providerKey: provider.key });
      const [status] = await getStatuses(deps, text, location, provider, [connection]);
      return status as ChannelStatus;
    }),
  );
}

/** Gets the status of each connection of a provider in a location; null for none. */
export async function getStatuses(
  deps: ChannelPageDeps,
  text: Text,
  { resourceId }: Installation,
  provider: Provider,
  connections: readonly (Connection | null)[],
): Promise<ChannelStatus[]> {
  const alerts = (await listOpenAlerts(deps.db.client, [resourceId])).get(resourceId) ?? [];
  const failing = new Set(alerts.filter(({ kind }) => kind === 'channel_failing').map(({ subject }) => subject));
  return Promise.all(connections.map((connection) => getChannelStatus(deps, text, provider, connection, failing)));
}

async function getChannelStatus(
  deps: ChannelPageDeps,
  text: Text,
  provider: Provider,
  connection: Connection | null,
  failing: ReadonlySet<string>,
): Promise<ChannelStatus> {
  const shown = { key: provider.key, name: toProviderName(deps, text, provider) };
  if (!connection) return { ...shown, state: 'none', channelName: null, since: null, health: null, silent: null, reason: null };
  const health = await getConnectionHealth(deps, connection.id);
  const isFailing = failing.has(connection.id) || health.consecutiveFailures >= minFailuresInRow;
  const isWaiting = connection.status === 'held' || connection.status === 'pairing';
  const reason = isWaiting ? connection.statusReason : health.reason;
  return {
    ...shown,
    state: isWaiting ? connection.status : isFailing ? 'failing' : health.lastAt ? 'good' : 'unused',
    channelName: toChannelName(text, connection.channel),
    since: connection.createdAt,
    health,
    silent: await findSilence(deps, connection),
    reason: reason && toReasonText(text, reason),
  };
}

const silenceSpanMs = 60 * 60 * 1000;

/** Finds the messages that lack a receipt for too long. @returns null where none do, and for a channel without a usual time */
async function findSilence({ db, clock }: ChannelPageDeps, { id, capabilities }: Connection): Promise<ChannelStatus['silent']> {
  const { receiptWithinMs } = capabilities;
  if (receiptWithinMs === undefined) return null;
  const until = dateNow(clock);
  const after = new Date(until.getTime() - silenceSpanMs);
  const [found] = await countSilentSends(db.client, [{ id, receiptWithinMs }], { after, until });
  return found ? { count: found.count, minutes: Math.round(receiptWithinMs / 60_000) } : null;
}

/** Returns a value that changes with the statuses, for the versions of pages. New attempts with the same outcome count every ten seconds. */
export async function getChannelsVersion(deps: ChannelPageDeps, { resourceId }: Installation): Promise<string> {
  const rows = await deps.db.client.connection.findMany({
    where: { locationId: resourceId, disabledAt: null },
    select: {
      id: true,
      updatedAt: true,
      name: true,
      isDefault: true,
      position: true,
      status: true,
      statusReason: true,
      account: true,
      webhooksStatus: true,
      webhooksDetails: true,
    },
    orderBy: { id: 'asc' },
  });
  const last = await Promise.all(rows.map(({ id }) => findLastAttempt(deps, id)));
  const alerts = await deps.db.client.alert.count({ where: { locationId: resourceId, dedupKey: { not: null } } });
  return JSON.stringify([rows, last, alerts]);
}

const versionStepMs = 10_000;

async function findLastAttempt({ db }: ChannelPageDeps, connectionId: string) {
  const row = await db.client.attempt.findFirst({
    where: { connectionId, endedAt: { not: null } },
    orderBy: { endedAt: 'desc' },
    select: { endedAt: true, outcome: true },
  });
  return row && [row.outcome, Math.floor((row.endedAt as Date).getTime() / versionStepMs)];
}

/** Counting stops here; the page then shows "more than". */
const maxWaitingCount = 1_000;

/** Loads the usage of a connection's limits and the number of contacts whose messages wait for them. */
export async function getLimitUsage(deps: ChannelPageDeps, connection: Connection, timezone: string | null) {
  const key = toConnectionGroupKey(connection);
  const now = dateNow(deps.clock);
  const rateLimit = await deps.db.client.rateLimitRow.findUnique({ where: { key } });
  const pausedUntil = rateLimit && getPausedUntil(rateLimit, now);
  const today = toLocalTime(now.getTime(), timezone ?? 'UTC').day;
  const waiting = pausedUntil ? await countReadyHeads(deps.db.client, 'deliver', key, maxWaitingCount + 1) : 0;
  return {
    settings: parseDeliverySettings(connection.config, connection.channel.defaultDelivery),
    dailyCount: rateLimit?.dailyCountDate === today ? rateLimit.dailyCount : 0,
    pausedUntil,
    pauseReason:
      pausedUntil && rateLimit?.pauseCode ? { code: rateLimit.pauseCode, message: rateLimit.pauseReason ?? '' } : null,
    waiting: Math.min(waiting, maxWaitingCount),
    hasMore: waiting > maxWaitingCount,
  };
}
