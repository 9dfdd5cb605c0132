import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { systemClock } from '../core/clock.ts';
import { AppError } from '../core/errors.ts';
import type { RandomSource } from '../core/ids.ts';

/**
 * Returns whether a text is a Standard Webhooks secret: `whsec_` and base64. The standard asks for 24 to 64 bytes; existing vendors have
 * 16.
 */
export function isSigningSecret(secret: string): boolean {
  const match = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret);
  const bytes = Buffer.from(match?.[1] ?? '', 'base64').length;
  return bytes >= 16 && bytes <= 64;
}

/** Generates a secret for both sides. */
export function generateSigningSecret(random: RandomSource): string {
  return `whsec_${random(32).toString('base64')}`;
}

/**
 * Creates the three headers that prove that we sent `body`. `id` is the same on every attempt, so that the vendor can drop repeats.
 *
 * @param secrets more than one while a replaced secret is still valid: the receiver needs to know one of them
 */
export function createSignatureHeaders(secrets: readonly string[], id: string, at: Date, body: string): Record<string, string> {
  const timestamp = String(Math.floor(at.getTime() / 1000));
  const signatures = secrets.map(
    (secret) => `v1,${computeSignature(secret, id, timestamp, Buffer.from(body)).toString('base64')}`,
  );
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') };
}

const toleranceMs = 5 * 60 * 1000;

/**
 * Verifies that the caller knows one of the secrets, over the raw bytes and at most five minutes ago (Standard Webhooks).
 *
 * @throws AppError `signature_invalid`
 */
export function requireSignature(
  secrets: readonly string[],
  headers: IncomingHttpHeaders,
  body: Buffer,
  nowMs = systemClock.now(),
): void {
  const [id, timestamp, signatures] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) => headers[name]);
  const isComplete = typeof id === 'string' && typeof timestamp === 'string' && typeof signatures === 'string';
  const isFresh = isComplete && /^\d{1,12}$/.test(timestamp) && Math.abs(nowMs - Number(timestamp) * 1000) <= toleranceMs;
  if (isFresh && secrets.some((secret) => isSignedWith(secret, id, timestamp, signatures, body))) return;
  throw new AppError('signature_invalid', 'The Standard Webhooks signature is missing, wrong or more than five minutes old.');
}

function isSignedWith(secret: string, id: string, timestamp: string, signatures: string, body: Buffer): boolean {
  const expected = computeSignature(secret, id, timestamp, body);
  return signatures.split(' ').some((versioned) => {
    const [version, signature = ''] = versioned.split(',');
    const given = Buffer.from(signature, 'base64');
    return version === 'v1' && given.length === expected.length && timingSafeEqual(given, expected);
  });
}

/** Computes a signature over raw bytes: as text, bytes that are not UTF-8 would be signed as others. */
function computeSignature(secret: string, id: string, timestamp: string, body: Buffer): Buffer {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  return createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest();
}
