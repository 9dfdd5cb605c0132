import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { RandomSource } from './ids.ts';

/** Rights of an API token. Each route of the API names the one that it needs. */
export const apiScopes = [
  'messages:read',
  'messages:write',
  'channels:read',
  'channels:write',
  'opt_outs:read',
  'opt_outs:write',
  'privacy:read',
  'privacy:write',
  'webhooks:read',
  'webhooks:write',
  'locations:read',
] as const;

export type ApiScope = (typeof apiScopes)[number];

const prefix = 'pb_';
const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** 62^43 is above 2^256, and 62^6 above 2^32. */
const secretChars = 43;
const checksumChars = 6;
const form = new RegExp(`^${prefix}[0-9A-Za-z]{${secretChars + checksumChars}}$`);

/** Generates an API token: a prefix, 256 random bits and a checksum, so that scanners for leaked secrets recognise it without asking us. */
export function generateApiToken(random: RandomSource): string {
  const secret = prefix + toBase62(BigInt(`0x${random(32).toString('hex')}`), secretChars);
  return secret + computeChecksum(secret);
}

/** Returns whether a text has the form and the checksum of an API token of ours: it is not an attempt at a token of another kind. */
export function isApiToken(text: string): boolean {
  const secret = text.slice(0, -checksumChars);
  return form.test(text) && text === secret + computeChecksum(secret);
}

/** Hashes an API token for storage. Its 256 random bits make a slow hash, or one with a key, unnecessary. */
export function hashApiToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

function computeChecksum(secret: string): string {
  return toBase62(BigInt(crc32(secret)), checksumChars);
}

function toBase62(value: bigint, length: number): string {
  let text = '';
  for (let rest = value; text.length < length; rest /= 62n) text = digits[Number(rest % 62n)] + text;
  return text;
}
