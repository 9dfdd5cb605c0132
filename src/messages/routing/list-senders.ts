import type { Sender } from '../../channels/channel.ts';
import type { Connection } from '../../connections/connection.ts';
import { toSenderLimitKey } from '../../connections/queue-group.ts';
import { type ConfiguredSender, listSenderSettings } from '../../connections/sender-settings.ts';
import type { Clock } from '../../core/clock.ts';
import { isAppError } from '../../core/errors.ts';
import { toLocalTime } from '../../core/local-time.ts';
import type { Database } from '../../database/client.ts';
import { toLocationOwner } from '../../highlevel/client.ts';
import { loadGroupUsage } from '../../queue/group-usage.ts';
import { findOwnSender } from './load-setup.ts';

export interface ListSendersDeps {
  db: Database;
  clock: Clock;
  installationOf(owner: ReturnType<typeof toLocationOwner>): Promise<{ timezone: string | null } | null>;
  /** Asks the vendor. @throws AppError `not_found`: its channel lists none; `vendor_unavailable` */
  listSenders(connection: Connection): Promise<readonly Sender[]>;
}

/** A sender of a connection: its settings, what it sent today, and its recent results. */
export interface ConnectionSender extends Omit<ConfiguredSender, 'connectionId'> {
  /** The vendor's name for it. */
  readonly label: string | null;
  /** The connection sends from it where no rule names another. */
  readonly isOwn: boolean;
  /** The vendor lists it now; null where it lists none. */
  readonly isListed: boolean | null;
  readonly sentToday: number;
  readonly health: SenderHealth;
}

export interface SenderHealth {
  readonly sent: number;
  readonly failed: number;
}

const dayMs = 24 * 60 * 60 * 1000;
/** Bounds the cost for a busy connection. */
const maxAttempts = 500;

/**
 * Lists the senders of a connection: the one of its config, those that its vendor lists, and those with settings.
 *
 * @param known what the vendor lists, where the caller has asked it; null where it lists none
 */
export async function listConnectionSenders(
  deps: ListSendersDeps,
  connection: Connection,
  known?: readonly Sender[] | null,
): Promise<ConnectionSender[]> {
  const { client } = deps.db;
  const own = findOwnSender(connection);
  const listed = known === undefined ? await findListed(deps, connection) : known;
  const settings = new Map((await listSenderSettings(client, [connection.id])).map((row) => [row.address, row]));
  const addresses = new Set([
    ...(own === null ? [] : [own]),
    ...(listed ?? []).map(({ address }) => address),
    ...settings.keys(),
  ]);
  const toKey = (address: string) => toSenderLimitKey({ connectionId: connection.id, address });
  const usage = await loadGroupUsage(client, [...settings.keys()].map(toKey));
  const installation = await deps.installationOf(toLocationOwner(connection.locationId));
  const today = toLocalTime(deps.clock.now(), installation?.timezone ?? 'UTC').day;
  const health = await loadHealth(deps, connection.id, own);
  return [...addresses].map((address) => {
    const { connectionId: _id, ...chosen } = settings.get(address) ?? { ...withoutSettings, connectionId: connection.id };
    const row = usage.get(toKey(address));
    return {
      ...chosen,
      address,
      label: listed?.find((one) => one.address === address)?.label ?? null,
      isOwn: address === own,
      isListed: listed?.some((one) => one.address === address) ?? null,
      sentToday: row?.dailyCountDate === today ? row.dailyCount : 0,
      health: health.get(address) ?? { sent: 0, failed: 0 },
    };
  });
}

const withoutSettings = { ratePerSecond: null, dailyCap: null, sendingWindow: null, isPaused: false };

/** @returns null where the channel lists no senders, or its vendor can't be asked now */
async function findListed(deps: ListSendersDeps, connection: Connection): Promise<readonly Sender[] | null> {
  if (!connection.channel.setup?.listSenders) return null;
  try {
    return await deps.listSenders(connection);
  } catch (error) {
    if (isAppError(error, 'not_found', 'vendor_unavailable', 'connection_rejected')) return null;
    throw error;
  }
}

/** Counts the messages of the last day by sender, from the newest attempts. */
async function loadHealth(
  { db, clock }: ListSendersDeps,
  connectionId: string,
  own: string | null,
): Promise<Map<string, SenderHealth>> {
  const attempts = await db.client.attempt.findMany({
    where: { connectionId, endedAt: { gte: new Date(clock.now() - dayMs) } },
    orderBy: { endedAt: 'desc' },
    take: maxAttempts,
    select: { messageId: true, outcome: true, message: { select: { sender: true, state: true } } },
  });
  const health = new Map<string, SenderHealth>();
  const seen = new Set<string>();
  for (const { messageId, outcome, message } of attempts) {
    const address = message.sender ?? own;
    if (address === null || seen.has(messageId)) continue;
    seen.add(messageId);
    const { sent, failed } = health.get(address) ?? { sent: 0, failed: 0 };
    const isFailed = message.state === 'failed';
    const isSent = !isFailed && (outcome === 'accepted' || outcome === 'delivered');
    health.set(address, { sent: sent + (isSent ? 1 : 0), failed: failed + (isFailed ? 1 : 0) });
  }
  return health;
}
