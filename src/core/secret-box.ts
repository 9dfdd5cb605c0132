import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import { type Clock, systemClock } from './clock.ts';
import { AppError } from './errors.ts';
import type { RandomSource } from './ids.ts';

/** Seals secrets for the database and opens them again. */
export interface SecretBox {
  /** @param aad the row and column that the secret belongs to: in another row it does not open */
  seal(secret: string, aad: string): string;
  /** @throws AppError `secret_unreadable`: no key of the ring fits, another row's secret, or damaged */
  open(sealed: string, aad: string): string;
  /** Seals the secret again with the newest key; returns it unchanged where that key has sealed it. @throws AppError as `open` */
  reencrypt(sealed: string, aad: string): string;
  /** Removes a row's opened secrets from memory. @param aadPrefix the beginning of their additional data */
  evict(aadPrefix: string): void;
  /** Prefix of all that the newest key has sealed, and of no other sealed text. */
  readonly currentKeyPrefix: string;
}

const version = 'v1';
/** Each message needs its location's token and its connection's config. */
const maxCachedSecrets = 1_000;
/** Another process may have disconnected it meanwhile; after this time the cache drops its secrets. */
const cacheTtlMs = 10 * 60 * 1000;

/**
 * Creates a box over AES-256-GCM with a ring of keys: the first seals, all open.
 *
 * Sealed form: `v1.<key id>.<nonce>.<ciphertext and tag>`, base64url. The key id names the key of the ring, so that a rotation needs no
 * trial.
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
  /** By aad, most recently opened last: of a changed secret only the new one stays. */
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
    if (form !== version || !key) throw createUnreadableError('no key of ENCRYPTION_KEYS sealed it');
    const bytes = Buffer.from(body ?? '', 'base64url');
    try {
      const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(nonce ?? '', 'base64url'))
        .setAAD(Buffer.from(aad))
        .setAuthTag(bytes.subarray(-16));
      return Buffer.concat([decipher.update(bytes.subarray(0, -16)), decipher.final()]).toString('utf8');
    } catch (cause) {
      throw createUnreadableError('it is damaged or belongs to another row', cause);
    }
  }

  return box;
}

/** Derives an id of a key that does not reveal it. */
function toKeyId(key: Buffer): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 8);
}

function createUnreadableError(reason: string, cause?: unknown): AppError {
  return new AppError('secret_unreadable', `A stored secret can't be opened: ${reason}.`, { cause });
}
