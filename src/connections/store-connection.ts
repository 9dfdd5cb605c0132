import { type Actor, audit } from '../audit/audit-log.ts';
import type { Channel } from '../channels/channel.ts';
import { type Clock, dateNow } from '../core/clock.ts';
import type { NewId } from '../core/ids.ts';
import type { SecretBox } from '../core/secret-box.ts';
import type { Connection as ConnectionRow, Database, Executor } from '../database/client.ts';
import { recordEvent } from '../outbox/record-events.ts';
import { noWorkerId, setGroupOwner } from '../queue/group-owner.ts';
import { setGroupLimits } from '../queue/rate-limits.ts';
import { computeNextDailyCheck } from './check-schedule.ts';
import type { Connection, ConnectionRef, ConnectionTarget } from './connection.ts';
import { findTargetRow } from './find.ts';
import { pairingReason, pauseMessages } from './hold.ts';
import { toGroupLimits } from './limits.ts';
import { deleteUnusedGrant, findSignIn } from './oauth-grants.ts';
import { arrangeGroups, lockProvider } from './own-groups.ts';
import { toConnectionGroupKey } from './queue-group.ts';
import { configAad, retainPreviousConfig, stateAad } from './sealed-config.ts';

export interface StoreConnectionDeps {
  db: Database;
  box: SecretBox;
  clock: Clock;
  newId: NewId;
  jitter: () => number;
  decryptConnection(row: ConnectionRow): Connection;
}

interface VerifiedConfig {
  readonly account: string | null;
  readonly isPaired: boolean;
  /** State that the channel has set meanwhile. */
  readonly draft: { value: unknown } | null;
}

/** Name and rank of a connection among those of its provider. */
export interface ConnectionPlace {
  readonly name?: string | null | undefined;
  readonly isDefault?: boolean | undefined;
}

interface NewConnection {
  /** Reserved id, unless another process stores the connection first. */
  readonly id: string;
  readonly target: ConnectionTarget;
  readonly place: ConnectionPlace | undefined;
  readonly channel: Channel;
  readonly config: object;
  readonly actor: Actor;
  /** Null when only the settings of sending have changed: its status stays. */
  readonly verified: VerifiedConfig | null;
}

/** Stores a valid config. A verified one ends the hold of the connection, and its webhooks are registered next. */
export async function storeConnection(deps: StoreConnectionDeps, connection: NewConnection): Promise<Connection> {
  const { channel, config, actor, verified } = connection;
  const { locationId, providerKey } = connection.target;
  const ref = { locationId, providerKey };
  const now = dateNow(deps.clock);
  const row = await deps.db.transaction(async (tx) => {
    await lockProvider(tx, ref);
    const stored = await findTargetRow(tx, connection.target);
    if (!stored) await createRow(tx, connection, now);
    if (connection.place?.isDefault) await makeDefault(tx, { ...ref, id: stored?.id ?? connection.id });
    await arrangeGroups(tx, ref, now);
    const current = await tx.connection.findUniqueOrThrow({ where: { id: stored?.id ?? connection.id } });
    const { id, disabledAt, ...before } = current;
    const sealed = deps.box.seal(JSON.stringify(config), configAad(id));
    const action = !stored || disabledAt ? 'channel_connected' : 'channel_changed';
    await audit(
      tx,
      { clock: deps.clock, newId: deps.newId },
      { actor, action, locationId, providerKey, details: `${providerKey}: ${channel.type}.` },
    );
    const groupKey = toConnectionGroupKey(current);
    const keepsPause = before.pausedAt !== null || (verified === null && before.status !== 'active');
    await setGroupLimits(tx, groupKey, toGroupLimits(config, channel), now, keepsPause);
    // Until a worker has opened the session, no worker claims the jobs that it carries.
    await setGroupOwner(tx, [groupKey], channel.session?.carriesSends ? noWorkerId : null, now);
    if (before.status === 'held' && verified?.isPaired) {
      await recordEvent(tx, { kind: 'channel_resumed', locationId, connectionId: id, facts: { providerKey } }, now);
    }
    await deleteUnusedGrant(tx, id, findSignIn({ channel, config }));
    return tx.connection.update({
      where: { id },
      data: {
        type: channel.type,
        config: sealed,
        ...retainPreviousConfig(deps, { id, ...before }, channel, config, now),
        // The state of another channel means nothing to this one.
        ...(before.type === channel.type ? {} : { state: null }),
        ...(verified && toVerifiedFields(deps, id, channel, verified, now)),
        disabledAt: null,
        updatedAt: now,
      },
    });
  });
  deps.box.evict(stateAad(row.id));
  if (verified?.isPaired === false) await pauseMessages(deps, row, pairingReason.message);
  return deps.decryptConnection(row);
}

/** Creates the row first, as its id binds the sealed config to it. A provider's first connection is its default. */
async function createRow(tx: Executor, { id, target, channel, place }: NewConnection, now: Date): Promise<void> {
  const { locationId, providerKey } = target;
  const last = await tx.connection.findFirst({ where: { locationId, providerKey }, orderBy: { position: 'desc' } });
  await tx.connection.create({
    data: {
      ...{ id, locationId, providerKey, type: channel.type, config: '', createdAt: now, updatedAt: now },
      name: place?.name ?? null,
      isDefault: last === null,
      position: last ? last.position + 1 : 0,
    },
  });
}

/** Makes a connection its provider's default one. The caller holds `lockProvider`. */
export async function makeDefault(
  tx: Executor,
  { id, locationId, providerKey }: ConnectionRef & { id: string },
): Promise<void> {
  await tx.connection.updateMany({ where: { locationId, providerKey, isDefault: true }, data: { isDefault: false } });
  await tx.connection.update({ where: { id }, data: { isDefault: true } });
}

function toVerifiedFields(
  { box, jitter }: StoreConnectionDeps,
  id: string,
  { setup }: Channel,
  { account, isPaired, draft }: VerifiedConfig,
  now: Date,
) {
  const status = isPaired
    ? ({ status: 'active', statusCode: null, statusReason: null } as const)
    : ({ status: 'pairing', statusCode: pairingReason.code, statusReason: pairingReason.message } as const);
  return {
    ...status,
    statusChangedAt: now,
    account,
    checkDueAt: setup ? computeNextDailyCheck(now, jitter()) : null,
    checkFailureCount: 0,
    setupDueAt: setup?.registerWebhooks ? now : null,
    webhooksStatus: null,
    webhooksDetails: null,
    ...(draft ? { state: box.seal(JSON.stringify(draft.value), stateAad(id)) } : {}),
  };
}
