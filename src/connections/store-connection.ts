import { type Actor, audit } from '../audit/audit-log.ts';
import type { Channel } from '../channels/channel.ts';
import { type Clock, dateNow } from '../core/clock.ts';
import type { NewId } from '../core/ids.ts';
import type { SecretBox } from '../core/secret-box.ts';
import type { Connection as ConnectionRow, Database } from '../database/client.ts';
import { noWorkerId, setGroupOwner } from '../queue/group-owner.ts';
import { setGroupLimits } from '../queue/rate-limits.ts';
import { computeNextDailyCheck } from './check-schedule.ts';
import type { Connection, ConnectionRef } from './connection.ts';
import { pairingReason, pauseMessages } from './hold.ts';
import { toGroupLimits } from './limits.ts';
import { deleteUnusedGrant, findSignIn } from './oauth-grants.ts';
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

interface NewConnection {
  /** Reserved id, unless another process stores the connection first. */
  readonly id: string;
  readonly ref: ConnectionRef;
  readonly channel: Channel;
  readonly config: object;
  readonly actor: Actor;
  /** Null when only the settings of sending have changed: its status stays. */
  readonly verified: VerifiedConfig | null;
}

/** Stores a valid config. A verified one ends the hold of the connection, and its webhooks are registered next. */
export async function storeConnection(deps: StoreConnectionDeps, connection: NewConnection): Promise<Connection> {
  const { ref, channel, config, actor, verified } = connection;
  const { locationId, providerKey } = ref;
  const now = dateNow(deps.clock);
  const row = await deps.db.transaction(async (tx) => {
    // The id comes first, as it binds the sealed config to its row. With an upsert, two concurrent calls both succeed.
    const isNew = (await tx.connection.count({ where: { locationId, providerKey } })) === 0;
    const { id, disabledAt, ...before } = await tx.connection.upsert({
      where: { locationId_providerKey: { locationId, providerKey } },
      create: { id: connection.id, locationId, providerKey, type: channel.type, config: '', createdAt: now, updatedAt: now },
      update: {},
    });
    const sealed = deps.box.seal(JSON.stringify(config), configAad(id));
    const action = isNew || disabledAt ? 'channel_connected' : 'channel_changed';
    await audit(
      tx,
      { clock: deps.clock, newId: deps.newId },
      { actor, action, locationId, providerKey, details: `${providerKey}: ${channel.type}.` },
    );
    const keepsPause = verified === null && before.status !== 'active';
    await setGroupLimits(tx, toConnectionGroupKey(ref), toGroupLimits(config, channel), now, keepsPause);
    // Until a worker has opened the session, no worker claims the jobs that it carries.
    await setGroupOwner(tx, [toConnectionGroupKey(ref)], channel.session?.carriesSends ? noWorkerId : null, now);
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
  if (verified?.isPaired === false) await pauseMessages(deps, ref, pairingReason.message);
  return deps.decryptConnection(row);
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
