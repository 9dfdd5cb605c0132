import { toObject, toText } from '../../core/foreign.ts';
import { type Jid, parseJid, readMessageKey } from '../whatsapp-web/jid.ts';
import type { LinkState } from '../whatsapp-web/session-state.ts';

/** Reads the key of a message that was sent, in the forms of all engines. */
export function readSentKey(body: unknown): string | undefined {
  const { id, key, _data } = toObject(body);
  return readMessageKey(id) ?? readMessageKey(key) ?? readMessageKey(toObject(_data).id);
}

/** Reads the chat to which a message went: it may be named by a hidden id. */
export function readSentChat(body: unknown): Jid | null {
  const { to, id, key } = toObject(body);
  const [, chat] = /^true_([^_]+)_/.exec(toText(id) ?? '') ?? [];
  return parseJid(chat) ?? parseJid(to) ?? parseJid(toObject(key).remoteJid);
}

/** State of a session, in WAHA's words. */
const linkStates: Readonly<Record<string, LinkState>> = {
  WORKING: 'linked',
  SCAN_QR_CODE: 'unlinked',
  PASSKEY_REQUIRED: 'unlinked',
  PASSKEY_CONFIRMATION_REQUIRED: 'unlinked',
  STARTING: 'connecting',
  STOPPED: 'stopped',
  FAILED: 'failed',
};

/** Converts WAHA's word; a word of a later version counts as a state that changes. */
export function toLinkState(status: unknown): LinkState {
  const word = toText(status)?.trim().toUpperCase() ?? '';
  return Object.hasOwn(linkStates, word) ? (linkStates[word] as LinkState) : 'connecting';
}

export interface SessionInfo {
  readonly status: string | undefined;
  readonly link: LinkState;
  readonly phone: string | undefined;
  readonly pushName: string | undefined;
  readonly config: Readonly<Record<string, unknown>>;
}

/** Reads a session; null where the response is not WAHA's. */
export function readSession(body: unknown): SessionInfo | null {
  const { name, status, me, config } = toObject(body);
  if (!toText(name) || !toText(status)) return null;
  const account = toObject(me);
  const own = parseJid(account.id);
  return {
    status: toText(status),
    link: toLinkState(status),
    phone: own?.kind === 'phone' ? own.user : undefined,
    pushName: toText(account.pushName),
    config: toObject(config),
  };
}

/** Reads whether a number is on WhatsApp, and under which address. */
export function readExistence(body: unknown): { exists: boolean | undefined; chat: Jid | null } {
  const { numberExists, chatId } = toObject(body);
  const words = toText(numberExists);
  return { exists: words === 'true' ? true : words === 'false' ? false : undefined, chat: parseJid(chatId) };
}

/** Reads the phone of a hidden id. */
export function readLidPhone(body: unknown): string | undefined {
  const found = parseJid(toObject(body).pn);
  return found?.kind === 'phone' ? found.user : undefined;
}

/** Reads the picture of a QR code as a data URL. */
export function readQrCode(body: unknown): string | undefined {
  const { mimetype, data } = toObject(body);
  const type = toText(mimetype) ?? '';
  const base64 = toText(data) ?? '';
  return /^image\/[a-z+.-]{2,20}$/.test(type) && /^[A-Za-z0-9+/=]+$/.test(base64) ? `data:${type};base64,${base64}` : undefined;
}

/** Reads the code to type into the phone. */
export function readPairingCode(body: unknown): string | undefined {
  return toText(toObject(body).code)?.trim().slice(0, 40) || undefined;
}
