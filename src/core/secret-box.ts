import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import { type Clock, systemClock } from './clock.ts';
import { AppError } from './errors.ts';
import type { RandomSource } from './ids.ts';

/** Seals secrets for the database and opens them again. */
export interface SecretBox {
  /** @param identity the row and column it belongs to: moved to another row it no longer opens */
  seal(secret: string, identity: string): string;
  /** @throws AppError `secret_unreadable`: no key of the ring fits, another row's secret, or damaged */
  open(sealed: string, identity: string): string;
  /** The same secret under the newest key; what is under it already stays as it is. @throws AppError as `open` */
  reseal(sealed: string, identity: string): string;
  /** Forgets what was opened of a row: its secrets are to be in no memory any more. @param row how their identities begin */
  forget(row: string): void;
  /** How everything begins that the newest key has sealed, and nothing else does. */
  readonly newestBegins: string;
}

const version = 'v1';
/** A busy location's token and config are needed for each of its messages. */
const rememberAtMost = 1_000;
/** Another process may have disconnected it meanwhile; then it is not opened here any more. */
const rememberMs = 10 * 60 * 1000;

/**
 * A box over AES-256-GCM with a ring of keys: the first seals, all open.
 *
 * Sealed form: `v1.<key id>.<nonce>.<ciphertext and tag>`, base64url. The key id says which key of the ring to take, so that a
 * rotation needs no trial.
 *
 * @param keys 32 bytes each, newest first
 */
export function secretBox(keys: readonly Buffer[], random: RandomSource, clock: Clock = systemClock): SecretBox {
  const ring = new Map(keys.map((key) => [keyId(key), key]));
  const [newest] = keys;
  if (!newest || keys.some((key) => key.length !== 32)) {
    throw new AppError('internal', 'The key ring needs at least one key, each of 32 bytes.');
  }

  const newestId = keyId(newest);
  /** By identity, the one opened last at the end: of a secret that was changed only the new one stays. */
  const remembered = new Map<string, { sealed: string; secret: string; openedAt: number }>();

  const newestBegins = `${version}.${newestId}.`;
  const box: SecretBox = {
    newestBegins,

    seal(secret, identity) {
      const nonce = random(12);
      const cipher = createCipheriv('aes-256-gcm', newest, nonce).setAAD(Buffer.from(identity));
      const sealed = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final(), cipher.getAuthTag()]);
      return [version, newestId, nonce.toString('base64url'), sealed.toString('base64url')].join('.');
    },

    open(sealed, identity) {
      const known = remembered.get(identity);
      const secret = known?.sealed === sealed ? known.secret : decrypted(sealed, identity);
      remembered.delete(identity);
      remembered.set(identity, { sealed, secret, openedAt: clock.now() });
      forgetOld();
      return secret;
    },

    forget(row) {
      for (const identity of remembered.keys()) if (identity.startsWith(row)) remembered.delete(identity);
    },

    reseal(sealed, identity) {
      const secret = box.open(sealed, identity);
      return sealed.startsWith(newestBegins) ? sealed : box.seal(secret, identity);
    },
  };

  function forgetOld(): void {
    const before = clock.now() - rememberMs;
    for (const [identity, { openedAt }] of remembered) {
      if (openedAt >= before && remembered.size <= rememberAtMost) return;
      remembered.delete(identity);
    }
  }

  function decrypted(sealed: string, identity: string): string {
    const [form, id, nonce, body] = sealed.split('.');
    const key = ring.get(id ?? '');
    if (form !== version || !key) throw unreadable('none of ENCRYPTION_KEYS sealed it');
    const bytes = Buffer.from(body ?? '', 'base64url');
    try {
      const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(nonce ?? '', 'base64url'))
        .setAAD(Buffer.from(identity))
        .setAuthTag(bytes.subarray(-16));
      return Buffer.concat([decipher.update(bytes.subarray(0, -16)), decipher.final()]).toString('utf8');
    } catch (cause) {
      throw unreadable('it is damaged or belongs to another row', cause);
    }
  }

  return box;
}

/** Names a key without giving it away. */
function keyId(key: Buffer): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 8);
}

function unreadable(why: string, cause?: unknown): AppError {
  return new AppError('secret_unreadable', `A stored secret can't be opened: ${why}.`, { cause });
}
