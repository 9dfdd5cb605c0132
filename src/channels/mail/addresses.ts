import { toMailKey } from '../../core/address.ts';

/** An address of an email, with the name that is shown for it. */
export interface Mailbox {
  readonly name: string | null;
  readonly address: string;
}

export interface RefusedRecipient {
  readonly address: string;
  readonly code: string;
  readonly message: string;
}

const maxAddressChars = 254;
const maxLocalChars = 64;
const localPart = /^[^\s@<>()[\]\\,;:"]+$/;
const domainLabel = /^[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?$/u;

/** Returns whether a text is one address as mail servers accept it. Quoted local parts, which vendors refuse, are none. */
export function isMailAddress(text: string): boolean {
  const at = text.lastIndexOf('@');
  const [local, domain] = [text.slice(0, at), text.slice(at + 1)];
  if (at < 1 || text.length > maxAddressChars || local.length > maxLocalChars) return false;
  return localPart.test(local) && !hasControlCharacter(local) && isMailDomain(domain);
}

/** Returns whether a text is a domain with at least two labels. */
export function isMailDomain(text: string): boolean {
  const labels = text.split('.');
  return labels.length >= 2 && labels.every((label) => domainLabel.test(label));
}

/** Returns whether two addresses are one for mail servers. */
export function isSameAddress(one: string, other: string): boolean {
  return toMailKey(one) === toMailKey(other);
}

/** Returns the domain of an address, in small letters and in ASCII. */
export function getDomain(address: string): string {
  return toMailKey(address.slice(address.lastIndexOf('@') + 1));
}

/**
 * Splits a list of addresses at its commas, but not inside of quotes or angle brackets: `"Doe, Jane" <jane@example.com>` is one. Groups of
 * addresses (`name: a@b.c;`) are not read, as they could hide further recipients.
 */
export function splitAddressList(list: string): string[] {
  const entries: string[] = [];
  let start = 0;
  let isQuoted = false;
  let isInBrackets = false;
  for (let at = 0; at <= list.length; at += 1) {
    const letter = list[at];
    if (letter === '\\' && isQuoted) at += 1;
    else if (letter === '"' && !isInBrackets) isQuoted = !isQuoted;
    else if (letter === '<' && !isQuoted) isInBrackets = true;
    else if (letter === '>' && !isQuoted) isInBrackets = false;
    else if (letter === undefined || (letter === ',' && !isQuoted && !isInBrackets)) {
      entries.push(list.slice(start, at).trim());
      start = at + 1;
    }
  }
  // A quote that is never closed ends with the list.
  if (start < list.length) entries.push(list.slice(start).trim());
  return entries.filter((entry) => entry !== '');
}

/**
 * Parses `Maya Ray <maya@example.com>`, or an address alone. A line break in it is the mark of a forged header, so that it is refused.
 *
 * @returns null where there is no valid address
 */
export function parseMailbox(text: string): Mailbox | null {
  const entry = text.trim();
  if (hasControlCharacter(entry)) return null;
  const open = entry.lastIndexOf('<');
  if (open < 0 || !entry.endsWith('>')) return isMailAddress(entry) ? { name: null, address: entry } : null;
  const address = entry.slice(open + 1, -1).trim();
  return isMailAddress(address) ? { name: toName(entry.slice(0, open)), address } : null;
}

/** Reads a name as a header holds it: without quotes, escapes, line breaks and control characters. */
function toName(text: string): string | null {
  const trimmed = text.trim();
  const isQuoted = trimmed.length >= 2 && trimmed.startsWith('"') && trimmed.endsWith('"');
  const name = isQuoted ? trimmed.slice(1, -1).replace(/\\(.)/gs, '$1') : trimmed;
  return toHeaderText(name) || null;
}

/** Formats a mailbox for a header. A name with special characters stands in quotes, so that it can't become a second address. */
export function formatMailbox({ name, address }: Mailbox): string {
  const text = toHeaderText(name ?? '');
  if (text === '') return address;
  const isPlain = /^[\p{L}\p{N}\p{M} !#$%&'*+/=?^_`{|}~-]*$/u.test(text);
  return `${isPlain ? text : `"${text.replace(/["\\]/g, '\\$&')}"`} <${address}>`;
}

const maxHeaderChars = 900;

/** Converts a text to the value of a header: one line without control characters, so that it can't add a header of its own. */
export function toHeaderText(text: string): string {
  const letters = Array.from(text.slice(0, maxHeaderChars).toWellFormed(), (letter) =>
    hasControlCharacter(letter) ? ' ' : letter,
  );
  return letters.join('').replace(/ +/g, ' ').trim();
}

function hasControlCharacter(text: string): boolean {
  for (const letter of text) {
    const code = letter.codePointAt(0) ?? 0;
    if (code < 0x20 || (code >= 0x7f && code < 0xa0) || code === 0x2028 || code === 0x2029) return true;
  }
  return false;
}

/**
 * Parses the recipients of an email, each address once. An entry without a valid address is refused alone: a vendor would refuse the whole
 * email because of it.
 */
export function parseRecipients(to: string): { mailboxes: Mailbox[]; refused: RefusedRecipient[] } {
  const mailboxes = new Map<string, Mailbox>();
  const refused: RefusedRecipient[] = [];
  for (const entry of splitAddressList(to)) {
    const mailbox = parseMailbox(entry);
    if (mailbox) mailboxes.set(mailbox.address.toLowerCase(), mailboxes.get(mailbox.address.toLowerCase()) ?? mailbox);
    else {
      const address = toHeaderText(entry);
      refused.push({
        address,
        code: 'invalid_address',
        message: `${address} is not a valid email address: correct it at the contact.`,
      });
    }
  }
  return { mailboxes: [...mailboxes.values()], refused };
}
