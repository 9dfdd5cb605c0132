import { createHash, createHmac, hkdfSync } from 'node:crypto';

/** URLs of stored attachments. */
export interface AttachmentLinks {
  /** Derives the secret part of a file's URL: 32 bytes, base64url, the same each time, so that a repeated post has the same URL. */
  deriveSecret(id: string): string;
  toUrl(id: string, name: string): string;
}

/**
 * Creates links that can't be derived without the key, not even from the database: each is a MAC of the file's id under a key that only
 * this program has. The database stores a hash, so a URL outlives a rotation of the key.
 */
export function createAttachmentLinks(encryptionKey: Buffer, appUrl: string): AttachmentLinks {
  const key = Buffer.from(hkdfSync('sha256', encryptionKey, '', 'addresses of kept files', 32));
  const deriveSecret = (id: string) => createHmac('sha256', key).update(id).digest('base64url');
  return { deriveSecret, toUrl: (id, name) => `${appUrl}/media/${deriveSecret(id)}/${encodeURIComponent(name)}` };
}

/** Hashes a secret for the database. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
