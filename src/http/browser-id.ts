import type { Request, Response } from 'express';
import type { RandomSource } from '../core/ids.ts';
import { readCookie, toCookieName } from './cookies.ts';

const hourMs = 60 * 60 * 1000;

/** A secret that one browser has for an hour, to which the `state` of an OAuth authorization is bound. */
export interface BrowserId {
  read(request: Request): string | undefined;
  /** Reads it, or makes one, and keeps it for another hour. */
  keep(request: Request, response: Response): string;
}

export interface BrowserIdDeps {
  random: RandomSource;
  appUrl: string;
}

/** Creates the access to the secret of a browser, in a cookie. */
export function createBrowserId({ random, appUrl }: BrowserIdDeps): BrowserId {
  const https = appUrl.startsWith('https:');
  const name = toCookieName('patchbay', { path: '/', https });
  // The authorization page leads back by a link, for which browsers omit a `strict` cookie.
  const options = { path: '/', httpOnly: true, sameSite: 'lax', secure: https, maxAge: hourMs } as const;
  return {
    read: (request) => readCookie(request, name),
    keep(request, response) {
      const id = readCookie(request, name) ?? random(32).toString('base64url');
      response.cookie(name, id, options);
      return id;
    },
  };
}
