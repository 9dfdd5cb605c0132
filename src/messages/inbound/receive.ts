import { toStoredAttachment } from '../../channels/attachment-ref.ts';
import type { InboundContent } from '../../channels/channel.ts';
import { parseDeliverySettings } from '../../channels/delivery-settings.ts';
import type { Connection } from '../../connections/connection.ts';
import { fitId, maxChars } from '../../core/bounds.ts';
import { type Clock, dateNow } from '../../core/clock.ts';
import { AppError } from '../../core/errors.ts';
import { capFutureTime } from '../../core/foreign.ts';
import type { NewId } from '../../core/ids.ts';
import type { Database } from '../../database/client.ts';
import { isDataError } from '../../database/errors.ts';
import type { Provider } from '../../highlevel/providers.ts';
import type { NewJob } from '../../queue/job.ts';
import { insertJobsCte } from '../../queue/sql/add-jobs.ts';
import { createSizedBatcher } from '../../runtime/batcher.ts';
import type { Tracing } from '../../runtime/tracing.ts';
import { toPostJob } from '../model/message-jobs.ts';
import type { ReadAddress } from '../model/read-address.ts';
import { getReason } from '../model/reasons.ts';
import { apart, estimateSize, ingestBatchLimits, toRawPayload } from '../outbound/receive.ts';
import { getFetchDeadline, toFetchJob } from './store-attachments.ts';

/**
 * Stores an inbound message from a vendor; resolves when message and job are durable. It is idempotent: a repeated external id of a
 * connection changes no row.
 *
 * @throws AppError `overloaded`; `payload_invalid` for a message that was sent externally and names no recipient
 */
export type ReceiveInbound = (
  connection: Pick<Connection, 'id' | 'locationId' | 'providerKey' | 'config'>,
  provider: Provider,
  content: InboundContent,
  body: Buffer,
) => Promise<'stored' | 'repeated'>;

type Row = Awaited<ReturnType<typeof toRow>>;

export interface ReceiveInboundDeps {
  db: Database;
  clock: Clock;
  newId: NewId;
  readAddress: ReadAddress;
  /** Starts the trace of a message, where there is a collector. */
  startTrace?: Tracing['startTrace'] | undefined;
}

/** Creates the receiver of inbound messages. Messages that arrive together are one commit. */
export function createInboundReceiver(deps: ReceiveInboundDeps): ReceiveInbound {
  const insert = createSizedBatcher<Row, 'stored' | 'repeated'>(
    {
      ...ingestBatchLimits,
      weight: { ...ingestBatchLimits.size, of: estimateSize },
      run: (rows) => insertBatch(deps, rows),
      isItemError: isDataError,
    },
    apart,
  );
  return async (connection, provider, content, body) => {
    const endSpan = deps.startTrace?.('channel_webhook', { 'patchbay.provider': provider.key });
    const row = await toRow(deps, connection, provider, content, body);
    const result = await insert(row);
    if (result === 'stored') endSpan?.(row.id);
    return result;
  };
}

async function toRow(
  deps: ReceiveInboundDeps,
  connection: Pick<Connection, 'id' | 'locationId' | 'providerKey' | 'config'>,
  provider: Provider,
  content: InboundContent,
  body: Buffer,
) {
  if (content.sentExternally && content.to === undefined) {
    throw new AppError('payload_invalid', getReason('contact_not_named').message);
  }
  const isEmail = provider.kind.startsWith('email');
  const { locationId } = connection;
  const externalId = fitId(content.externalId);
  const from = (await deps.readAddress(locationId, content.from)).address;
  const to = content.to === undefined ? null : (await deps.readAddress(locationId, content.to)).address;
  const [original, normalized] = content.sentExternally && to !== null ? [content.to, to] : [content.from, from];
  return {
    id: deps.newId(),
    locationId,
    providerKey: connection.providerKey,
    connectionId: connection.id,
    externalId,
    inboundKey: `${connection.id}/${externalId}`,
    messageType: isEmail ? 'email' : 'sms',
    from,
    // HighLevel rejects an email without a recipient (platform.md 6.2).
    to: to ?? (isEmail && !content.sentExternally ? parseDeliverySettings(connection.config).sender : null) ?? null,
    rawAddress: original !== normalized ? original : null,
    name: content.name ?? null,
    text: content.text ?? null,
    html: content.html ?? null,
    subject: content.subject ?? null,
    attachments: content.attachments.map(toStoredAttachment),
    vendorAddress: content.vendorAddress ? fitId(content.vendorAddress, maxChars.address) : null,
    vendorUserId: content.vendorUserId ? fitId(content.vendorUserId, maxChars.address) : null,
    replyToExternalId: content.replyToExternalId ?? null,
    ...toEditFields(connection.id, content),
    sentExternally: content.sentExternally,
    occurredAt: capFutureTime(content.occurredAt, deps.clock.now()) ?? null,
    rawPayload: toRawPayload(body),
  };
}

