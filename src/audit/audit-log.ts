import { type Clock, dateNow } from '../core/clock.ts';
import { minIdAt, type NewId } from '../core/ids.ts';
import type { AuditEntry, Executor } from '../database/client.ts';

export type { AuditEntry };

/** Author of an action: a user (HighLevel's id) or an API token (`token:` and its name), the operator, an event of HighLevel's, or the program. */
export type Actor = { userId: string } | 'operator' | 'highlevel' | 'patchbay';

export const auditActions = [
  'installed',
  'uninstalled',
  'disconnect_requested',
  'suspended',
  'reauth_required',
  'reactivated',
  'channel_connected',
  'connection_held',
  'connection_resumed',
  'consent_given',
  'connection_arranged',
  'routing_changed',
  'webhooks_registered',
  'opt_out_recorded',
  'opt_out_lifted',
  'opt_outs_imported',
  'channel_changed',
  'channel_disconnected',
  'message_resent',
  'message_marked_sent',
  'redrive_started',
  'database_restored',
  'retention_changed',
  'erasure_requested',
  'contact_erased',
  'plan_changed',
  'payment_status_changed',
  'context_replayed',
  'sessions_revoked',
  'api_token_created',
  'api_token_revoked',
  'webhook_endpoint_added',
  'webhook_endpoint_changed',
  'webhook_endpoint_removed',
  'webhooks_replayed',
  'context_refused',
  'operator_token_refused',
  'metrics_token_refused',
  'operator_signed_in',
  'operator_sign_in_failed',
  'operator_signed_out',
] as const;

export type AuditAction = (typeof auditActions)[number];

export interface AuditInput {
  actor: Actor;
  action: AuditAction;
  companyId?: string | null | undefined;
  locationId?: string | null | undefined;
  /** The provider, of an entry about a connection. */
  providerKey?: string | undefined;
  /** A sentence without secrets. */
  details?: string | undefined;
}

/** Lists the location and the provider of entries about connections since then. */
export async function listConnectionEntries(
  on: Executor,
  action: AuditAction,
  since: Date,
): Promise<{ locationId: string; providerKey: string }[]> {
  const rows = await on.auditEntry.findMany({
    where: { action, id: { gte: minIdAt(since) }, locationId: { not: null }, providerKey: { not: null } },
    select: { locationId: true, providerKey: true },
  });
  return rows as { locationId: string; providerKey: string }[];
}

/** Deletes the entries of these actions from before a time. */
export async function purgeAuditEntries(on: Executor, actions: readonly AuditAction[], before: Date): Promise<void> {
  await on.auditEntry.deleteMany({ where: { action: { in: [...actions] }, at: { lt: before } } });
}

/** Records an action and its author, in the transaction of the action. */
export async function audit(tx: Executor, deps: { clock: Clock; newId: NewId }, entry: AuditInput): Promise<void> {
  const { actor, action, companyId = null, locationId = null, providerKey = null, details = null } = entry;
  await tx.auditEntry.create({
    data: {
      id: deps.newId(),
      at: dateNow(deps.clock),
      actor: typeof actor === 'string' ? actor : actor.userId,
      action,
      companyId,
      locationId,
      providerKey,
      details,
    },
  });
}
