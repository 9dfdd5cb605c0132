import { createHmac } from 'node:crypto';
import { systemClock } from '../../core/clock.ts';
import { AppError } from '../../core/errors.ts';
import { toId } from '../../core/foreign.ts';
import { safeEqual } from '../../core/safe-equal.ts';

/** Proof of a webhook: in its body. */
export interface WebhookProof {
  readonly timestamp: string;
  readonly token: string;
  readonly signature: string;
}

/** Mailgun repeats a webhook for up to eight hours; whether with a new time is not documented. */
const maxAgeMs = 9 * 60 * 60 * 1000;
const maxAheadMs = 15 * 60 * 1000;

/** Reads the proof of a webhook; empty texts where it is missing. */
export function readProof(fields: Record<string, unknown>): WebhookProof {
  return {
    timestamp: toId(fields.timestamp) ?? '',
    token: toId(fields.token) ?? '',
    signature: toId(fields.signature) ?? '',
  };
}

/** Computes Mailgun's signature: HMAC-SHA256 over time and token, in hexadecimal. */
export function computeSignature(signingKey: string, timestamp: string, token: string): string {
  return createHmac('sha256', signingKey)
    .update(timestamp + token)
    .digest('hex');
}

/**
 * Verifies that Mailgun has sent a webhook, within the time of its repeats. The signature does not cover the content, so the token is
 * remembered as well.
 *
 * @param signingKeys the current one, and the previous one while it is still valid
 * @throws AppError `signature_invalid`
 */
export function requireMailgunSignature(
  signingKeys: readonly string[],
  { timestamp, token, signature }: WebhookProof,
  nowMs = systemClock.now(),
): void {
  const ageMs = nowMs - Number(timestamp) * 1000;
  const isComplete = /^\d{9,12}$/.test(timestamp) && token.length >= 16 && token.length <= 200;
  const isSigned =
    isComplete && signingKeys.some((key) => safeEqual(signature.toLowerCase(), computeSignature(key, timestamp, token)));
  if (isSigned && ageMs <= maxAgeMs && ageMs >= -maxAheadMs) return;
  throw new AppError(
    'signature_invalid',
    isSigned
      ? 'The webhook is older than nine hours, or its time is ahead: check the clock of this machine.'
      : 'The webhook does not have the signature of Mailgun: check that the webhook signing key is that of this Mailgun account.',
  );
}

const maxTokens = 20_000;

export type TokenGuard = ReturnType<typeof createTokenGuard>;

/**
 * Creates the memory of the tokens that this process has seen, each with the content that was stored with it. A token with another content is
 * forged: a webhook was read on its way, and the token taken from it. A repeat has the same content, and changes no row.
 */
export function createTokenGuard() {
  const contents = new Map<string, string>();
  return {
    /** @throws AppError `signature_invalid` */
    requireSameContent(token: string, content: string): void {
      const known = contents.get(token);
      if (known === undefined || known === content) return;
      throw new AppError('signature_invalid', 'The token of this webhook was used before, with another content.');
    },
    remember(token: string, content: string): void {
      contents.set(token, content);
      const [oldest] = contents.keys();
      if (contents.size > maxTokens && oldest !== undefined) contents.delete(oldest);
    },
  };
}