/** Names the message that an edit changes, for a vendor that may report an edit without a change. */
function toEditFields(connectionId: string, { replyToExternalId, editedText }: InboundContent) {
  const isKnown = replyToExternalId !== undefined && editedText !== undefined;
  return isKnown ? { editedKey: `${connectionId}/${fitId(replyToExternalId)}`, editedText } : {};
}

async function insertBatch(deps: ReceiveInboundDeps, rows: readonly Row[]): Promise<('stored' | 'repeated')[]> {
  const now = dateNow(deps.clock);
  // Sort by key: concurrent inserts of the same messages then lock rows in the same order and cannot deadlock.
  const sorted = rows.toSorted((a, b) => (a.inboundKey < b.inboundKey ? -1 : 1));
  const stored = await deps.db.client.$queryRawUnsafe<{ id: string }[]>(
    insertSql,
    JSON.stringify(sorted),
    now,
    JSON.stringify(rows.flatMap((row) => planJobs(row, now))),
    JSON.stringify(toVendorAddressRows(sorted, now)),
  );
  const ids = new Set(stored.map(({ id }) => id));
  return rows.map(({ id }) => (ids.has(id) ? 'stored' : 'repeated'));
}

/**
 * Lists the contacts whose vendor names them by ids of its own, each once with its last message. They are recorded with repeats, too: the
 * newest time wins.
 */
function toVendorAddressRows(rows: readonly Row[], now: Date) {
  const known = rows.flatMap(({ connectionId, from, vendorAddress, vendorUserId, sentExternally, occurredAt }) =>
    vendorAddress === null || sentExternally
      ? []
      : { connectionId, address: from, vendorAddress, vendorUserId, lastInboundAt: occurredAt ?? now },
  );
  const byAddress = Map.groupBy(known, ({ connectionId, address }) => `${connectionId}/${address}`);
  const newest = [...byAddress.values()].flatMap((same) =>
    same.toSorted((a, b) => b.lastInboundAt.getTime() - a.lastInboundAt.getTime()).slice(0, 1),
  );
  return newest.toSorted((a, b) => (`${a.connectionId}/${a.address}` < `${b.connectionId}/${b.address}` ? -1 : 1));
}

/** Plans the jobs of an inbound message: attachments are fetched before it is posted. */
function planJobs(row: Row, now: Date): NewJob[] {
  return row.attachments.length === 0 ? [toPostJob(row, now)] : [toFetchJob(row, now), toPostJob(row, getFetchDeadline(now))];
}

const insertSql = `
  WITH stored AS (
    INSERT INTO messages (
      id, direction, location_id, provider_key, connection_id, external_id, inbound_key, message_type, "from", "to", raw_address, name, text, html,
      subject, attachments, reply_to_external_id, sent_externally, occurred_at, raw_payload, created_at, updated_at)
    SELECT
      id, 'inbound', "locationId", "providerKey", "connectionId", "externalId", "inboundKey", "messageType", "from", "to", "rawAddress", name, text, html,
      subject, attachments, "replyToExternalId", "sentExternally", "occurredAt", "rawPayload", $2::timestamptz, $2::timestamptz
    FROM json_to_recordset($1::json) AS row (
      id uuid, "locationId" text, "providerKey" text, "connectionId" uuid, "externalId" text, "inboundKey" text, "messageType" message_type,
      "from" text, "to" text, "rawAddress" text, name text, text text, html text, subject text, attachments text[], "replyToExternalId" text,
      "sentExternally" boolean, "occurredAt" timestamptz, "rawPayload" text, "editedKey" text, "editedText" text)
    -- A message that this connection has sent is stored already.
    WHERE NOT ("sentExternally" AND EXISTS (
      SELECT FROM external_ids own WHERE own.connection_id = row."connectionId" AND own.external_id = row."externalId"))
    -- An edit without a change, unless an earlier one has changed the text.
    AND NOT ("editedKey" IS NOT NULL AND EXISTS (
      SELECT FROM messages original WHERE original.inbound_key = row."editedKey" AND original.text = row."editedText" AND NOT EXISTS (
        SELECT FROM messages earlier WHERE earlier.location_id = row."locationId" AND earlier.id > original.id
          AND earlier.connection_id = row."connectionId" AND earlier.reply_to_external_id = row."replyToExternalId")))
    ON CONFLICT (inbound_key) DO NOTHING
    RETURNING id),
  contacts AS (
    INSERT INTO vendor_addresses (connection_id, address, vendor_address, vendor_user_id, last_inbound_at)
    SELECT "connectionId", address, "vendorAddress", "vendorUserId", "lastInboundAt"
    FROM json_to_recordset($4::json) AS v (
      "connectionId" uuid, address text, "vendorAddress" text, "vendorUserId" text, "lastInboundAt" timestamptz)
    ON CONFLICT (connection_id, address) DO UPDATE SET
      vendor_address = EXCLUDED.vendor_address,
      vendor_user_id = COALESCE(EXCLUDED.vendor_user_id, vendor_addresses.vendor_user_id),
      last_inbound_at = GREATEST(EXCLUDED.last_inbound_at, vendor_addresses.last_inbound_at)),
  ${insertJobsCte('$3', 'stored')}
  SELECT id FROM stored, notified`;
