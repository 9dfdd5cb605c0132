import type { IncomingHttpHeaders } from 'node:http';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import { AppError } from '../core/errors.ts';
import type { RandomSource } from '../core/ids.ts';

/** A Standard Webhooks secret: `whsec_` and base64. The standard asks for 24 to 64 bytes; existing far sides have 16. */
export function isSigningSecret(secret: string): boolean {
  const match = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret);
  const bytes = Buffer.from(match?.[1] ?? '', 'base64').length;
  return bytes >= 16 && bytes <= 64;
}

/** A new one, for both sides to keep. */
export function newSigningSecret(random: RandomSource): string {
  return `whsec_${random(32).toString('base64')}`;
}

/** The three headers that prove that we sent `body`. `id` is the same on every attempt, so that the far side can drop repeats. */
export function signatureHeaders(secret: string, id: string, at: Date, body: string): Record<string, string> {
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': new Webhook(secret).sign(id, at, body),
  };
}

/**
 * Proves that whoever called knows the secret, over the raw bytes and not more than five minutes ago.
 *
 * @throws AppError `signature_invalid`
 */
export function requireSignature(secret: string, headers: IncomingHttpHeaders, body: Buffer): void {
  try {
    new Webhook(secret).verify(body.toString('utf8'), headers as Record<string, string>, { jsonParse: false });
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error;
    throw new AppError(
      'signature_invalid',
      'The Standard Webhooks signature is missing, wrong or more than five minutes old.',
      { cause: error },
    );
  }
}
