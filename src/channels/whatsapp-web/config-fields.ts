import * as z from 'zod';
import { isPrivateHost } from '../../runtime/outbound-http.ts';

/** Builds the field of a server's address. Such servers are often on the same machine: the operator decides whether they may be called. */
export function createServerAddress(allowPrivateTargets: boolean, placeholder: string) {
  return z
    .url({ protocol: /^https?$/, error: 'must be an http or https address' })
    .max(300)
    .refine((url) => allowPrivateTargets || url.startsWith('https:'), {
      error: 'must start with https://',
      params: { code: 'https' },
    })
    .refine((url) => allowPrivateTargets || !isPrivateHost(new URL(url).hostname), {
      error: 'must not be a private or reserved address',
      params: { code: 'private' },
    })
    .refine((url) => !/[?#]/.test(url) && new URL(url).username === '', {
      error: 'must have neither a query nor a password',
      params: { code: 'plain' },
    })
    .meta({ title: 'Server address', placeholder });
}

/** Builds the field of a secret without blanks: a copied line break would make every request fail. */
export function createSecret(minChars: number) {
  return z
    .string()
    .trim()
    .min(minChars)
    .max(300)
    .regex(/^[\x21-\x7e]+$/, { error: 'must not have blanks or letters with accents' });
}

/** Builds the field of the phone that is paired by a code instead of a picture. */
export function createPairingPhone() {
  return z
    .string()
    .trim()
    .regex(/^\+?[1-9]\d{6,14}$/, { error: 'must be a number with its country code' })
    .optional()
    .meta({
      title: 'Number to pair by code',
      description: 'With it, the pairing page shows a code to type into the phone as well as the QR code.',
      advanced: true,
    });
}
