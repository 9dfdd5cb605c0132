import { type EncodedText, listEncodings, type TextEncoding, type TextOptions } from './encode-text.ts';
import { type Concatenation, writeUserDataHeader } from './user-data-header.ts';

/**
 * Form of a message of several parts: a header in front of each text, with a reference of 8 or 16 bits; fields of their own beside the text; or
 * one piece that the carrier splits.
 */
export type LongMessages = 'udh' | 'udh16' | 'sar' | 'payload';

export interface SplitOptions extends TextOptions {
  readonly longMessages: LongMessages;
}

/** What one `submit_sm` carries of a message. */
export interface TextPart {
  readonly dataCoding: number;
  readonly hasHeader: boolean;
  readonly octets: Buffer;
  /** The octets go into `message_payload`. */
  readonly isPayload: boolean;
  readonly sar?: Concatenation | undefined;
}

/** Length of a text as the carrier counts and charges it. */
export interface SegmentCount {
  readonly encoding: TextEncoding;
  readonly segmentCount: number;
  /** Characters as the encoding counts them: septets, octets or units of UTF-16. */
  readonly length: number;
  /** Those that fit into so many segments. */
  readonly capacity: number;
  /** Those that still fit into the last one. */
  readonly remaining: number;
}

/** Octets of the field `short_message`. */
const maxShortMessageOctets = 254;
/** Octets of one message on the air. */
const maxUserDataOctets = 140;
/** Octets of one unit in which an encoding counts its text. */
export const octetsPerUnit: Readonly<Record<TextEncoding, number>> = { gsm: 1, ascii: 1, latin1: 1, ucs2: 2 };

/** Returns how many octets of text fit beside a header: the GSM alphabet, and ASCII that becomes it, have seven bits a character on the air. */
function computeCapacity(encoding: TextEncoding, headerOctets: number): number {
  const free = maxUserDataOctets - headerOctets;
  if (encoding === 'gsm' || encoding === 'ascii') return Math.floor((free * 8) / 7);
  return encoding === 'ucs2' ? free - (free % 2) : free;
}

/** Text of one segment. `length`: octets on the air. */
interface Body {
  readonly length: number;
  readonly octets: Buffer;
}

interface Split {
  readonly text: EncodedText;
  readonly bodies: readonly Body[];
  readonly capacity: number;
}

/** Octets of text that one segment holds: of a message that has no other, and of each of several. */
export interface SegmentLimits {
  readonly single: number;
  readonly part: number;
}

/** Computes how much a segment holds beside its header. */
export function computeLimits(
  { encoding, tables }: Pick<EncodedText, 'encoding' | 'tables'>,
  longMessages: LongMessages,
): SegmentLimits {
  // With the other forms the carrier writes the header, of which the narrow one is usual.
  const concatenation = { isWide: longMessages === 'udh16', reference: 0, total: 2, part: 1 };
  return {
    single: computeCapacity(encoding, writeUserDataHeader({ tables }).length),
    part: computeCapacity(encoding, writeUserDataHeader({ concatenation, tables }).length),
  };
}

function splitEncoded(text: EncodedText, longMessages: LongMessages): Split {
  const { single, part } = computeLimits(text, longMessages);
  const [whole, ...rest] = pack(text, single);
  if (whole && rest.length === 0) return { text, bodies: [whole], capacity: single };
  return { text, bodies: pack(text, part), capacity: part };
}

function pack({ characters, written = characters }: EncodedText, capacity: number): Body[] {
  const bodies: Body[] = [];
  let current: Buffer[] = [];
  let length = 0;
  for (const [index, character] of characters.entries()) {
    if (length + character.length > capacity) {
      bodies.push({ length, octets: Buffer.concat(current) });
      current = [];
      length = 0;
    }
    current.push(written[index] as Buffer);
    length += character.length;
  }
  return [...bodies, { length, octets: Buffer.concat(current) }];
}

/** Drops the language where parts have no header of ours, as the header names its shift tables. */
export function withUsableLanguage(options: SplitOptions): SplitOptions {
  const { longMessages } = options;
  return longMessages === 'udh' || longMessages === 'udh16' ? options : { ...options, language: undefined };
}

/** Splits a text in the encoding that needs the fewest parts. */
function splitShortest(text: string, options: SplitOptions): Split {
  const { longMessages } = options;
  const splits = listEncodings(text, withUsableLanguage(options)).map((encoded) => splitEncoded(encoded, longMessages));
  return splits.reduce((best, next) => (next.bodies.length < best.bodies.length ? next : best));
}

/** Counts the segments of a text as {@link splitText} makes them. */
export function countSegments(text: string, options: SplitOptions): SegmentCount {
  const { text: encoded, bodies, capacity } = splitShortest(text, options);
  const unit = octetsPerUnit[encoded.encoding];
  const octets = bodies.reduce((sum, { length }) => sum + length, 0);
  return {
    encoding: encoded.encoding,
    segmentCount: bodies.length,
    length: octets / unit,
    capacity: (capacity * bodies.length) / unit,
    remaining: (capacity - (bodies.at(-1)?.length ?? 0)) / unit,
  };
}

/**
 * Splits a text into what the carrier takes at once.
 *
 * @param reference 16 bits that are the same on every attempt of this message
 */
export function splitText(text: string, options: SplitOptions, reference: number): TextPart[] {
  const { text: encoded, bodies } = splitShortest(text, options);
  const { dataCoding, tables } = encoded;
  const total = bodies.length;
  const { longMessages } = options;
  if (total > 1 && longMessages === 'payload') {
    const octets = Buffer.concat(bodies.map((body) => body.octets));
    return [{ dataCoding, hasHeader: false, octets, isPayload: true }];
  }
  return bodies.map((body, index) => {
    const place = { reference, total, part: index + 1 };
    const sar = total > 1 && longMessages === 'sar' ? { sar: place } : {};
    const concatenation = total > 1 && longMessages !== 'sar' ? { ...place, isWide: longMessages === 'udh16' } : undefined;
    const header = writeUserDataHeader({ concatenation, tables });
    const octets = Buffer.concat([header, body.octets]);
    // In UTF-8 a segment may have more octets than the field of the text holds.
    return { dataCoding, hasHeader: header.length > 0, octets, isPayload: octets.length > maxShortMessageOctets, ...sar };
  });
}
