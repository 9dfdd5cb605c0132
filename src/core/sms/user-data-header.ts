import type { ShiftTables } from './gsm-alphabet.ts';

/** Place of a part in a message that was split. */
export interface Concatenation {
  readonly reference: number;
  readonly total: number;
  /** From 1. */
  readonly part: number;
}

/** Header in front of the text of a part (GSM 03.40): its place in the message, and its shift tables. */
export interface UserDataHeader {
  readonly concatenation?: (Concatenation & { readonly isWide: boolean }) | undefined;
  readonly tables: ShiftTables;
  /** Port that the message is for: it is meant for a program on the phone, not for a person. */
  readonly port?: number | undefined;
}

const elements = {
  concatenation8: 0x00,
  port8: 0x04,
  port16: 0x05,
  concatenation16: 0x08,
  single: 0x24,
  locking: 0x25,
} as const;

/** Writes a header, with its length in front; empty when it has nothing to say. */
export function writeUserDataHeader({ concatenation, tables }: UserDataHeader): Buffer {
  const content: number[] = [];
  if (concatenation) {
    const { isWide, reference, total, part } = concatenation;
    if (isWide) content.push(elements.concatenation16, 4, (reference >> 8) & 0xff, reference & 0xff, total, part);
    else content.push(elements.concatenation8, 3, reference & 0xff, total, part);
  }
  if (tables.single !== undefined) content.push(elements.single, 1, tables.single);
  if (tables.locking !== undefined) content.push(elements.locking, 1, tables.locking);
  return content.length === 0 ? Buffer.alloc(0) : Buffer.of(content.length, ...content);
}

/**
 * Reads the header in front of a text. Elements that are not known here are skipped.
 *
 * @returns null when its lengths do not fit: then all octets are text
 */
export function readUserDataHeader(octets: Buffer): { header: UserDataHeader; text: Buffer } | null {
  const end = 1 + (octets[0] ?? Number.POSITIVE_INFINITY);
  if (end > octets.length) return null;
  let concatenation: UserDataHeader['concatenation'];
  let port: number | undefined;
  const tables: { single?: number; locking?: number } = {};
  for (let at = 1; at < end; ) {
    if (at + 2 > end) return null;
    const element = octets[at];
    const length = octets[at + 1] as number;
    const value = octets.subarray(at + 2, at + 2 + length);
    if (at + 2 + length > end) return null;
    at += 2 + length;
    if (element === elements.concatenation8 && length === 3) {
      concatenation = { isWide: false, reference: value.readUInt8(0), total: value.readUInt8(1), part: value.readUInt8(2) };
    } else if (element === elements.concatenation16 && length === 4) {
      concatenation = { isWide: true, reference: value.readUInt16BE(0), total: value.readUInt8(2), part: value.readUInt8(3) };
    } else if (element === elements.port8 && length === 2) port = value.readUInt8(0);
    else if (element === elements.port16 && length === 4) port = value.readUInt16BE(0);
    else if (element === elements.single && length === 1) tables.single = value.readUInt8(0);
    else if (element === elements.locking && length === 1) tables.locking = value.readUInt8(0);
  }
  const isPlace = concatenation && concatenation.part >= 1 && concatenation.part <= concatenation.total;
  return { header: { concatenation: isPlace ? concatenation : undefined, tables, port }, text: octets.subarray(end) };
}
