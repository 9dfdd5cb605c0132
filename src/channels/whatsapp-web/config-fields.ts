import * as z from 'zod';
import { createBaseAddressField } from '../web-address.ts';

/** Builds the field of a server's address. Such servers are often on the same machine: the operator decides whether they may be called. */
export function createServerAddress(allowPrivateTargets: boolean, placeholder: string) {
  return createBaseAddressField(allowPrivateTargets).max(300).meta({ title: 'Server address', placeholder });
}

/**
 * Builds the field of a secret without blanks: a copied line break would make every request fail.
 *
 * @param minChars for a secret that proves who sends us webhooks; others are as long as their server made them
 */
export function createSecret(minChars = 1) {
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
