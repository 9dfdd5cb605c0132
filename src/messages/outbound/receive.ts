import { type Clock, dateNow } from '../../core/clock.ts';
import type { NewId } from '../../core/ids.ts';
import { sanitize, truncate } from '../../core/sanitize.ts';
import type { Database, MessageState } from '../../database/client.ts';
import { isDataError } from '../../database/errors.ts';
import { type DeliveryWebhook, readDeliveryWebhook } from '../../highlevel/payloads.ts';
import type { Provider } from '../../highlevel/providers.ts';
import { insertFailedEventsCte } from '../../outbox/record-events.ts';
import type { NewJob } from '../../queue/job.ts';
import { insertJobsCte } from '../../queue/sql/add-jobs.ts';
import { createSizedBatcher } from '../../runtime/batcher.ts';
import type { Tracing } from '../../runtime/tracing.ts';
import { toDeliverJob, toReportJob } from '../model/message-jobs.ts';
import type { ReadAddress } from '../model/read-address.ts';
import { getReason, type ReasonCode } from '../model/reasons.ts';
import type { ReportDelay } from '../model/report-delay.ts';

export interface ReceiveDeps {
  db: Database;
  clock: Clock;
  newId: NewId;
  readAddress: ReadAddress;
  reportDelay: ReportDelay;
  /** Starts the trace of a message, where there is a collector. */
  startTrace?: Tracing['startTrace'] | undefined;
}

/**
 * Stores the message of a delivery webhook; resolves when message and job are durable, so that the caller acknowledges only then. HighLevel
 * may post a message twice, and an inbound post of ours may come back as an echo: one `messageId` of a location is one message.
 *
 * @param how `isTooLarge`: the message is not stored whole, so it is stored as failed and reported as such
 * @throws AppError `payload_invalid`, `overloaded`
 */
export type ReceiveDelivery = (
  provider: Provider,
  body: Buffer,
  how?: { isTooLarge: boolean },
) => Promise<'stored' | 'repeated'>;

interface Received extends DeliveryWebhook {
  readonly id: string;
  readonly providerKey: string;
  readonly rawAddress: string | null;
  /** The reason for which the message can't be sent as it is, if one was found. */
  readonly reasonCode: ReasonCode | null;
  readonly reason: string | null;
  readonly rawPayload: string;
  readonly state: MessageState;
}

const megabyte = 1024 * 1024;

/** Webhooks that arrive together are one commit. The limits bound memory: most bodies have less than one KiB. */
export const ingestBatchLimits = {
  maxBatchSize: 200,
  maxQueued: 2_000,
  size: {
    of: ({ rawPayload }: { readonly rawPayload: string }) => rawPayload.length,
    maxPerBatch: 4 * megabyte,
    maxQueued: 32 * megabyte,
  },
};

/** Keeps one location's messages from delaying those of others, by their size (in characters) and by their number. */
export const apart = {
  minLargeWeight: 64 * 1024,
  /** One quick run each: beside another location’s flood, a webhook took 2.5 times its idle time with 4, 5.8 with 8, 5.9 without a limit. */
  maxPerTenant: 4,
  toTenant: ({ locationId }: { readonly locationId: string }) => locationId,
};

/** Creates the receiver of delivery webhooks. */
export function createDeliveryReceiver(deps: ReceiveDeps): ReceiveDelivery {
  const insert = createSizedBatcher<Received, 'stored' | 'repeated'>(
    {
      ...ingestBatchLimits,
      weight: { ...ingestBatchLimits.size, of: estimateSize },
      run: (messages) => insertBatch(deps, messages),
      isItemError: isDataError,
    },
    apart,
  );
  return async (provider, body, { isTooLarge } = { isTooLarge: false }) => {
    const endSpan = deps.startTrace?.('webhook', { 'patchbay.provider': provider.key });
    const webhook = readDeliveryWebhook(body, provider.kind.startsWith('email'));
    const id = deps.newId();
    const result = await insert({
      ...webhook,
      ...(await toNormalizedAddress(deps, webhook)),
      ...(isTooLarge ? tooLarge : { state: 'pending', ...findProblem(webhook) }),
      id,
      providerKey: provider.key,
      rawPayload: toRawPayload(body),
    });
    if (result === 'stored') endSpan?.(id);
    return result;
  };
}

/** Returns the reason for which a message fails at once: without one of its parts it would not be the message that the user sent. */
function findProblem(webhook: DeliveryWebhook): { reasonCode: ReasonCode | null; reason: string | null } {
  const reasonCode = findUnreadablePart(webhook);
  return { reasonCode, reason: reasonCode && getReason(reasonCode).message };
}

function findUnreadablePart({ unreadableAttachmentCount, isContentUnreadable }: DeliveryWebhook): ReasonCode | null {
  if (isContentUnreadable) return 'content_unreadable';
  return unreadableAttachmentCount > 0 ? 'attachments_unreadable' : null;
}

/** Stores no content, so that a resend can't send a part of the message as if it were all. */
const tooLarge = {
  text: null,
  html: null,
  attachments: [],
  state: 'failed',
  reasonCode: 'too_large',
  reason: getReason('too_large').message,
} as const;

/** Returns the body for troubleshooting, truncated: the content has columns of its own. */
export function toRawPayload(body: Buffer): string {
  return body.length <= megabyte ? sanitize(body.toString('utf8')) : truncate(body.toString('utf8', 0, megabyte), megabyte);
}

