import type { Executor } from '../database/client.ts';
import { deleteEndpoints } from '../outbox/webhook-endpoints.ts';
import { deleteApiTokens } from './api-tokens.ts';
import type { Installation } from './store.ts';

/**
 * Ends the access of programs of the agency that had a location before: its API tokens, and the endpoints that its webhooks go to. Users need no
 * such end, as each of their requests is checked against the agency.
 */
export async function endFormerAccess(
  tx: Executor,
  before: Pick<Installation, 'kind' | 'resourceId' | 'companyId'>,
  companyId: string | null,
): Promise<void> {
  const isHandedOver = before.companyId !== null && companyId !== null && companyId !== before.companyId;
  if (before.kind !== 'location' || !isHandedOver) return;
  await deleteApiTokens(tx, before);
  await deleteEndpoints(tx, before.resourceId);
}
