import { createHmac } from 'node:crypto';
import { AppError } from '../../core/errors.ts';
import { safeEqual } from '../../core/safe-equal.ts';
import type { WebhookRequest } from '../channel.ts';

export const signatureHeader = 'x-signature';
const timestampHeader = 'x-timestamp';

/** Difference of the clocks, and the age of a webhook, that are accepted. The phone signs each attempt anew, also of an old event. */
const maxAgeSeconds = 300;

/** Computes the signature of a webhook: HMAC-SHA256 over the bytes of its body, followed by its time, in hexadecimal. */
export function computeSignature(signingKey: string, body: Buffer, timestamp: string): string {
  return createHmac('sha256', signingKey).update(body).update(timestamp).digest('hex');
}

/**
 * Verifies that the phone has sent a webhook, within five minutes of now.
 *
 * @param signingKeys the current one, and the previous one while it is still valid
 * @throws AppError `signature_invalid`
 */
export function requireAndroidSignature(
  signingKeys: readonly string[],
  { headers, body }: Pick<WebhookRequest, 'headers' | 'body'>,
  nowMs: number,
): void {
  const [given, timestamp] = [headers[signatureHeader], headers[timestampHeader]];
  if (typeof given !== 'string' || typeof timestamp !== 'string' || !/^\d{1,12}$/.test(timestamp)) {
    throw new AppError('signature_invalid', `The webhook lacks ${signatureHeader} or ${timestampHeader}.`);
  }
  const isSigned = signingKeys.some((key) => safeEqual(given.toLowerCase(), computeSignature(key, body, timestamp)));
  if (!isSigned) throw new AppError('signature_invalid', 'The signature of the webhook does not fit the signing key.');
  if (Math.abs(nowMs / 1000 - Number(timestamp)) > maxAgeSeconds) {
    throw new AppError('signature_invalid', 'The webhook is older than five minutes, or the phone’s clock is wrong.');
  }
}
