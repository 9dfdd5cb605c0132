import type { IsOfAnother, OutboundMessage, ReceiptContent, SendOutcome } from '../channel.ts';
import { type ApiContext, type ApiRequest, listRows, requestTwilio, toAccountPath } from './api.ts';
import { isWhatsApp } from './config.ts';
import { chooseRoute, type Part, type Route, splitMessage } from './parts.ts';
import { type MessageRecord, readMessageRecord } from './records.ts';
import { findState, toFailure, toRecordOutcome } from './states.ts';

/** The clocks of Twilio and of this machine differ. */
const clockSkewMs = 5_000;
/** Below the limit of a response, also where each text is long and all of it is escaped. */
const pageSize = '50';

/**
 * Finds a send whose response was lost in Twilio's list of messages: by recipient, sender, time, text and number of files. An equal message just
 * before it, within the clock skew, is distinguished by its id.
 *
 * @returns null when Twilio lists no such message, or can't be asked; it lists a new one within about a minute
 */
export async function lookUpSend(
  context: ApiContext,
  message: OutboundMessage,
  since: Date,
  isOfAnother: IsOfAnother = async () => false,
): Promise<SendOutcome | null> {
  const { config } = context.connection;
  const route = chooseRoute(config, message);
  const parts = splitMessage(message, isWhatsApp(route.to));
  const sent = message.acceptedParts;
  const part = parts[sent.length];
  if (!part) return null;
  const from = new Date(since.getTime() - clockSkewMs);
  const record = await findRecord(
    context,
    route,
    async (one) =>
      !sent.includes(one.sid ?? '') && isSameMessage(one, part, route, from) && !(await isOfAnother(one.sid ?? '')),
    from,
  );
  if (record?.sid === undefined) return null;
  const externalIds = [...sent, record.sid];
  const outcome = toRecordOutcome(record, externalIds);
  // The next attempt sends the parts that follow.
  if (outcome.kind === 'rejected' || externalIds.length === parts.length) return outcome;
  const reason = `Twilio has sent ${externalIds.length} of ${parts.length} parts.`;
  return { kind: 'unavailable', code: 'parts_left', message: reason, acceptedParts: externalIds };
}

/**
 * Finds the first message in the list that fits. The list is asked for the days since then; a message that still waits at Twilio has no day
 * yet, so that the newest ones to the recipient are asked for as well.
 */
async function findRecord(
  context: ApiContext,
  route: Route,
  fits: (record: MessageRecord) => Promise<boolean>,
  from: Date,
): Promise<MessageRecord | undefined> {
  const path = toAccountPath(context.connection.config, '/Messages.json');
  const query = { To: route.to, PageSize: pageSize };
  const inDays = { path, query: { ...query, 'DateSent>': from.toISOString().slice(0, 10) } };
  return (await findRow(context, inDays, fits)) ?? (await findRow(context, { path, query }, fits, 1));
}

async function findRow(
  context: ApiContext,
  request: ApiRequest,
  fits: (record: MessageRecord) => Promise<boolean>,
  maxPages = Number.POSITIVE_INFINITY,
): Promise<MessageRecord | undefined> {
  let pages = 0;
  for await (const page of listRows(context, request, 'messages')) {
    if ('problem' in page) return undefined;
    for (const record of page.rows.map(readMessageRecord)) if (await fits(record)) return record;
    pages += 1;
    if (pages >= maxPages) return undefined;
  }
  return undefined;
}

/** A trial account's texts begin with this. */
const trialPrefix = 'Sent from your Twilio trial account - ';

function isSameMessage(record: MessageRecord, part: Part, route: Route, from: Date): boolean {
  return (
    record.direction === 'outbound-api' &&
    record.to === route.to &&
    // A Messaging Service chooses its sender later.
    (record.from === undefined || route.from === undefined || record.from === route.from) &&
    (route.messagingServiceSid === undefined || record.messagingServiceSid === route.messagingServiceSid) &&
    (record.body === part.text || record.body === trialPrefix + part.text) &&
    record.mediaCount === part.mediaUrls.length &&
    record.createdAt !== undefined &&
    record.createdAt >= from
  );
}

const messageSid = /^(SM|MM)[0-9a-fA-F]{32}$/;

/** Asks Twilio for the state of a message. @returns null while it is on its way, and when Twilio does not say */
export async function lookUpReceipt(context: ApiContext, externalId: string): Promise<ReceiptContent | null> {
  // Any other text would lead to another address.
  if (!messageSid.test(externalId)) return null;
  const path = toAccountPath(context.connection.config, `/Messages/${externalId}.json`);
  const response = await requestTwilio(context, { path });
  if (response.kind !== 'ok') return null;
  const record = readMessageRecord(response.body);
  const state = findState(record.status);
  if (state === undefined || state === 'accepted') return null;
  const error = state === 'failed' ? toFailure(record.status ?? state, record.errorCode, record.errorMessage) : undefined;
  return { externalId, state, error, occurredAt: record.updatedAt };
}
