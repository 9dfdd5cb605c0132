import { parseDeliverySettings } from '../../channels/delivery-settings.ts';
import type { Connection, ConnectionRef } from '../../connections/connection.ts';
import { toConnectionGroupKey, toSenderLimitKey } from '../../connections/queue-group.ts';
import { emptyPolicy, listRoutingPolicies, type RoutingPolicy, readPolicy } from '../../connections/routing-policy.ts';
import { type ConfiguredSender, listSenderSettings } from '../../connections/sender-settings.ts';
import { type Clock, dateNow } from '../../core/clock.ts';
import { toLocalTime } from '../../core/local-time.ts';
import type { Database } from '../../database/client.ts';
import { toLocationOwner } from '../../highlevel/client.ts';
import { type GroupUsage, loadGroupUsage } from '../../queue/group-usage.ts';
import { getPausedUntil } from '../../queue/rate-limits.ts';
import { createLoader } from '../../runtime/batcher.ts';
import type { RoutableConnection, UnavailableReason } from './decide-sender.ts';

/** The policy of a provider, and its connections as far as a decision needs them. */
export interface RoutingSetup {
  readonly policy: RoutingPolicy;
  /** In their order. */
  readonly connections: readonly RoutableConnection[];
  /** Senders with settings of their own. */
  readonly senders: readonly ConfiguredSender[];
}

export interface SetupDeps {
  db: Database;
  clock: Clock;
  installationOf(owner: ReturnType<typeof toLocationOwner>): Promise<{ timezone: string | null } | null>;
}

/** Loads the setup of a provider. @param connections those that this process can use, in their order */
export type LoadSetup = (ref: ConnectionRef, connections: readonly Connection[]) => Promise<RoutingSetup>;

/** Creates the loader of setups: calls that come together share their statements. */
export function createSetupLoader(deps: SetupDeps): LoadSetup {
  const { client } = deps.db;
  const loadPolicy = createLoader(toName, async (refs: readonly ConnectionRef[]) => {
    const rows = await listRoutingPolicies(client, refs);
    return new Map(rows.map((row) => [toName(row), readPolicy(row.policy)]));
  });
  const loadSenders = createLoader(identity, async (ids) => Map.groupBy(await listSenderSettings(client, ids), toConnectionId));
  const loadUsage = createLoader(identity, (keys) => loadGroupUsage(client, keys));

  return async (ref, connections) => {
    const [policy, installation, ...settings] = await Promise.all([
      loadPolicy(ref),
      deps.installationOf(toLocationOwner(ref.locationId)),
      ...connections.map(({ id }) => loadSenders(id)),
    ]);
    const senders = settings.flatMap((list) => list ?? []);
    const keys = [...connections.map(toConnectionGroupKey), ...senders.map(toSenderLimitKey)];
    const usages = await Promise.all(keys.map(async (key) => [key, await loadUsage(key)] as const));
    const now = dateNow(deps.clock);
    const facts = { usage: new Map(usages), now, today: toLocalTime(now.getTime(), installation?.timezone ?? 'UTC').day };
    return {
      policy: policy ?? emptyPolicy,
      senders,
      connections: connections.map((connection) => toRoutable(facts, connection, senders)),
    };
  };
}

interface UsageFacts {
  usage: ReadonlyMap<string, GroupUsage | null>;
  now: Date;
  today: string;
}

function toRoutable(facts: UsageFacts, connection: Connection, senders: readonly ConfiguredSender[]): RoutableConnection {
  const { dailyCap } = parseDeliverySettings(connection.config, connection.channel.defaultDelivery);
  const own = senders.filter(({ connectionId }) => connectionId === connection.id);
  return {
    id: connection.id,
    isDefault: connection.isDefault,
    ownSender: findOwnSender(connection),
    unavailable: findConnectionProblem(connection) ?? findCapProblem(facts, toConnectionGroupKey(connection), dailyCap),
    senders: own.map((sender) => ({
      address: sender.address,
      unavailable: sender.isPaused ? 'paused' : findCapProblem(facts, toSenderLimitKey(sender), sender.dailyCap ?? undefined),
    })),
  };
}

/** Returns the sender that the config of a connection names; null for one that the vendor chooses. */
export function findOwnSender({ config }: Pick<Connection, 'config'>): string | null {
  const { from, sender } = config as { from?: unknown; sender?: unknown };
  return ([sender, from].find((value) => typeof value === 'string' && value !== '') as string | undefined) ?? null;
}

function findConnectionProblem({ pausedAt, status }: Connection): UnavailableReason | null {
  if (pausedAt) return 'paused';
  return status === 'active' ? null : status;
}

/** Returns `over_cap` when a daily cap is used up. */
function findCapProblem({ usage, now, today }: UsageFacts, key: string, cap: number | undefined): 'over_cap' | null {
  const row = usage.get(key);
  if (cap === undefined || !row) return null;
  const isPaused = row.pauseCode === 'daily_cap' && getPausedUntil(row, now) !== null;
  return isPaused || (row.dailyCountDate === today && row.dailyCount >= cap) ? 'over_cap' : null;
}

function toName({ locationId, providerKey }: ConnectionRef): string {
  return `${locationId}/${providerKey}`;
}

function toConnectionId({ connectionId }: ConfiguredSender): string {
  return connectionId;
}

function identity(key: string): string {
  return key;
}
