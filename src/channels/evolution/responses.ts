import { toList, toObject, toText } from '../../core/foreign.ts';
import { type Jid, parseJid, readMessageKey } from '../whatsapp-web/jid.ts';
import type { LinkState } from '../whatsapp-web/session-state.ts';

/** Reads the key of a message that was sent. It proves no delivery. */
export function readSentKey(body: unknown): string | undefined {
  return readMessageKey(toObject(toObject(body).key).id);
}

/** Reads the chat to which a message went: it may be named by a hidden id. */
export function readSentChat(body: unknown): Jid | null {
  return parseJid(toObject(toObject(body).key).remoteJid);
}

const linkStates: Readonly<Record<string, LinkState>> = { open: 'linked', connecting: 'connecting', close: 'unlinked' };

/** Converts Evolution's word; null for one of another server. */
export function toLinkState(state: unknown): LinkState | null {
  const word = toText(state)?.trim().toLowerCase() ?? '';
  return Object.hasOwn(linkStates, word) ? (linkStates[word] as LinkState) : null;
}

/** Reads the state of an instance. */
export function readConnectionState(body: unknown): LinkState | null {
  const { instance, state } = toObject(body);
  return toLinkState(toText(toObject(instance).state) ?? state);
}

/** Reads the account of an instance from the list of instances. The entry also has the instance's token, which is left alone. */
export function readAccount(body: unknown, name: string): { phone: string | undefined; profile: string | undefined } {
  const rows = toList(body).map(toObject);
  const row = rows.find((one) => toText(one.name) === name) ?? {};
  const own = parseJid(row.ownerJid);
  return { phone: own?.kind === 'phone' ? own.user : undefined, profile: toText(row.profileName) };
}

export interface PairingInfo {
  readonly isLinked: boolean;
  /** A data URL. */
  readonly qrCode: string | undefined;
  readonly code: string | undefined;
}

/** Reads the response to a request to connect: the QR code, the code for a number, or the state of an instance that is connected. */
export function readPairing(body: unknown): PairingInfo {
  const fields = toObject(body);
  const inner = toObject(fields.qrcode);
  const picture = toText(fields.base64) ?? toText(inner.base64) ?? '';
  return {
    isLinked: readConnectionState(body) === 'linked',
    qrCode: /^data:image\/[a-z+.-]{2,20};base64,[A-Za-z0-9+/=]+$/.test(picture) ? picture : undefined,
    code: (toText(fields.pairingCode) ?? toText(inner.pairingCode))?.trim().slice(0, 40) || undefined,
  };
}

/** Reads a file of a message. */
export function readMedia(body: unknown): { base64: string; contentType: string; name: string | undefined } | null {
  const { base64, mimetype, fileName } = toObject(body);
  const data = typeof base64 === 'string' ? base64.replace(/^data:[^,]{0,200},/, '') : '';
  if (data === '') return null;
  return { base64: data, contentType: toText(mimetype) ?? '', name: toText(fileName)?.slice(0, 200).toWellFormed() };
}
