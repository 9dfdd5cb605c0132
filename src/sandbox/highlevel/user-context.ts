import { createCipheriv, createHash } from 'node:crypto';
import type { RandomSource } from '../../core/ids.ts';

/** User of the embedded page (platform.md 7.3). */
export interface SimUserContext {
  userId: string;
  companyId: string;
  activeLocation?: string;
  role: string;
  type: string;
  userName: string;
  email: string;
  [name: string]: unknown;
}

/** Creates a context in HighLevel's order of fields, for any order of the given fields. */
export function createUserContext({
  activeLocation,
  ...fields
}: Partial<SimUserContext> & { companyId: string }): SimUserContext {
  const defaults = {
    userId: 'SandboxUser000000001',
    role: 'admin',
    type: 'agency',
    userName: 'Sandbox User',
    email: 'user@example.com',
  };
  const { userId, companyId, role, type, ...rest } = { ...defaults, ...fields };
  return { userId, companyId, role, type, ...(activeLocation === undefined ? {} : { activeLocation }), ...rest };
}

/** Encrypts as CryptoJS does with a passphrase, which is OpenSSL's format (platform.md 7.2). */
export function encryptUserContext(context: SimUserContext, secret: string, random: RandomSource): string {
  return encryptText(Buffer.from(JSON.stringify(context)), secret, random);
}

export function encryptText(text: Buffer, secret: string, random: RandomSource): string {
  const salt = random(8);
  let bytes = Buffer.alloc(0);
  let block = Buffer.alloc(0);
  while (bytes.length < 48) {
    block = createHash('md5')
      .update(Buffer.concat([block, Buffer.from(secret), salt]))
      .digest();
    bytes = Buffer.concat([bytes, block]);
  }
  const cipher = createCipheriv('aes-256-cbc', bytes.subarray(0, 32), bytes.subarray(32, 48));
  const encrypted = Buffer.concat([cipher.update(text), cipher.final()]);
  return Buffer.concat([Buffer.from('Salted__'), salt, encrypted]).toString('base64');
}
