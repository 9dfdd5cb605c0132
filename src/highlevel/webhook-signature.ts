import { type KeyObject, verify } from 'node:crypto';
import { AppError } from '../core/errors.ts';

/**
 * Proves that HighLevel sent these very bytes (`X-GHL-Signature`, Ed25519, platform.md 1.3 and 1.4). Missing, empty and the literal
 * `N/A` are all no signature.
 *
 * @param keys HighLevel's public keys; several while it rotates
 * @throws AppError `signature_invalid`
 */
export function requireHighLevelSignature(keys: readonly KeyObject[], header: unknown, body: Buffer): void {
  if (typeof header !== 'string' || header === '' || header === 'N/A') throw invalid('carries no signature');
  const signature = Buffer.from(header, 'base64');
  if (signature.length !== 64 || !keys.some((key) => verify(null, body, key, signature))) {
    throw invalid('carries a signature that does not fit its body');
  }
}

function invalid(what: string): AppError {
  return new AppError('signature_invalid', `The request ${what}. Only HighLevel's signed webhooks are taken.`);
}
