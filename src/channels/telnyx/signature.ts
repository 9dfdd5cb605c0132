import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { AppError } from '../../core/errors.ts';
import type { WebhookRequest } from '../channel.ts';

export const signatureHeader = 'telnyx-signature-ed25519';
export const timestampHeader = 'telnyx-timestamp';

/** Difference of the clocks, and the age of a webhook, that are accepted. */
const maxAgeSeconds = 300;

/** DER before the 32 bytes of an Ed25519 public key. */
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex');

function toKey(publicKey: string): KeyObject {
  return createPublicKey({
    key: Buffer.concat([spkiPrefix, Buffer.from(publicKey, 'base64')]),
    format: 'der',
    type: 'spki',
  });
}

/**
 * Verifies that Telnyx has sent a webhook: Ed25519 over its time, a bar and the raw bytes of its body, within five minutes of now.
 *
 * @param publicKeys the current one, and the previous one while it is still valid
 * @throws AppError `signature_invalid`
 */
export function requireTelnyxSignature(
  publicKeys: readonly string[],
  request: Pick<WebhookRequest, 'headers' | 'body'>,
  nowMs: number,
): void {
  const [given, timestamp] = [request.headers[signatureHeader], request.headers[timestampHeader]];
  if (typeof given !== 'string' || typeof timestamp !== 'string' || !/^\d{1,12}$/.test(timestamp)) {
    throw new AppError('signature_invalid', `The webhook lacks ${signatureHeader} or ${timestampHeader}.`);
  }
  const signature = Buffer.from(given, 'base64');
  const signed = Buffer.concat([Buffer.from(`${timestamp}|`), request.body]);
  const isSigned = signature.length === 64 && publicKeys.some((key) => verify(null, signed, toKey(key), signature));
  if (!isSigned) {
    const reason =
      'The signature of the webhook does not fit the public key. A messaging profile with the webhook API version 1 signs otherwise.';
    throw new AppError('signature_invalid', reason);
  }
  if (Math.abs(nowMs / 1000 - Number(timestamp)) > maxAgeSeconds) {
    throw new AppError('signature_invalid', 'The webhook is older than five minutes, or the clocks differ by more.');
  }
}
