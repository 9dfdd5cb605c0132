import { listShiftTables, lookAlikes, type TextEncoding } from './encode-text.ts';
import { listGsmCharacters, type ShiftTables } from './gsm-alphabet.ts';
import type { SmsOptions } from './sms-message.ts';
import { computeLimits, octetsPerUnit, withUsableLanguage } from './split-text.ts';

/** How one encoding counts a text. */
interface EncodingRule {
  readonly encoding: TextEncoding;
  /** Characters of one unit; null: all of them, as units of UTF-16. */
  readonly single: string | null;
  /** Characters of two units, which stay together. */
  readonly double: string;
  /** Units of a message with one segment, and of each of several. */
  readonly maxSingle: number;
  readonly maxPart: number;
}

/**
 * Rules by which a browser counts segments while a person types, as data: it has no other copy of the alphabets. A test compares its counts with
 * those of `countSegments`, by which messages are sent.
 */
export interface SegmentRules {
  /** The first encoding counts where it holds the whole text; else the one with the fewest segments, of several the first. */
  readonly encodings: readonly EncodingRule[];
  readonly replacements: Readonly<Record<string, string>>;
}

const allLatin1 = listCodes(0xff);
const allAscii = listCodes(0x7f);
const { double: extensionCharacters } = listGsmCharacters();
/** The carrier sends ASCII in the GSM alphabet. */
const asciiCharacters = {
  single: [...allAscii].filter((character) => !extensionCharacters.includes(character)).join(''),
  double: [...allAscii].filter((character) => extensionCharacters.includes(character)).join(''),
};

function listCodes(max: number): string {
  return String.fromCharCode(...Array.from({ length: max + 1 }, (_, code) => code));
}

/** Lists the rules of a connection. */
export function listSegmentRules(options: SmsOptions): SegmentRules {
  const { defaultCharset, latin1, language, longMessages } = withUsableLanguage(options);
  const toRule = (
    encoding: TextEncoding,
    characters: { single: string | null; double: string },
    tables: ShiftTables = {},
  ): EncodingRule => {
    const { single, part } = computeLimits({ encoding, tables }, longMessages);
    const unit = octetsPerUnit[encoding];
    return { encoding, ...characters, maxSingle: single / unit, maxPart: part / unit };
  };
  const toGsmRule = (tables: ShiftTables) => toRule('gsm', listGsmCharacters(tables), tables);
  const byDefault = {
    gsm: () => toGsmRule({}),
    latin1: () => toRule('latin1', { single: allLatin1, double: '' }),
    ascii: () => toRule('ascii', asciiCharacters),
    // The carrier converts it.
    utf8: () => toGsmRule({}),
  }[defaultCharset]();
  return {
    encodings: [
      byDefault,
      ...(latin1 && defaultCharset !== 'utf8' ? [toRule('latin1', { single: allLatin1, double: '' })] : []),
      toRule('ucs2', { single: null, double: '' }),
      ...(defaultCharset === 'gsm' && language ? listShiftTables(language).map(toGsmRule) : []),
    ],
    replacements: options.replacesLookAlikes ? lookAlikes : {},
  };
}
