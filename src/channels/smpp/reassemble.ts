import { createHash } from 'node:crypto';
import { decodeText } from '../../core/sms/decode-text.ts';
import type { DefaultCharset } from '../../core/sms/encode-text.ts';
import type { Concatenation } from '../../core/sms/user-data-header.ts';
import type { PartSet, SmppState, StoredPart } from './state.ts';

/** A part of a message of a contact as it came. */
export interface ReceivedPart {
  readonly from: string;
  readonly to: string;
  readonly place: Concatenation;
  readonly octets: Buffer;
  readonly dataCoding: number;
  readonly tables: { readonly single?: number | undefined; readonly locking?: number | undefined };
}

/** A message that can be passed on. */
export interface WholeMessage {
  readonly externalId: string;
  readonly from: string;
  readonly to: string;
  readonly text: string;
}

/** Parts are awaited for so long after the last one that came. */
export const partTimeoutMs = 10 * 60_000;
/** A part that comes later than that is recognised for so long. */
const lateMs = 24 * 60 * 60_000;
/** The carrier repeats what it has no response to for so long; afterwards a phone may use the same number for another message. */
const repeatMs = 10 * 60_000;
const maxSets = 200;
const maxPassed = 500;
/** Longest text that a message of a contact may have; a message has 255 parts of 140 octets at most. */
const maxOctetsOfSet = 255 * 160;

type Parts = Pick<SmppState, 'sets' | 'passed'>;

/**
 * Adds a part to those that came before, in any order. Pure but for `parts`, which it changes.
 *
 * @param newId makes the id of a message whose first part this is
 * @returns messages that can be passed on now: a whole one, an incomplete one that it replaces, or a part that came too late
 */
export function addPart(
  parts: Parts,
  received: ReceivedPart,
  { now, charset, newId }: { now: number; charset: DefaultCharset; newId: () => string },
): WholeMessage[] {
  const { from, to, place } = received;
  const key = [from, to, place.reference, place.total].join('|');
  const digest = digestPart(received);
  parts.passed = parts.passed.filter(({ at, missing }) => now - at < (missing.length > 0 ? lateMs : repeatMs));
  const passed = parts.passed.find((one) => one.key === key);
  if (passed?.digests.includes(digest)) return [];
  const set = parts.sets.find((one) => one.key === key);
  if (!set && passed?.missing.includes(place.part)) {
    passed.missing = passed.missing.filter((missing) => missing !== place.part);
    passed.digests = [...passed.digests, digest];
    const text = decodePart(toStored(received), charset) ?? '';
    // Not a new id: a part that could not be stored comes again.
    const externalId = `${passed.at.toString(36)}-${digest}`;
    return [{ externalId, from, to, text: `[Part ${place.part} of ${place.total}, which came late]\n${text}` }];
  }
  const known = set?.parts.find(({ part }) => part === place.part);
  // The phone has started another message with the same number: the first one stays without its last parts.
  const isOther = known !== undefined && digestStored(key, known) !== digest;
  if (known && !isOther) return [];
  const given = isOther && set ? [passOn(parts, set, now, charset)] : [];
  const current = isOther ? undefined : set;
  if (current) {
    current.parts.push(toStored(received));
    current.lastAt = now;
  }
  const growing = current ?? startSet(parts, { key, externalId: newId(), received, now });
  const overflow = parts.sets.length > maxSets ? [passOn(parts, parts.sets[0] as PartSet, now, charset)] : [];
  const isWhole = growing.parts.length === growing.total;
  const octets = growing.parts.reduce((sum, one) => sum + one.octets.length / 2, 0);
  const whole = isWhole || octets > maxOctetsOfSet ? [passOn(parts, growing, now, charset)] : [];
  return [...given, ...overflow, ...whole];
}

/** Ends the wait for parts that did not come. @returns what there is of their messages */
export function passOnIncomplete(parts: Parts, now: number, charset: DefaultCharset): WholeMessage[] {
  return parts.sets.filter(({ lastAt }) => now - lastAt >= partTimeoutMs).map((set) => passOn(parts, set, now, charset));
}

function startSet(
  parts: Parts,
  { key, externalId, received, now }: { key: string; externalId: string; received: ReceivedPart; now: number },
): PartSet {
  const { from, to, place } = received;
  const set = { key, externalId, from, to, total: place.total, parts: [toStored(received)], firstAt: now, lastAt: now };
  parts.sets.push(set);
  return set;
}

/** Takes a set out of those that wait, and remembers its parts. */
function passOn(parts: Parts, set: PartSet, now: number, charset: DefaultCharset): WholeMessage {
  parts.sets = parts.sets.filter((one) => one !== set);
  const missing = Array.from({ length: set.total }, (_, index) => index + 1).filter(
    (place) => !set.parts.some(({ part }) => part === place),
  );
  const digests = set.parts.map((one) => digestStored(set.key, one));
  parts.passed = [
    ...parts.passed.filter(({ key }) => key !== set.key),
    { key: set.key, digests, missing, total: set.total, at: now },
  ].slice(-maxPassed);
  return { externalId: set.externalId, from: set.from, to: set.to, text: joinParts(set, charset) };
}

function joinParts({ parts, total }: PartSet, charset: DefaultCharset): string {
  const sorted = parts.toSorted((one, other) => one.part - other.part);
  const [first] = sorted;
  const isOneText = sorted.length === total && sorted.every((one) => first && isSameCoding(one, first));
  if (isOneText && first) {
    // Some phones split a character; joined before it is decoded, it is whole again.
    const octets = sorted.map((one) => one.octets).join('');
    return decodePart({ ...first, octets }, charset) ?? '';
  }
  return Array.from({ length: total }, (_, index) => {
    const found = sorted.find(({ part }) => part === index + 1);
    return found ? (decodePart(found, charset) ?? '') : `[Part ${index + 1} of ${total} is missing]`;
  }).join('');
}

function isSameCoding(one: StoredPart, other: StoredPart): boolean {
  return one.dataCoding === other.dataCoding && one.single === other.single && one.locking === other.locking;
}

function decodePart({ octets, dataCoding, single, locking }: StoredPart, defaultCharset: DefaultCharset): string | null {
  return decodeText(Buffer.from(octets, 'hex'), dataCoding, { defaultCharset, tables: { single, locking } });
}

function toStored({ place, octets, dataCoding, tables }: ReceivedPart): StoredPart {
  return { part: place.part, octets: octets.toString('hex'), dataCoding, ...tables };
}

function digestPart(received: ReceivedPart): string {
  const { from, to, place } = received;
  return digestStored([from, to, place.reference, place.total].join('|'), toStored(received));
}

function digestStored(key: string, { part, octets, dataCoding }: StoredPart): string {
  return createHash('sha256').update(`${key}|${part}|${dataCoding}|${octets}`).digest('base64url').slice(0, 16);
}
