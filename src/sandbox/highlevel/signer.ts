import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';

/** HighLevel's signing key. */
export interface Signer {
  /** Base64 SPKI, as the app's setting takes it. */
  publicKey: string;
  sign(body: Buffer): string;
}

/** PKCS#8 of an Ed25519 key is this prefix and its 32 bytes. */
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Creates a signer from a seed. @param seed 32 bytes */
export function createSigner(seed: Buffer): Signer {
  const key: KeyObject = createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: 'der', type: 'pkcs8' });
  return {
    publicKey: createPublicKey(key).export({ format: 'der', type: 'spki' }).toString('base64'),
    sign: (body) => sign(null, body, key).toString('base64'),
  };
}
