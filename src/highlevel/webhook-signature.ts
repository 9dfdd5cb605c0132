import { type KeyObject, verify } from 'node:crypto';
import { AppError } from '../core/errors.ts';

/** HighLevel's published key for webhooks and Delivery URLs (platform.md 1.1), base64 of its SPKI. */
export const publishedWebhookKey = 'MCowBQYDK2VwAyEAi2HR1srL4o18O8BRa7gVJY7G7bupbN3H9AwJrHCDiOg=';

/** Returns whether a key is HighLevel's published one. */
export function isPublishedKey(key: KeyObject): boolean {
  return key.export({ type: 'spki', format: 'der' }).toString('base64') === publishedWebhookKey;
}

/**
 * Reads the header `X-GHL-Signature` (Ed25519, platform.md 1.3), before the body is read. Missing, empty and the literal `N/A` all mean no
 * signature.
 *
 * @throws AppError `signature_invalid`
 */
export function readSignatureHeader(header: unknown): Buffer {
  if (typeof header !== 'string' || header === '' || header === 'N/A') throw toSignatureError('carries no signature');
  const signature = Buffer.from(header, 'base64');
  if (signature.length !== 64) throw toSignatureError('carries a signature of the wrong length');
  return signature;
}

/**
 * Verifies that HighLevel sent these very bytes (platform.md 1.4). Long bodies are hashed off the event loop, as a stranger can send them.
 *
 * @param keys HighLevel's public keys; several while it rotates
 * @throws AppError `signature_invalid`
 */
export async function requireHighLevelSignature(keys: readonly KeyObject[], signature: Buffer, body: Buffer): Promise<void> {
  for (const key of keys) {
    const isLong = body.length > threadPoolMinBytes;
    if (isLong ? await verifyInThreadPool(key, signature, body) : verify(null, body, key, signature)) return;
  }
  throw toSignatureError('carries a signature that does not fit its body');
}

/** Size from which hashing takes longer than the handover to another thread. */
const threadPoolMinBytes = 64 * 1024;

function verifyInThreadPool(key: KeyObject, signature: Buffer, body: Buffer): Promise<boolean> {
  return new Promise((resolve, reject) => {
    verify(null, body, key, signature, (error, isRight) => (error ? reject(error) : resolve(isRight)));
  });
}

function toSignatureError(problem: string): AppError {
  return new AppError('signature_invalid', `The request ${problem}. Only HighLevel's signed webhooks are taken.`);
}
