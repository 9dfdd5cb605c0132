import { createHmac } from 'node:crypto';
import type { Request, Response } from 'express';
import type { RandomSource } from '../../core/ids.ts';
import { safeEqual } from '../../core/safe-equal.ts';
import { readCookie, toCookieName } from '../cookies.ts';
import { createCsrfError, csrfField, isCrossSite } from './csrf.ts';

export interface SignInFormDeps {
  random: RandomSource;
  /** The first signs; all verify. */
  sessionSecrets: readonly string[];
  appUrl: string;
}

const formTtlMs = 60 * 60 * 1000;

/** Creates a CSRF check for the sign-in form that needs no session, so that page views by strangers do not write to the database. */
export function createSignInForm(deps: SignInFormDeps) {
  const options = { path: '/', https: deps.appUrl.startsWith('https:') };
  const name = toCookieName('patchbay_sign_in', options);
  const cookie = { path: options.path, httpOnly: true, sameSite: 'strict', secure: options.https } as const;
  const createBinding = (secret: string, nonce: string) =>
    createHmac('sha256', secret).update(`patchbay/sign-in/${nonce}`).digest('base64url');

  return {
    /** Returns the form's hidden fields and sets the cookie that they match. */
    fields(response: Response): Record<string, string> {
      const nonce = readCookie(response.req, name) ?? deps.random(16).toString('base64url');
      response.cookie(name, nonce, { ...cookie, maxAge: formTtlMs });
      return { [csrfField]: createBinding(deps.sessionSecrets[0] ?? '', nonce) };
    },
    /** @throws AppError `csrf_invalid` */
    verify(request: Request): void {
      const nonce = readCookie(request, name);
      const given = request.body?.[csrfField];
      const isOurs =
        nonce !== undefined &&
        typeof given === 'string' &&
        deps.sessionSecrets.some((secret) => safeEqual(given, createBinding(secret, nonce)));
      if (!isOurs || isCrossSite(request)) throw createCsrfError();
    },
    clear(response: Response): void {
      response.clearCookie(name, cookie);
    },
  };
}
