import { toId } from '../../core/foreign.ts';
import { toUsualSpelling } from '../../core/phone-spellings.ts';

/**
 * An address of WhatsApp. `lid` is a hidden id of a person and never a telephone number, although it has as many digits. Groups, channels,
 * the status and lists are conversations of several people, which are ignored.
 */
export interface Jid {
  readonly kind: 'phone' | 'lid' | 'group' | 'channel' | 'status' | 'list';
  /** Digits of a phone or of a hidden id; else the part before the `@`. */
  readonly user: string;
}

const jid = /^([A-Za-z0-9.-]{1,64})(?:_\d{1,3})?(?::\d{1,4})?@([a-z.]{1,30})$/i;
const phone = /^[1-9]\d{4,14}$/;
const lid = /^\d{5,20}$/;

/** Kinds by server. Libraries spell the server of phones in two ways. */
const kinds: Readonly<Record<string, Jid['kind']>> = {
  's.whatsapp.net': 'phone',
  'c.us': 'phone',
  hosted: 'phone',
  lid: 'lid',
  'hosted.lid': 'lid',
  'g.us': 'group',
  newsletter: 'channel',
  broadcast: 'list',
};

/** Parses an address; the suffix of a device (`:12`) is dropped. @returns null for any other text */
export function parseJid(value: unknown): Jid | null {
  const [, user, server] = jid.exec(toId(value) ?? '') ?? [];
  const name = server?.toLowerCase() ?? '';
  const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
  if (!user || !kind) return null;
  if (kind === 'list' && user === 'status') return { kind: 'status', user };
  if (kind === 'phone' && !phone.test(user)) return null;
  return kind === 'lid' && !lid.test(user) ? null : { kind, user };
}

/** A person, by number, by hidden id, or by both. */
export interface Person {
  /** Digits, as WhatsApp spells the number. */
  readonly phone: string | undefined;
  readonly lid: string | undefined;
}

/** Returns whether an address is of one person. */
export function isPerson(address: Jid): boolean {
  return address.kind === 'phone' || address.kind === 'lid';
}

/**
 * Finds the person that several fields of a message name: the first one decides the kind of conversation, the others complete it.
 *
 * @returns null for a conversation of several people, and where no field is an address
 */
export function findPerson(fields: readonly unknown[]): Person | null {
  const addresses = fields.map(parseJid).filter((address) => address !== null);
  const [first] = addresses;
  if (!first || !isPerson(first)) return null;
  return {
    phone: addresses.find(({ kind }) => kind === 'phone')?.user,
    lid: addresses.find(({ kind }) => kind === 'lid')?.user,
  };
}

/** Returns the address of a person for the CRM: the number in E.164, else the hidden id, which no program takes for a number. */
export function toContactAddress(person: Person): string {
  return person.phone === undefined ? `${person.lid}@lid` : toUsualSpelling(person.phone);
}

const messageId = /^(?:true|false)_([^_\s]{1,100}@[a-z.]{1,30})_(.{1,400})$/s;
const participant = /_[^_]{1,64}@(?:c\.us|lid|s\.whatsapp\.net)$/;

/**
 * Reads the key of a message. Only the key counts: the chat in a whole id (`true_<chat>_<key>`) changes between number and hidden id from a
 * send to its receipt.
 *
 * @param value an id in any of the forms in which libraries return it
 */
export function readMessageKey(value: unknown): string | undefined {
  if (typeof value === 'object' && value !== null) {
    const { _serialized, id, key } = value as Record<string, unknown>;
    for (const inner of [_serialized, id, key]) {
      // One level at a time, as such objects nest, and are not endless.
      const found = typeof inner === 'object' ? readFlatKey(inner) : readMessageKey(inner);
      if (found) return found;
    }
    return undefined;
  }
  const text = toId(value);
  const [, , key] = messageId.exec(text ?? '') ?? [];
  return key === undefined ? text : key.replace(participant, '');
}

function readFlatKey(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { _serialized, id } = value as Record<string, unknown>;
  const found = typeof _serialized === 'string' ? _serialized : id;
  return typeof found === 'object' ? undefined : readMessageKey(found);
}
