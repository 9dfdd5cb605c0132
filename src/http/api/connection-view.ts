import type * as z from 'zod';
import type { Connections } from '../../compose/connections.ts';
import { type Connection, toPublicConfig, toWebhookUrls } from '../../connections/connection.ts';
import type { Database } from '../../database/client.ts';
import { listWebhookObservations, observedAddress } from '../../installations/webhook-observations.ts';
import { getReason } from '../../messages/model/reasons.ts';
import type { connection } from './connection-schemas.ts';

export interface ConnectionViewDeps {
  db: Database;
  connections: Pick<Connections, 'listFindings'>;
}

/** Converts a connection to the API's form, without secrets. @param canWrite as in {@link toPublicConfig} */
export async function toConnectionView(
  { db, connections }: ConnectionViewDeps,
  found: Connection,
  canWrite: boolean,
): Promise<z.input<typeof connection>> {
  const address = observedAddress.connection(found.id);
  const observation = (await listWebhookObservations(db.client, [address])).get(address);
  const lastReceivedAt = observation?.lastValidAt ?? null;
  const addresses = toWebhookUrls(found);
  return {
    connectionId: found.id,
    locationId: found.locationId,
    providerKey: found.providerKey,
    type: found.channel.type,
    name: found.name,
    isDefault: found.isDefault,
    position: found.position,
    isPaused: found.pausedAt !== null,
    status: found.pausedAt ? 'disabled' : found.status,
    statusReason: found.pausedAt ? getReason('connection_paused') : found.statusReason,
    account: found.account,
    config: toPublicConfig(found, canWrite),
    findings: (await connections.listFindings(found)).map(({ code, message }) => ({ code, message })),
    callbackUrls: addresses,
    webhooks: { addresses, registration: toRegistrationView(found), received: lastReceivedAt !== null, lastReceivedAt },
    capabilities: { ...found.capabilities, messageTypes: [...found.capabilities.messageTypes] },
    createdAt: found.createdAt,
    updatedAt: found.updatedAt,
  };
}

type RegistrationStatus = 'pending' | 'registered' | 'taken' | 'manual' | 'failed';

/** Returns the registration of a connection's webhooks; null when a person copies the addresses to the vendor. */
export function toRegistrationView({ channel, webhookRegistration }: Connection) {
  if (!channel.setup?.registerWebhooks) return null;
  const { status, details } = webhookRegistration ?? { status: 'pending', details: null };
  return { status: status as RegistrationStatus, details };
}
