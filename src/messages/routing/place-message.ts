import type { Connection } from '../../connections/connection.ts';
import { toConnectionGroupKey, toSenderLimitKey } from '../../connections/queue-group.ts';
import type { ConfiguredSender } from '../../connections/sender-settings.ts';
import { type Clock, dateNow } from '../../core/clock.ts';
import { limitPerSecond } from '../../core/gcra.ts';
import type { Database, Executor, Message } from '../../database/client.ts';
import { reserveSlot } from '../../queue/rate-limits.ts';
import { getReason, type Reason } from '../model/reasons.ts';
import { type DecideForDeps, decideFor } from './decide-for.ts';
import type { RequestedSender, RoutingDecision } from './decide-sender.ts';
import { type FindRequestedDeps, findRequested } from './find-requested.ts';
import type { LoadSetup, RoutingSetup } from './load-setup.ts';
import type { StoredRoute } from './stored-route.ts';

export interface PlaceDeps extends DecideForDeps, FindRequestedDeps {
  db: Database;
  clock: Clock;
  loadSetup: LoadSetup;
  /** Returns whether an attempt may have reached the contact. */
  mayHaveArrived(message: Pick<Message, 'id' | 'resentAt'>): Promise<boolean>;
}

type PlacedMessage = Pick<
  Message,
  | 'id'
  | 'locationId'
  | 'providerKey'
  | 'connectionId'
  | 'contactId'
  | 'to'
  | 'text'
  | 'sender'
  | 'senderSlotAt'
  | 'route'
  | 'resentAt'
  | 'isTest'
>;

/** Writes what was decided about a message, in the transaction that finishes its job. */
export type RecordPlace = (tx: Executor) => Promise<undefined>;

/** What follows for a message whose provider has several connections or rules. */
export type Placement =
  /** Its connection sends it now. */
  | { connection: Connection; sender: ConfiguredSender | null }
  /** It waits for its turn in the group of its connection. */
  | { move: { groupKey: string; dueAt: Date; record: RecordPlace; reason?: Reason } }
  | { rejected: Reason; record?: RecordPlace };

/** Wait of a message whose sender a person has paused, before it looks again. */
const pausedSenderDelayMs = 5 * 60_000;
/** A slot that was not used in this time is reserved anew. */
const slotTtlMs = 60_000;

/**
 * Places a message: decides which connection and sender carry it, once, and moves its job to the group of that connection. A later run keeps
 * the decision. Only a policy that lets messages fail or go elsewhere while the chosen one is unavailable decides anew, and only while no
 * attempt may have reached the contact.
 *
 * @param groupKey the group in which the job runs
 * @throws AppError when HighLevel is needed and can't be reached now
 */
export async function placeMessage(
  deps: PlaceDeps,
  message: PlacedMessage,
  groupKey: string,
  connections: readonly Connection[],
): Promise<Placement> {
  const setup = await deps.loadSetup(message, connections);
  const kept = connections.find(({ id }) => id === message.connectionId);
  if (kept && (await keepsDecision(deps, message, kept, setup))) return continueWith(deps, message, groupKey, kept, setup);
  if (message.connectionId !== null && (await deps.mayHaveArrived(message))) return { rejected: getReason('no_channel') };

  const requested = await findRequested(deps, message, connections, setup);
  const decision = await decideFor(deps, { ...message, requested }, setup);
  const connection = connections.find(({ id }) => id === decision.connectionId) as Connection;
  if (decision.fails) {
    return {
      rejected: getReason('sender_unavailable'),
      record: recordDecision(message, connection, { ...decision, requested }, null),
    };
  }
  const sender = findSender(setup, connection, decision.sender);
  const now = dateNow(deps.clock);
  const slotAt = sender?.ratePerSecond ? await reserve(deps, sender, sender.ratePerSecond, null) : null;
  const record = recordDecision(
    message,
    connection,
    { ...decision, requested },
    sender?.ratePerSecond ? (slotAt ?? now) : null,
  );
  return { move: { groupKey: toConnectionGroupKey(connection), dueAt: slotAt ?? now, record } };
}

/** Returns whether the connection of a message is to carry it still. */
async function keepsDecision(
  deps: PlaceDeps,
  message: PlacedMessage,
  kept: Connection,
  { policy, connections }: RoutingSetup,
): Promise<boolean> {
  if (policy.whenUnavailable === 'wait' || message.isTest) return true;
  const routable = connections.find(({ id }) => id === kept.id);
  const address = message.sender ?? routable?.ownSender;
  const unavailable = routable?.unavailable ?? routable?.senders.find((one) => one.address === address)?.unavailable;
  return !unavailable || deps.mayHaveArrived(message);
}

async function continueWith(
  deps: PlaceDeps,
  message: PlacedMessage,
  groupKey: string,
  connection: Connection,
  setup: RoutingSetup,
): Promise<Placement> {
  const sender = findSender(setup, connection, message.sender);
  const own = toConnectionGroupKey(connection);
  const now = dateNow(deps.clock);
  if (groupKey !== own) return { move: { groupKey: own, dueAt: now, record: recordNothing } };
  if (sender?.isPaused) {
    const dueAt = new Date(now.getTime() + pausedSenderDelayMs);
    return { move: { groupKey: own, dueAt, record: recordNothing, reason: getReason('sender_paused') } };
  }
  if (sender?.ratePerSecond) {
    const slotAt = await reserve(deps, sender, sender.ratePerSecond, message.senderSlotAt);
    if (slotAt) return { move: { groupKey: own, dueAt: slotAt, record: recordSlot(message, slotAt) } };
  }
  return { connection, sender };
}

function reserve({ db, clock }: PlaceDeps, sender: ConfiguredSender, rate: number, slotAt: Date | null) {
  return reserveSlot({ db, clock }, toSenderLimitKey(sender), { ...limitPerSecond(rate), slotTtlMs }, slotAt);
}

/** Finds the settings of the sender that a message goes out from: the chosen one, else the connection's own. */
function findSender(
  { connections, senders }: RoutingSetup,
  { id }: Connection,
  chosen: string | null,
): ConfiguredSender | null {
  const address = chosen ?? connections.find((connection) => connection.id === id)?.ownSender;
  return senders.find((sender) => sender.connectionId === id && sender.address === address) ?? null;
}

const recordNothing: RecordPlace = async () => undefined;

function recordSlot({ id }: PlacedMessage, senderSlotAt: Date): RecordPlace {
  return async (tx) => void (await tx.message.updateMany({ where: { id }, data: { senderSlotAt } }));
}

/** Writes a decision, unless a person has had the message resent since. */
function recordDecision(
  { id, resentAt }: PlacedMessage,
  connection: Connection,
  { rule, steps, sender, text, fails, requested }: RoutingDecision & { requested: RequestedSender | null },
  senderSlotAt: Date | null,
): RecordPlace {
  const name = connection.name ?? connection.account;
  const route: StoredRoute = {
    rule,
    steps: [...steps],
    connectionId: connection.id,
    type: connection.channel.type,
    name,
    sender,
    ...(requested ? { requestedSender: requested.sender } : {}),
  };
  // A message that failed for it is decided anew when a person has it resent.
  const connectionId = fails ? null : connection.id;
  return async (tx) =>
    void (await tx.message.updateMany({
      where: { id, resentAt, state: 'pending' },
      data: { connectionId, sender, text, senderSlotAt, route },
    }));
}
