import { createHmac } from 'node:crypto';
import type { RandomSource } from '../../../core/ids.ts';
import type { WebMessage, WebPerson } from '../whatsapp-web/state.ts';
import { toWahaStatus, type WahaVendorState } from './state.ts';

const acks = { failed: -1, pending: 0, server: 1, delivered: 2, read: 3 } as const;
const ackNames = { failed: 'ERROR', pending: 'PENDING', server: 'SERVER', delivered: 'DEVICE', read: 'READ' } as const;

/** Returns the chat of a person as an event names it. */
function toChatId({ waId, lid, isNumberHidden }: WebPerson): string {
  return isNumberHidden ? `${lid}@lid` : `${waId}@c.us`;
}

/** Builds a message as WAHA describes it, in responses and in events. */
export function toWahaMessage(state: WahaVendorState, message: WebMessage, person: WebPerson, fileUrl: string | null) {
  const isOwn = message.direction === 'outbound';
  const [chat, own] = [toChatId(person), `${state.phone}@c.us`];
  return {
    id: `${isOwn}_${chat}_${message.key}`,
    timestamp: Math.floor(message.at / 1_000),
    from: isOwn ? own : chat,
    fromMe: isOwn,
    source: isOwn && !message.isFromPhone ? 'api' : 'app',
    to: isOwn ? chat : own,
    participant: '',
    body: message.text,
    hasMedia: message.file !== null,
    ...(message.file ? { media: { url: fileUrl ?? '', mimetype: message.file.contentType, filename: message.file.name } } : {}),
    mediaUrl: fileUrl ?? '',
    ack: acks[message.status],
    ackName: ackNames[message.status],
    ...(message.replyTo ? { replyTo: { id: message.replyTo, hasMedia: false } } : {}),
    _data: { pushName: person.name },
  };
}

/** Builds the acknowledgement of a message. */
export function toWahaAck(state: WahaVendorState, message: WebMessage, person: WebPerson) {
  const chat = toChatId(person);
  return {
    id: `true_${chat}_${message.key}`,
    from: chat,
    to: `${state.phone}@c.us`,
    participant: '',
    fromMe: true,
    ack: acks[message.status],
    ackName: ackNames[message.status],
  };
}

/** Builds the report of the session's state. */
export function toWahaSessionStatus(state: WahaVendorState, at: number) {
  const status = toWahaStatus(state);
  return { name: state.session, status, statuses: [{ status, timestamp: at }] };
}

/** Builds the body of an event. */
export function toWahaEvent(state: WahaVendorState, random: RandomSource, at: number, event: string, payload: object): Buffer {
  const environment = {
    version: '2026.7.1',
    engine: state.engine,
    tier: 'CORE',
    browser: '',
    platform: 'linux',
    worker: { id: '' },
  };
  return Buffer.from(
    JSON.stringify({
      id: `evt_${random(13).toString('hex')}`,
      timestamp: at,
      event,
      session: state.session,
      me: { id: `${state.phone}@c.us`, pushName: state.pushName },
      payload,
      engine: state.engine,
      environment,
    }),
  );
}

/** Signs an event. */
export function signWahaEvent(key: string, body: Buffer): Record<string, string> {
  return {
    'x-webhook-hmac': createHmac('sha512', key).update(body).digest('hex'),
    'x-webhook-hmac-algorithm': 'sha512',
  };
}
