import { type Actor, audit } from '../audit/audit-log.ts';
import type { RegisterResult } from '../channels/channel.ts';
import { dateNow } from '../core/clock.ts';
import { AppError, isAppError } from '../core/errors.ts';
import type { NewId } from '../core/ids.ts';
import type { Database } from '../database/client.ts';
import { type CallVendorDeps, callVendor } from './call-vendor.ts';
import { computeNextSetup } from './check-schedule.ts';
import { claimDueConnections, forEachConnection, type UseConnectionsDeps } from './claim-due.ts';
import type { Connection } from './connection.ts';
import { redactSecrets } from './redact-secrets.ts';

export interface RegisterDeps extends CallVendorDeps, UseConnectionsDeps {
  db: Database;
  newId: NewId;
  jitter: () => number;
}

const registerTimeoutMs = 20_000;

/**
 * Registers a connection's webhook addresses with its vendor, and stores the result: `taken` and `manual` wait for a person, a failure is
 * tried again.
 *
 * @param replace a person has agreed to replace addresses of another program
 * @throws AppError `not_found`: the channel registers no webhooks
 */
export async function registerWebhooks(
  deps: RegisterDeps,
  connection: Connection,
  replace: boolean,
  actor: Actor,
): Promise<RegisterResult> {
  const { channel, id, updatedAt, locationId, providerKey } = connection;
  if (!channel.setup?.registerWebhooks) {
    throw new AppError('not_found', `${channel.title} does not let programs register webhooks. Copy the addresses to it.`);
  }
  const result = await callRegister(deps, connection, replace);
  const now = dateNow(deps.clock);
  await deps.db.transaction(async (tx) => {
    // Of a connection that was changed meanwhile, the new config is registered next.
    const { count } = await tx.connection.updateMany({
      where: { id, updatedAt },
      data: {
        webhooksStatus: result.kind,
        webhooksDetails: toDetails(connection, result),
        setupDueAt: result.kind === 'failed' ? computeNextSetup(now, updatedAt, deps.jitter()) : null,
      },
    });
    if (count === 0 || result.kind !== 'registered') return;
    // The daily check repeats a registration: only a change is recorded.
    if (connection.webhookRegistration?.status === 'registered' && !replace) return;
    await audit(
      tx,
      { clock: deps.clock, newId: deps.newId },
      {
        actor,
        action: 'webhooks_registered',
        locationId,
        providerKey,
        details: `${providerKey}: ${channel.type}.`,
      },
    );
  });
  return result;
}

/**
 * Registers the webhooks of a connection that has not been set up yet. Its first message may come within the second after it was connected,
 * and a vendor does not repeat receipts for an address that was registered later.
 */
export async function registerPendingWebhooks(deps: RegisterDeps, connection: Connection, actor: Actor): Promise<void> {
  const isPending = connection.channel.setup?.registerWebhooks !== undefined && connection.webhookRegistration === null;
  if (isPending && connection.status === 'active') await registerWebhooks(deps, connection, false, actor);
}

async function callRegister(deps: CallVendorDeps, connection: Connection, replace: boolean): Promise<RegisterResult> {
  const { setup } = connection.channel;
  try {
    return await callVendor(deps, connection, { timeoutMs: registerTimeoutMs }, async (context) => {
      const result = await setup?.registerWebhooks?.(context, replace);
      return result ?? { kind: 'failed', code: 'no_result', message: 'The channel returned no result.' };
    });
  } catch (error) {
    if (!isAppError(error)) throw error;
    return { kind: 'failed', code: error.code, message: error.message };
  }
}

function toDetails(connection: Connection, result: RegisterResult): string | null {
  if (result.kind === 'registered') return null;
  return redactSecrets(connection, result.kind === 'taken' ? result.by : result.message);
}

/** Registers the webhooks of connections that are due. One process at a time works on a connection. @returns their number */
export async function setUpDueConnections(deps: RegisterDeps): Promise<number> {
  const rows = await claimDueConnections(deps, 'setup');
  await forEachConnection(deps, rows, async (connection) => {
    if (connection.channel.setup?.registerWebhooks) await registerWebhooks(deps, connection, false, 'patchbay');
    else await deps.db.client.connection.updateMany({ where: { id: connection.id }, data: { setupDueAt: null } });
  });
  return rows.length;
}