/** Estimates the memory of a message, in characters. */
export function estimateSize({ rawPayload, text, html }: Pick<Received, 'rawPayload' | 'text' | 'html'>): number {
  return rawPayload.length + (text?.length ?? 0) + (html?.length ?? 0);
}

/** Normalizes a phone number. The recipients of an email, which may be many, stay as HighLevel wrote them. */
async function toNormalizedAddress(
  { readAddress }: ReceiveDeps,
  { locationId, messageType, to }: DeliveryWebhook,
): Promise<{ to: string | null; rawAddress: string | null }> {
  if (messageType === 'email' || to === null) return { to, rawAddress: null };
  const { address } = await readAddress(locationId, to);
  return { to: address, rawAddress: address === to ? null : to };
}

async function insertBatch(deps: ReceiveDeps, messages: readonly Received[]): Promise<('stored' | 'repeated')[]> {
  // Sorted by id: concurrent inserts of the same webhooks then lock rows in the same order and cannot deadlock.
  const rows = messages.toSorted((a, b) => (a.highlevelMessageId < b.highlevelMessageId ? -1 : 1));
  const now = dateNow(deps.clock);
  const stored = await deps.db.client.$queryRawUnsafe<{ id: string }[]>(
    insertSql,
    JSON.stringify(rows),
    now,
    JSON.stringify(messages.map((message) => toJob(deps, message, now))),
  );
  const ids = new Set(stored.map(({ id }) => id));
  return messages.map(({ id }) => (ids.has(id) ? 'stored' : 'repeated'));
}

function toJob({ reportDelay }: ReceiveDeps, message: Received, now: Date): NewJob {
  if (message.state === 'pending') return toDeliverJob(message, now);
  return toReportJob(message, new Date(now.getTime() + reportDelay.currentMs()));
}

/** The columns of a row that the statement reads. */
const rowColumns = `id uuid, "locationId" text, "providerKey" text, "highlevelMessageId" text, "contactId" text, "conversationId" text,
    "userId" text, "messageType" message_type, "from" text, "to" text, "rawAddress" text, text text, html text, subject text, attachments text[],
    "emailMessageId" text, "replyToExternalId" text, "rawPayload" text, state message_state, "reasonCode" text, reason text`;

/**
 * Parts of a WITH that find the sends of workflows which come back as the messages of its part `received`, so that each goes out by the sender
 * that its workflow has chosen. The response to our own request may come later than the webhook: then contact, provider and the beginning of
 * the content identify the send, as a contact has one such request at a time.
 */
const findReservedCte = `candidates AS MATERIALIZED (
    SELECT w.id, w.location_id, row."highlevelMessageId", w.sender, false AS is_guess
    FROM received AS row JOIN workflow_sends w ON w.location_id = row."locationId" AND w.highlevel_message_id = row."highlevelMessageId"
    UNION ALL
    SELECT w.id, w.location_id, row."highlevelMessageId", w.sender, true
    FROM received AS row JOIN workflow_sends w ON w.location_id = row."locationId" AND w.contact_id = row."contactId" AND w.state = 'posting'
      AND w.highlevel_message_id IS NULL AND w.provider_key = row."providerKey"
      AND CASE WHEN row."messageType" = 'email' THEN COALESCE(w.subject, '') = COALESCE(row.subject, '')
        ELSE starts_with(btrim(COALESCE(row.text, '')), btrim(COALESCE(w.text, ''))) END),
  reserved AS MATERIALIZED (
    SELECT DISTINCT ON (location_id, "highlevelMessageId") * FROM (
      SELECT DISTINCT ON (id) * FROM candidates ORDER BY id, is_guess, "highlevelMessageId") AS of_send
    ORDER BY location_id, "highlevelMessageId", is_guess, id),
  linked AS (
    UPDATE workflow_sends SET highlevel_message_id = reserved."highlevelMessageId", updated_at = $2::timestamptz
    FROM reserved WHERE workflow_sends.id = reserved.id AND reserved.is_guess AND workflow_sends.highlevel_message_id IS NULL)`;

/** All rows are one parameter: the statement is prepared once for any number of them. */
const insertSql = `
  WITH received AS MATERIALIZED (SELECT * FROM json_to_recordset($1::json) AS row (${rowColumns})),
  ${findReservedCte},
  stored AS (INSERT INTO messages (
    id, direction, location_id, provider_key, highlevel_message_id, contact_id, conversation_id, user_id, message_type,
    "from", "to", raw_address, text, html, subject, attachments, email_message_id, reply_to_external_id, raw_payload, sender, state,
    reason_code, reason, created_at, updated_at)
  SELECT
    row.id, 'outbound', "locationId", "providerKey", row."highlevelMessageId", "contactId", "conversationId", "userId", "messageType",
    "from", "to", "rawAddress", text, html, subject, attachments, "emailMessageId", "replyToExternalId", "rawPayload",
    reserved.sender, state, "reasonCode", reason, $2::timestamptz, $2::timestamptz
  FROM received AS row
  LEFT JOIN reserved ON reserved.location_id = row."locationId" AND reserved."highlevelMessageId" = row."highlevelMessageId"
  ON CONFLICT (location_id, highlevel_message_id) DO NOTHING
  RETURNING id, location_id, state, reason_code, reason),
  ${insertFailedEventsCte('$2', 'stored')},
  ${insertJobsCte('$3', 'stored')}
  SELECT id FROM stored, notified`;
