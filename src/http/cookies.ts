import type { Request } from 'express';

/**
 * Names a cookie so that a browser takes it over https alone, and for path `/` from no other host either: a page of a neighbouring
 * subdomain can't plant one of ours.
 */
export function toCookieName(name: string, { path, https }: { path: string; https: boolean }): string {
  if (!https) return name;
  return path === '/' ? `__Host-${name}` : `__Secure-${name}`;
}

/** Reads one cookie of a request. @returns undefined where there is none, or none that we wrote */
export function readCookie(request: Request, name: string): string | undefined {
  const value = request.headers.cookie?.match(new RegExp(`(?:^|; )${name}=([^;]*)`))?.[1];
  try {
    return value === undefined ? undefined : decodeURIComponent(value);
  } catch {
    return undefined;
  }
}
