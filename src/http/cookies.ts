import type { Request } from 'express';

/**
 * Names a cookie so that a browser accepts it over https alone, and for path `/` from this host alone: a page of a neighbouring subdomain
 * cannot set it.
 */
export function toCookieName(name: string, { path, https }: { path: string; https: boolean }): string {
  if (!https) return name;
  return path === '/' ? `__Host-${name}` : `__Secure-${name}`;
}

/** Reads one cookie of a request. @returns undefined if it is missing or malformed */
export function readCookie(request: Request, name: string): string | undefined {
  const value = request.headers.cookie?.match(new RegExp(`(?:^|; )${name}=([^;]*)`))?.[1];
  try {
    return value === undefined ? undefined : decodeURIComponent(value);
  } catch {
    return undefined;
  }
}
