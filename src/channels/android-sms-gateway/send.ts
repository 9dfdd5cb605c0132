import { createHash } from 'node:crypto';
import type { OutboundMessage, ReceiptContent, SendOutcome } from '../channel.ts';
import { type AndroidContext, type ApiContext, type ApiError, requestGateway } from './api.ts';
import type { AndroidConfig } from './config.ts';
import type { CheckPhone } from './phone.ts';
import { type MessageRecord, readMessageRecord } from './records.ts';
import { findState, toFailure, toRecordOutcome } from './states.ts';

/** Longest id that the gateway takes. */
const maxIdChars = 36;

/** Converts our idempotency key to the id of the message at the gateway: the same key is always the same id. */
export function toMessageId(idempotencyKey: string): string {
  if (idempotencyKey.length <= maxIdChars) return idempotencyKey;
  return createHash('sha256').update(idempotencyKey).digest('hex').slice(0, maxIdChars);
}

/** Finds the SIM card of a message: its own sender, such as `SIM 2`, or the connection's. */
function chooseSim({ from }: Pick<OutboundMessage, 'from'>, config: Pick<AndroidConfig, 'simNumber'>): number | undefined {
  const [, own] = /^sim[ :]?([1-3])$/i.exec(from?.trim() ?? '') ?? [];
  return own === undefined ? config.simNumber : Number(own);
}

/** Builds the text of an SMS. The gateway sends no files, so that their addresses follow the text. */
function toText({ text, attachments }: Pick<OutboundMessage, 'text' | 'attachments'>): string {
  return [...(text ? [text] : []), ...attachments].join('\n');
}

/**
 * Sends a message under an id of our own: the gateway refuses a second one with the same id on the same phone. Before that it asks whether the
 * phone is online, as a message for a phone that is off would be sent hours later.
 */
export async function sendMessage(
  context: AndroidContext,
  message: OutboundMessage,
  checkPhone: CheckPhone,
): Promise<SendOutcome> {
  const text = toText(message);
  if (text === '') return { kind: 'rejected', code: 'empty', message: 'The message has neither text nor a file.' };
  const offline = await checkPhone(context);
  if (offline) return { kind: 'connection_error', ...offline };
  const { config } = context.connection;
  const id = toMessageId(message.idempotencyKey);
  const simNumber = chooseSim(message, config);
  const body = {
    ...{ id, textMessage: { text }, phoneNumbers: [message.to], withDeliveryReport: true },
    ...(config.deviceId === undefined ? {} : { deviceId: config.deviceId }),
    ...(simNumber === undefined ? {} : { simNumber }),
  };
  // Its own check takes mobile numbers alone, and refuses toll-free and landline numbers that have SMS.
  const query = { skipPhoneValidation: 'true' };
  const result = await requestGateway(context, { path: '/messages', method: 'POST', query, body });
  if (result.kind === 'failed') {
    return result.sent === 'no'
      ? { kind: 'unavailable', code: 'unreachable', message: result.message }
      : { kind: 'unknown', code: 'no_response', message: result.message };
  }
  if (result.kind === 'error') {
    const outcome = result.error.status === 409 ? await resolveConflict(context, id) : toErrorOutcome(result.error);
    return { ...outcome, response: result.text };
  }
  const record = readMessageRecord(result.body);
  if (record.id !== undefined) return { ...toRecordOutcome(record, [record.id]), response: result.text };
  // A success without an id is not the gateway's: a proxy may have responded in its place.
  return { kind: 'unknown', code: 'no_id', message: 'The response names no message of the gateway.', response: result.text };
}

/** Finds out what became of the message that has our id already. A conflict without such a message proves nothing. */
async function resolveConflict(context: ApiContext, id: string): Promise<SendOutcome> {
  const record = await findMessage(context, id);
  if (record) return toRecordOutcome(record, [id]);
  return {
    kind: 'unknown',
    code: 'conflict',
    message: 'The gateway says that it has this message already, and does not show it.',
  };
}

const queueFullRetryMs = 5 * 60_000;

/** Converts the error of a send to its outcome: by its HTTP status, as the gateway has no codes. */
export function toErrorOutcome({ status, message, retryAfterMs }: ApiError): SendOutcome {
  const code = `http_${status}`;
  const words = message ?? `The SMS gateway responded with ${status}.`;
  if (status === 401 || status === 403) {
    return {
      kind: 'connection_error',
      code: 'credentials',
      message: 'The SMS gateway does not accept the user name and the password.',
    };
  }
  if (status === 404)
    return { kind: 'connection_error', code: 'not_gateway', message: 'There is no SMS gateway at this address.' };
  // The gateway has not stored it: too many messages wait for the phone.
  if (status === 503 && /queue limit/i.test(message ?? '')) {
    return { kind: 'unavailable', code: 'queue_full', message: words, retryAfterMs: retryAfterMs ?? queueFullRetryMs };
  }
  if (status === 429 || status === 425) {
    return { kind: 'unavailable', code, message: words, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  }
  if (status === 400 && /record not found|device/i.test(message ?? '')) {
    return { kind: 'connection_error', code: 'device_unknown', message: 'The account has no such phone.' };
  }
  if (status >= 400 && status < 500 && status !== 408 && status !== 409) {
    return { kind: 'rejected', code, message: words, isAuthoritative: message !== undefined };
  }
  return { kind: 'unknown', code, message: words };
}

/** Finds a send whose response was lost, by our id. @returns null when the gateway does not know it, or can't be asked */
export async function lookUpSend(context: ApiContext, message: OutboundMessage): Promise<SendOutcome | null> {
  const id = toMessageId(message.idempotencyKey);
  const record = await findMessage(context, id);
  return record ? toRecordOutcome(record, [id]) : null;
}

/** Asks the gateway for the state of a message. @returns null while it is on its way, and when the gateway does not say */
export async function lookUpReceipt(context: ApiContext, externalId: string): Promise<ReceiptContent | null> {
  const record = await findMessage(context, externalId);
  const state = findState(record?.state);
  if (!record || state === undefined || state === 'accepted') return null;
  const error = state === 'failed' ? toFailure(record.state ?? state, record.error) : undefined;
  return { externalId, state, error, occurredAt: record.state ? record.times[record.state] : undefined };
}

async function findMessage(context: ApiContext, id: string): Promise<MessageRecord | null> {
  const response = await requestGateway(context, { path: `/messages/${encodeURIComponent(id)}` });
  if (response.kind !== 'ok') return null;
  const record = readMessageRecord(response.body);
  return record.id === id ? record : null;
}
