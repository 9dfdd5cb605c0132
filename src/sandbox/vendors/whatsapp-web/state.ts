import { createHash } from 'node:crypto';
import type { RandomSource } from '../../../core/ids.ts';

/** State of a simulated WhatsApp account that is linked to a server. Plain data that survives a restart. */
export interface WebAccountState {
  /** Digits of the account's number. */
  phone: string;
  pushName: string;
  link: WebLink;
  /** Number of QR codes since the pairing began: each is valid for a short time. */
  qrStartedAt: number | null;
  people: WebPerson[];
  messages: WebMessage[];
  /** Numbers, in WhatsApp's spelling, that are not on WhatsApp. */
  absent: string[];
}

export type WebLink = 'linked' | 'scan' | 'starting' | 'stopped' | 'failed';

export interface WebPerson {
  /** WhatsApp's spelling of the number. */
  waId: string;
  /** Digits of the hidden id. */
  lid: string;
  name: string;
  /** Events name the hidden id alone. */
  isNumberHidden: boolean;
}

export interface WebMessage {
  key: string;
  direction: 'outbound' | 'inbound';
  /** Sent by the account's own phone. */
  isFromPhone: boolean;
  waId: string;
  kind: string;
  text: string;
  file: WebFile | null;
  replyTo: string | null;
  status: WebStatus;
  at: number;
}

export type WebStatus = 'pending' | 'server' | 'delivered' | 'read' | 'failed';

export interface WebFile {
  contentType: string;
  base64: string;
  name: string;
}

/** Creates the state of a linked demo account; fields of an earlier state are kept. */
export function createWebAccount(saved?: Partial<WebAccountState>): WebAccountState {
  return {
    ...{ phone: '15550783882', pushName: 'Harbour Dental', link: 'linked', qrStartedAt: null },
    ...{ people: [], messages: [], absent: [] },
    ...saved,
  };
}

/** Returns the person of a number or a hidden id; a number that is new becomes a person. */
export function getWebPerson(state: WebAccountState, address: string): WebPerson {
  const digits = (address.split('@')[0] ?? '').replace(/\D/g, '');
  const waId = toWebSpelling(digits);
  const known = state.people.find((person) => person.lid === digits || person.waId === waId);
  if (known) return known;
  const person = { waId, lid: toLid(waId), name: `User ${waId.slice(-4)}`, isNumberHidden: false };
  state.people.push(person);
  return person;
}

/** Converts a number to WhatsApp's spelling: older Brazilian accounts are without the ninth digit, Mexican ones have the old 1. */
export function toWebSpelling(digits: string): string {
  return digits.replace(/^55(\d{2})9(\d{8})$/, '55$1$2').replace(/^52(\d{10})$/, '521$1');
}

function toLid(waId: string): string {
  const hash = createHash('sha256').update(`lid ${waId}`).digest();
  return String(100_000_000_000_000n + (hash.readBigUInt64BE() % 800_000_000_000_000n));
}

/** Creates the key of a message. */
export function createMessageKey(random: RandomSource): string {
  return `3EB0${random(9).toString('hex').toUpperCase()}`;
}

const qrTtlMs = 20_000;

/** Returns the QR code that is valid at a time; a new one replaces it every 20 seconds. */
export function getQrValue(state: WebAccountState, now: number): string {
  const count = Math.floor((now - (state.qrStartedAt ?? now)) / qrTtlMs);
  return `2@${createHash('sha256').update(`${state.phone} ${state.qrStartedAt} ${count}`).digest('base64')}`;
}

const cells = 21;

/** @returns whether a cell of one of the three corner marks is dark; null outside of the marks */
function isDarkInCorner(x: number, y: number): boolean | null {
  for (const [left, top] of [
    [0, 0],
    [cells - 7, 0],
    [0, cells - 7],
  ] as const) {
    const distance = Math.max(Math.abs(x - left - 3), Math.abs(y - top - 3));
    if (distance <= 4) return distance !== 2 && distance !== 4;
  }
  return null;
}

/** Draws a picture that looks like a QR code, and is none: no phone reads it. */
export function drawQrPicture(value: string): string {
  // One byte of the hash for each cell.
  const bytes = createHash('shake256', { outputLength: cells * cells })
    .update(value)
    .digest();
  const squares: string[] = [];
  for (const [at, byte] of bytes.entries()) {
    const [x, y] = [at % cells, Math.floor(at / cells)];
    if (isDarkInCorner(x, y) ?? byte % 2 === 1) squares.push(`<rect x="${x}" y="${y}" width="1" height="1"/>`);
  }
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-2 -2 ${cells + 4} ${cells + 4}" shape-rendering="crispEdges"><path fill="#fff" d="M-2-2h25v25h-25z"/>${squares.join('')}</svg>`;
  return Buffer.from(svg).toString('base64');
}
