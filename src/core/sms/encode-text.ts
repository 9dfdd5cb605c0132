import { encodeGsm, hasLockingTable, type NationalLanguage, nationalLanguages, type ShiftTables } from './gsm-alphabet.ts';

/** Meaning of data coding 0 at a carrier. */
export type DefaultCharset = 'gsm' | 'latin1' | 'ascii' | 'utf8';

export interface TextOptions {
  readonly defaultCharset: DefaultCharset;
  /** The carrier takes Latin-1 with data coding 3. */
  readonly latin1?: boolean | undefined;
  readonly language?: NationalLanguage | undefined;
}

export type TextEncoding = 'gsm' | 'latin1' | 'ascii' | 'ucs2';

/** A text in the octets of one encoding. */
export interface EncodedText {
  readonly encoding: TextEncoding;
  readonly dataCoding: number;
  /** Octets of each character: those of one character stay in one part, or a phone shows neither half. */
  readonly characters: readonly Buffer[];
  /** Octets of each character as they are written, where the carrier converts them to those that are on the air. */
  readonly written?: readonly Buffer[];
  readonly tables: ShiftTables;
}

const defaultDataCoding = 0;
const latin1DataCoding = 3;
const ucs2DataCoding = 8;

/**
 * Encodes a text in the encodings that hold all of its characters and may need the fewest parts.
 *
 * @returns at least one: UCS-2 holds every text
 */
export function listEncodings(text: string, options: TextOptions): EncodedText[] {
  const { defaultCharset, latin1 = false, language } = options;
  if (defaultCharset === 'utf8') return [encodeUtf8(text)];
  const byDefault = encodeDefault(text, defaultCharset);
  if (byDefault) return [byDefault];
  const national = defaultCharset === 'gsm' && language ? encodeNational(text, language) : [];
  const inLatin1 = latin1 ? encodeLatin1(text) : null;
  // Of two with as many parts the first is taken: every phone knows it, and the tables of a language only some do.
  if (inLatin1) return [{ encoding: 'latin1', dataCoding: latin1DataCoding, characters: inLatin1, tables: {} }, ...national];
  return [{ encoding: 'ucs2', dataCoding: ucs2DataCoding, characters: encodeUcs2(text), tables: {} }, ...national];
}

/** Encodes a text in UTF-8, and counts it as the carrier then sends it: in the GSM alphabet, or in UCS-2. */
function encodeUtf8(text: string): EncodedText {
  const septets = encodeGsm(text);
  return {
    encoding: septets ? 'gsm' : 'ucs2',
    dataCoding: defaultDataCoding,
    characters: septets ?? encodeUcs2(text),
    written: Array.from(text.toWellFormed(), (character) => Buffer.from(character)),
    tables: {},
  };
}

function encodeDefault(text: string, charset: Exclude<DefaultCharset, 'utf8'>): EncodedText | null {
  if (charset === 'ascii') return encodeAscii(text);
  const encoders = { gsm: encodeGsm, latin1: encodeLatin1 };
  const characters = encoders[charset](text);
  return characters && { encoding: charset, dataCoding: defaultDataCoding, characters, tables: {} };
}

/** Lists the combinations of a language's tables, those that replace least first. */
export function listShiftTables(language: NationalLanguage): ShiftTables[] {
  const code = nationalLanguages[language];
  const single: ShiftTables[] = [{ single: code }];
  return hasLockingTable(language) ? [...single, { locking: code }, { locking: code, single: code }] : single;
}

function encodeNational(text: string, language: NationalLanguage): EncodedText[] {
  return listShiftTables(language).flatMap((tables) => {
    const characters = encodeGsm(text, tables);
    return characters ? { encoding: 'gsm' as const, dataCoding: defaultDataCoding, characters, tables } : [];
  });
}

function encodeLatin1(text: string): Buffer[] | null {
  return encodeOctets(text, 0xff);
}

/** Encodes a text in ASCII, and counts it as the carrier then sends it: a character of the GSM extension, such as `[`, takes two septets. */
function encodeAscii(text: string): EncodedText | null {
  const written = encodeOctets(text, 0x7f);
  if (!written) return null;
  const characters = Array.from(text, (character, index) => encodeGsm(character)?.[0] ?? (written[index] as Buffer));
  return { encoding: 'ascii', dataCoding: defaultDataCoding, characters, written, tables: {} };
}

function encodeOctets(text: string, max: number): Buffer[] | null {
  const codes = Array.from(text, (character) => character.codePointAt(0) as number);
  return codes.every((code) => code <= max) ? codes.map((code) => Buffer.of(code)) : null;
}

/** Encodes a text as phones do it: UTF-16, two octets, or four for a surrogate pair. Half of a pair becomes the replacement character. */
function encodeUcs2(text: string): Buffer[] {
  return Array.from(text.toWellFormed(), (character) => Buffer.from(character, 'utf16le').swap16());
}

/** Typographic signs and the plain ones in their place. */
export const lookAlikes: Readonly<Record<string, string>> = {
  '\u2018': "'",
  '\u2019': "'",
  '\u201a': "'",
  '\u201b': "'",
  '\u2032': "'",
  '\u00b4': "'",
  '`': "'",
  '\u201c': '"',
  '\u201d': '"',
  '\u201e': '"',
  '\u2033': '"',
  '\u00ab': '"',
  '\u00bb': '"',
  '\u2010': '-',
  '\u2011': '-',
  '\u2012': '-',
  '\u2013': '-',
  '\u2014': '-',
  '\u2212': '-',
  '\u2022': '*',
  '\u2026': '...',
  '\u00a0': ' ',
  '\u2009': ' ',
  '\u202f': ' ',
  '\u200b': '',
  '\ufeff': '',
};
const lookAlikePattern = new RegExp(`[${Object.keys(lookAlikes).join('')}]`, 'gu');

/** Replaces typographic signs that the GSM alphabet lacks by plain ones: one of them alone would make a text of UCS-2, of less than half the length. */
export function replaceLookAlikes(text: string): string {
  return text.replace(lookAlikePattern, (sign) => lookAlikes[sign] ?? sign);
}
