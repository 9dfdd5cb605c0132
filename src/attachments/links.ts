import { createHash, createHmac, hkdfSync } from 'node:crypto';

/** The addresses under which kept files are offered. */
export interface AttachmentLinks {
  /** The secret part of a file's address: 32 bytes, base64url, the same each time, so that a repeated post names the same address. */
  deriveSecret(id: string): string;
  toUrl(id: string, name: string): string;
}

/**
 * Addresses that nobody can guess or make from what the database holds: each is a MAC of the file's id under a key that only this
 * program has. The database keeps a hash, so an address outlives a rotation of the key.
 */
export function createAttachmentLinks(encryptionKey: Buffer, appUrl: string): AttachmentLinks {
  const key = Buffer.from(hkdfSync('sha256', encryptionKey, '', 'addresses of kept files', 32));
  const deriveSecret = (id: string) => createHmac('sha256', key).update(id).digest('base64url');
  return { deriveSecret, toUrl: (id, name) => `${appUrl}/media/${deriveSecret(id)}/${encodeURIComponent(name)}` };
}

/** What the database keeps of a secret. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
