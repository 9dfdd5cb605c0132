import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import { type Clock, systemClock } from './clock.ts';
import { AppError } from './errors.ts';
import type { RandomSource } from './ids.ts';

/** Seals secrets for the database and opens them again. */
export interface SecretBox {
  /** @param aad the row and column it belongs to: moved to another row it no longer opens */
  seal(secret: string, aad: string): string;
  /** @throws AppError `secret_unreadable`: no key of the ring fits, another row's secret, or damaged */
  open(sealed: string, aad: string): string;
  /** The same secret under the newest key; what is under it already stays as it is. @throws AppError as `open` */
  reencrypt(sealed: string, aad: string): string;
  /** Forgets what was opened of a row: its secrets are to be in no memory any more. @param aadPrefix how their additional data begins */
  evict(aadPrefix: string): void;
  /** How everything begins that the newest key has sealed, and nothing else does. */
  readonly currentKeyPrefix: string;
}

const version = 'v1';
/** A busy location's token and config are needed for each of its messages. */
const maxCachedSecrets = 1_000;
/** Another process may have disconnected it meanwhile; then it is not opened here any more. */
const cacheTtlMs = 10 * 60 * 1000;

/**
 * A box over AES-256-GCM with a ring of keys: the first seals, all open.
 *
 * Sealed form: `v1.<key id>.<nonce>.<ciphertext and tag>`, base64url. The key id says which key of the ring to take, so that a
 * rotation needs no trial.
 *
 * @param keys 32 bytes each, newest first
 */
export function createSecretBox(keys: readonly Buffer[], random: RandomSource, clock: Clock = systemClock): SecretBox {
  const ring = new Map(keys.map((key) => [toKeyId(key), key]));
  const [currentKey] = keys;
  if (!currentKey || keys.some((key) => key.length !== 32)) {
    throw new AppError('internal', 'The key ring needs at least one key, each of 32 bytes.');
  }

  const currentKeyId = toKeyId(currentKey);
  /** By aad, the one opened last at the end: of a secret that was changed only the new one stays. */
  const cache = new Map<string, { sealed: string; secret: string; openedAt: number }>();

  const currentKeyPrefix = `${version}.${currentKeyId}.`;
  const box: SecretBox = {
    currentKeyPrefix,

    seal(secret, aad) {
      const nonce = random(12);
      const cipher = createCipheriv('aes-256-gcm', currentKey, nonce).setAAD(Buffer.from(aad));
      const sealed = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final(), cipher.getAuthTag()]);
      return [version, currentKeyId, nonce.toString('base64url'), sealed.toString('base64url')].join('.');
    },

    open(sealed, aad) {
      const cached = cache.get(aad);
      const secret = cached?.sealed === sealed ? cached.secret : decrypt(sealed, aad);
      cache.delete(aad);
      cache.set(aad, { sealed, secret, openedAt: clock.now() });
      evictExpired();
      return secret;
    },

    evict(aadPrefix) {
      for (const aad of cache.keys()) if (aad.startsWith(aadPrefix)) cache.delete(aad);
    },

    reencrypt(sealed, aad) {
      const secret = box.open(sealed, aad);
      return sealed.startsWith(currentKeyPrefix) ? sealed : box.seal(secret, aad);
    },
  };

  function evictExpired(): void {
    const before = clock.now() - cacheTtlMs;
    for (const [aad, { openedAt }] of cache) {
      if (openedAt >= before && cache.size <= maxCachedSecrets) return;
      cache.delete(aad);
    }
  }

  function decrypt(sealed: string, aad: string): string {
    const [form, id, nonce, body] = sealed.split('.');
    const key = ring.get(id ?? '');
    if (form !== version || !key) throw unreadableError('none of ENCRYPTION_KEYS sealed it');
    const bytes = Buffer.from(body ?? '', 'base64url');
    try {
      const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(nonce ?? '', 'base64url'))
        .setAAD(Buffer.from(aad))
        .setAuthTag(bytes.subarray(-16));
      return Buffer.concat([decipher.update(bytes.subarray(0, -16)), decipher.final()]).toString('utf8');
    } catch (cause) {
      throw unreadableError('it is damaged or belongs to another row', cause);
    }
  }

  return box;
}

/** Names a key without giving it away. */
function toKeyId(key: Buffer): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 8);
}

function unreadableError(reason: string, cause?: unknown): AppError {
  return new AppError('secret_unreadable', `A stored secret can't be opened: ${reason}.`, { cause });
}
