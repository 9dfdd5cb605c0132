import type { WebMessage, WebPerson } from '../whatsapp-web/state.ts';
import { type EvolutionVendorState, toEvolutionState } from './state.ts';

const statuses = {
  failed: 'ERROR',
  pending: 'PENDING',
  server: 'SERVER_ACK',
  delivered: 'DELIVERY_ACK',
  read: 'READ',
} as const;

/** Returns the address of a person as an event names it. */
function toEvolutionJid({ waId, lid, isNumberHidden }: WebPerson): string {
  return isNumberHidden ? `${lid}@lid` : `${waId}@s.whatsapp.net`;
}

/** Builds a message as Evolution describes it, in responses and in events. */
export function toEvolutionMessage(message: WebMessage, person: WebPerson) {
  const { messageType, content } = toContent(message);
  return {
    key: {
      remoteJid: toEvolutionJid(person),
      ...(person.isNumberHidden ? {} : { remoteJidAlt: `${person.lid}@lid` }),
      fromMe: message.direction === 'outbound',
      id: message.key,
    },
    pushName: message.direction === 'outbound' ? 'Você' : person.name,
    status: message.status === 'pending' || message.direction === 'outbound' ? 'PENDING' : 'DELIVERY_ACK',
    message: { [messageType]: content },
    contextInfo: message.replyTo ? { stanzaId: message.replyTo } : null,
    messageType,
    messageTimestamp: Math.floor(message.at / 1_000),
    instanceId: '7d2f2f6e-4f9d-4b8f-9c37-0a2f9a6f6d10',
    source: 'android',
  };
}

function toContent({ kind, text, file }: WebMessage): { messageType: string; content: unknown } {
  if (!file) return { messageType: 'conversation', content: text };
  const name = { image: 'imageMessage', video: 'videoMessage', audio: 'audioMessage' }[kind] ?? 'documentMessage';
  const content = {
    url: 'https://mmg.whatsapp.net/o1/v/encrypted.enc',
    mimetype: file.contentType,
    fileLength: String(Buffer.from(file.base64, 'base64').length),
    ...(text ? { caption: text } : {}),
    ...(name === 'documentMessage' ? { fileName: file.name } : {}),
  };
  return { messageType: name, content };
}

/** Builds the state of a message. */
export function toEvolutionUpdate(message: WebMessage, person: WebPerson) {
  return {
    keyId: message.key,
    remoteJid: toEvolutionJid(person),
    fromMe: message.direction === 'outbound',
    status: statuses[message.status],
    instanceId: '7d2f2f6e-4f9d-4b8f-9c37-0a2f9a6f6d10',
    messageId: `cm${message.key.toLowerCase()}`,
  };
}

/**
 * Builds an edit: the note of WhatsApp's protocol, whose chat is named as the author sees it, so that a contact's looks like one of the account's in a
 * chat with itself. Its time has two halves of 32 bits.
 */
export function toEvolutionEdit({ phone }: EvolutionVendorState, message: WebMessage, person: WebPerson, at: number) {
  const isOwn = message.direction === 'outbound';
  return {
    key: { remoteJid: isOwn ? toEvolutionJid(person) : `${phone}@s.whatsapp.net`, fromMe: true, id: message.key },
    type: 'MESSAGE_EDIT',
    editedMessage: { conversation: message.text },
    timestampMs: { low: (at % 2 ** 32) | 0, high: Math.floor(at / 2 ** 32), unsigned: false },
  };
}

/** Builds the report of the instance's state. @param statusReason cause of a disconnect; 401: logged out */
export function toEvolutionConnection(state: EvolutionVendorState, statusReason: number) {
  return { instance: state.instance, state: toEvolutionState(state), statusReason };
}

/** Builds the body of an event. The time is the server's local one, although it ends in Z. */
export function toEvolutionEvent(state: EvolutionVendorState, at: number, event: string, data: object): Buffer {
  return Buffer.from(
    JSON.stringify({
      event,
      instance: state.instance,
      data,
      destination: state.webhook?.url ?? '',
      date_time: new Date(at - 3 * 3_600_000).toISOString(),
      sender: `${state.phone}@s.whatsapp.net`,
      server_url: 'http://localhost:8080',
      apikey: null,
    }),
  );
}
