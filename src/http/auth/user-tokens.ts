import { createHmac } from 'node:crypto';
import { errors, jwtVerify, SignJWT } from 'jose';
import type * as z from 'zod';
import { type Clock, dateNow } from '../../core/clock.ts';
import type { NewId } from '../../core/ids.ts';

/** Purpose of a token: a token for the API is not valid as a progress ticket, and vice versa. */
type Audience = 'patchbay/api' | 'patchbay/install-progress';

export interface TokenDeps {
  clock: Clock;
  newId: NewId;
  /** The first signs, all verify. */
  sessionSecrets: readonly string[];
}

const algorithm = 'HS256';

/** Signs a token of our own. @returns the token and its expiry */
export async function signToken(
  deps: TokenDeps,
  audience: Audience,
  claims: Record<string, unknown>,
  ttlMs: number,
): Promise<{ token: string; expiresAt: Date }> {
  const now = dateNow(deps.clock);
  // Tokens count in seconds.
  const expiresAt = new Date(Math.floor((now.getTime() + ttlMs) / 1000) * 1000);
  const token = await new SignJWT(claims)
    .setProtectedHeader({ alg: algorithm })
    .setIssuer('patchbay')
    .setAudience(audience)
    .setJti(deps.newId())
    .setIssuedAt(now)
    .setExpirationTime(expiresAt)
    .sign(deriveKey(deps.sessionSecrets[0] ?? ''));
  return { token, expiresAt };
}

/** Reads a token of our own. @returns null for a forged or expired token, another audience, and other claims */
export async function verifyToken<Schema extends z.ZodType>(
  deps: TokenDeps,
  audience: Audience,
  token: string,
  schema: Schema,
): Promise<z.output<Schema> | null> {
  for (const secret of deps.sessionSecrets) {
    try {
      const { payload } = await jwtVerify(token, deriveKey(secret), {
        algorithms: [algorithm],
        issuer: 'patchbay',
        audience,
        requiredClaims: ['exp'],
        currentDate: dateNow(deps.clock),
      });
      return schema.safeParse(payload).data ?? null;
    } catch (error) {
      if (error instanceof errors.JWSSignatureVerificationFailed) continue;
      if (error instanceof errors.JOSEError) return null;
      throw error;
    }
  }
  return null;
}

/** Derives the signing key, because the session secret itself signs cookies only. */
function deriveKey(secret: string): Uint8Array {
  return createHmac('sha256', secret).update('patchbay tokens').digest();
}
