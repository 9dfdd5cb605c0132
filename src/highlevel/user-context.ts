import { createDecipheriv, createHash } from 'node:crypto';
import * as z from 'zod';
import { AppError } from '../core/errors.ts';
import { nestedObject, text } from '../core/foreign.ts';
import { parseContextText } from './user-context-text.ts';

/** The user of the embedded page, as HighLevel states it (platform.md 7.3). */
export interface UserContext {
  readonly userId: string;
  readonly companyId: string;
  /** Null in an agency's context. */
  readonly locationId: string | null;
  readonly role: string;
  /** The user's own kind, independent of the context: decide by `locationId`. */
  readonly type: string;
  readonly userName: string | null;
  readonly email: string | null;
  readonly whiteLabelDomain: string | null;
}

const id = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);
const word = z.string().regex(/^[A-Za-z0-9_ -]{1,40}$/);
const limitedText = (maxChars: number) => text.pipe(z.string().max(maxChars).optional());

const contextSchema = z.looseObject({
  userId: id,
  companyId: id,
  // Empty in an agency's context, in some accounts. Any other value that is no id is not HighLevel's, and would widen the access.
  activeLocation: z.union([id, z.literal('')]).nullish(),
  role: word,
  type: word,
  userName: limitedText(300),
  email: limitedText(320),
  whitelabelDetails: nestedObject(z.looseObject({ domain: limitedText(300) })),
});

/**
 * Reads the encrypted user context that the parent frame passes on.
 *
 * It has no signature, and its cipher can be tampered with (platform.md 7.4), so any text other than exactly the expected one is refused,
 * without a reason.
 *
 * @param secrets the app's shared secrets, the current one first
 * @throws AppError `app_not_configured` without secrets, `context_invalid`
 */
export function readUserContext(encrypted: string, secrets: readonly string[]): UserContext {
  if (secrets.length === 0) {
    throw new AppError('app_not_configured', 'The operator has not set the app’s shared secret yet.');
  }
  for (const secret of secrets) {
    const parsed = contextSchema.safeParse(decrypt(encrypted, secret));
    if (!parsed.success) continue;
    const { activeLocation, userName, email, whitelabelDetails, ...rest } = parsed.data;
    const { userId, companyId, role, type } = rest;
    return {
      ...{ userId, companyId, role, type },
      locationId: activeLocation || null,
      userName: userName ?? null,
      email: email ?? null,
      whiteLabelDomain: whitelabelDetails.domain ?? null,
    };
  }
  throw new AppError('context_invalid', 'It could not be verified who you are. Please reload the page.');
}

const magic = 'Salted__';
const base64 = /^[A-Za-z0-9+/]+={0,2}$/;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Decrypts CryptoJS's passphrase format, which is OpenSSL's: AES-256-CBC, key and nonce by MD5 (platform.md 7.2). @returns undefined on
 * failure
 */
function decrypt(encrypted: string, secret: string): unknown {
  if (!base64.test(encrypted)) return undefined;
  const bytes = Buffer.from(encrypted, 'base64');
  if (bytes.subarray(0, 8).toString('latin1') !== magic) return undefined;
  const { key, iv } = deriveKey(secret, bytes.subarray(8, 16));
  try {
    const decipher = createDecipheriv('aes-256-cbc', key, iv);
    const plain = Buffer.concat([decipher.update(bytes.subarray(16)), decipher.final()]);
    return parseContextText(utf8.decode(plain));
  } catch {
    // Another secret, or not a context at all: the caller reports both alike.
    return undefined;
  }
}

/** Derives key and nonce by OpenSSL's EVP_BytesToKey with MD5 and one round. */
function deriveKey(secret: string, salt: Buffer): { key: Buffer; iv: Buffer } {
  const blocks: Buffer[] = [];
  for (let count = 0; count < 3; count++) {
    const previous = blocks.at(-1) ?? Buffer.alloc(0);
    blocks.push(createHash('md5').update(previous).update(secret, 'utf8').update(salt).digest());
  }
  const bytes = Buffer.concat(blocks);
  return { key: bytes.subarray(0, 32), iv: bytes.subarray(32, 48) };
}
