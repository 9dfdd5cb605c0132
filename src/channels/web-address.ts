import * as z from 'zod';
import { isPrivateHost } from '../runtime/outbound-http.ts';

/**
 * Creates the field for a web address that a person enters.
 *
 * @param allowPrivateTargets accepts private addresses and plain http
 */
export function createWebAddressField(allowPrivateTargets: boolean) {
  return z
    .url({ protocol: /^https?$/, error: 'must be an http or https address' })
    .refine((url) => allowPrivateTargets || url.startsWith('https:'), {
      error: 'must start with https://',
      params: { code: 'https' },
    })
    .refine((url) => allowPrivateTargets || !isPrivateHost(new URL(url).hostname), {
      error: 'must not be a private or reserved address',
      params: { code: 'private' },
    });
}

/**
 * Creates the field for the base address of an API, to which paths are added: without a query, and without a slash at its end.
 *
 * @param endings of the path that people copy along and that are cut off, such as `/v2`
 */
export function createBaseAddressField(allowPrivateTargets: boolean, endings: readonly string[] = []) {
  return createWebAddressField(allowPrivateTargets)
    .refine((url) => !/[?#@]/.test(url), { error: 'must have no query, fragment or password', params: { code: 'plain' } })
    .overwrite((url) => trimEnding(url, endings));
}

function trimEnding(url: string, endings: readonly string[]): string {
  let end = url.length;
  while (url[end - 1] === '/') end -= 1;
  const base = url.slice(0, end);
  const ending = endings.find((one) => base.endsWith(one));
  return ending ? base.slice(0, -ending.length) : base;
}
