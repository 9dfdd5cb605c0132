import { domainToASCII } from 'node:url';
import { type CountryCode, isSupportedCountry, parsePhoneNumberFromString } from 'libphonenumber-js/min';

/**
 * Kind of an address. A phone number is in E.164 and an email address in small letters; `other` is a short code, a sender's name or a
 * vendor's id.
 */
export type AddressKind = 'phone' | 'email' | 'other';

export interface Address {
  readonly address: string;
  readonly kind: AddressKind;
}

const e164 = /^\+[1-9]\d{6,14}$/;
const email = /^[^\s@<>,;]+@[^\s@<>,;.]+(?:\.[^\s@<>,;.]+)+$/;
/** A number as WhatsApp writes it. */
const whatsAppUser = /^(\d{7,15})(?::\d+)?@(?:s\.whatsapp\.net|c\.us)$/i;
/** WhatsApp's other ids, of groups and of users who hide their number, look like email addresses. */
const whatsAppId = /@(?:s\.whatsapp\.net|c\.us|g\.us|lid|broadcast|newsletter)$/i;
const scheme = /^(?:whatsapp|sms|smsto|mms|rcs|tel):\s*(?=[+\d(])/i;
/** Direction marks and zero-width characters, which come along when a user copies a number from a phone's contacts. */
const invisible = /[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;
const phoneCharacters = /^[+＋]?[\d０-９\s()./‐-―−·-]+$/;
/** Most digits of a short code, in each country that has them. */
const maxShortCodeDigits = 6;
/** Fewest digits of an international number that is read without its plus sign. */
const minInternationalDigits = 8;
/** Digits from which a number that begins with the country's own code is not read as one in the national form, which is shorter. */
const minDigitsWithCode = 12;
const maxDisplayNameChars = 400;

/**
 * Normalizes an address to the one form in which the program compares, stores and sends it. Text that is neither a phone number nor an
 * email address stays as it is, so that short codes, names of senders and ids of vendors survive. Idempotent; never throws.
 *
 * @param country two letters (ISO 3166), for numbers in their national form; without it those stay as they are
 */
export function normalizeAddress(raw: string, country: string | null = null): Address {
  if (e164.test(raw)) return { address: raw, kind: 'phone' };
  const text = raw.replace(invisible, '').trim();
  const user = whatsAppUser.exec(text);
  if (user) return { address: `+${user[1]}`, kind: 'phone' };
  if (text.includes('@')) {
    if (whatsAppId.test(text)) return { address: text, kind: 'other' };
    const mail = stripDisplayName(text);
    return email.test(mail) ? { address: mail.toLowerCase(), kind: 'email' } : { address: text, kind: 'other' };
  }
  const number = toE164(text.replace(scheme, ''), country);
  return number ? { address: number, kind: 'phone' } : { address: text, kind: 'other' };
}

/** Finds the country of a phone number in E.164, two letters (ISO 3166). @returns null for another address, and for a number of no country */
export function findCountry(address: string): string | null {
  return e164.test(address) ? (parsePhoneNumberFromString(address, { extract: false })?.country ?? null) : null;
}

/** Returns whether the result depends on the country: the address may be a number in its national form. */
export function isNationalForm(raw: string): boolean {
  const text = raw.replace(invisible, '').trim().replace(scheme, '');
  return !text.startsWith('+') && phoneCharacters.test(text) && toDigits(text).length > maxShortCodeDigits;
}

/** Writes an international domain in ASCII (IDNA), as mail servers name it. Another address stays as it is. */
export function toAsciiAddress(address: string): string {
  const start = address.lastIndexOf('@') + 1;
  const domain = address.slice(start);
  return /\P{ASCII}/u.test(domain) ? address.slice(0, start) + (domainToASCII(domain) || domain) : address;
}

/** Converts an email address to the form in which it is compared: mail servers ignore the case, and name an international domain in ASCII. */
export function toMailKey(address: string): string {
  return toAsciiAddress(address).toLowerCase();
}

/** Returns the address in `Maya Ray <maya@example.com>`, else the text itself. */
export function stripDisplayName(text: string): string {
  // Bounded: the text comes from outside, and the search walks back from its end.
  if (text.length > maxDisplayNameChars || !text.endsWith('>')) return text;
  const at = text.lastIndexOf('<');
  return at < 0 ? text : text.slice(at + 1, -1).trim();
}

/** Returns the name in `Maya Ray <maya@example.com>`, if there is one. */
export function parseDisplayName(text: string): string | undefined {
  const address = stripDisplayName(text);
  if (address === text) return undefined;
  const name = text.slice(0, text.lastIndexOf('<')).trim();
  const bare = name.startsWith('"') && name.endsWith('"') ? name.slice(1, -1).trim() : name;
  return bare || undefined;
}

function toE164(text: string, country: string | null): string | null {
  if (!phoneCharacters.test(text)) return null;
  const digits = toDigits(text);
  if (/^[+＋]/.test(text)) {
    const number = parsePhoneNumberFromString(text, { extract: false });
    if (number?.isPossible()) return number.number;
    // Keep a country code that the library does not know: test numbers and new ranges have such codes.
    return e164.test(`+${digits}`) ? `+${digits}` : null;
  }
  if (digits.length <= maxShortCodeDigits) return null;
  const national = isSupported(country)
    ? parsePhoneNumberFromString(text, { defaultCountry: country, extract: false })
    : undefined;
  const international = parseInternational(digits);
  // A German mobile number with 49 and without its plus sign could also be a long number of the area codes that begin with 49.
  const hasOwnCode = digits.length >= minDigitsWithCode && international?.country === country && international?.isValid();
  if (national?.isValid() && !hasOwnCode) return national.number;
  if (international?.isValid()) return international.number;
  // Numbers that are reserved for tests and fiction have the right length and are not in use.
  const found = [national, international].find((number) => number?.isPossible());
  return found?.number ?? null;
}

/** Parses digits with the international prefix `00`, or with the plus sign left out, as many vendors do. */
function parseInternational(digits: string) {
  const bare = digits.replace(/^00/, '');
  if (bare.startsWith('0') || bare.length < minInternationalDigits) return undefined;
  return parsePhoneNumberFromString(`+${bare}`, { extract: false });
}

function toDigits(text: string): string {
  return text.normalize('NFKC').replace(/\D/g, '');
}

function isSupported(country: string | null): country is CountryCode {
  return country !== null && isSupportedCountry(country);
}
