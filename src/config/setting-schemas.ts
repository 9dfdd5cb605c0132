import { createPublicKey, type KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import * as z from 'zod';
import { stripDisplayName } from '../core/address.ts';
import { parseWithAllDigits, requiredText } from '../core/foreign.ts';

// Schemas of the settings' texts, and the values that they are parsed to.

export const frameSource = /^https?:\/\/(\*\.)?[A-Za-z0-9.-]+(:\d+)?$/;

const countTrailingSlashes = (url: string) => [...url].reverse().findIndex((letter) => letter !== '/');

export const parseList = (text: string) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);

/** Names of npm packages; a path or a URL is not one. */
export const packageNames = z
  .string()
  .transform(parseList)
  .refine((names) => names.every((name) => /^(@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/.test(name)), {
    error: 'must be names of npm packages, separated by commas',
  })
  .refine((names) => new Set(names).size === names.length, { error: 'names a package twice' });

export const anyWebAddress = z.url({ protocol: /^https?$/, error: 'must be an http or https address' });
export const webAddress = anyWebAddress.transform((url) =>
  url.endsWith('/') ? url.slice(0, url.length - countTrailingSlashes(url)) : url,
);

export const databaseAddress = z
  .string()
  .regex(/^postgres(ql)?:\/\//, 'must be a postgresql:// address')
  .refine((url) => !/[?&]schema=(?!public\b)/.test(url), {
    error: 'can’t name a schema: set the search_path of the database user (ALTER ROLE ... SET search_path)',
  });

export const flag = z
  .enum(['true', 'false', '1', '0', 'yes', 'no'], { error: 'must be true or false' })
  .transform((word) => ['true', '1', 'yes'].includes(word));

export const providers = z
  .string()
  .transform((text, context): unknown => {
    try {
      return parseWithAllDigits(text);
    } catch {
      context.addIssue({ code: 'custom', message: 'must be a JSON list such as [{"key":"sms","id":"…","kind":"sms"}]' });
      return z.NEVER;
    }
  })
  .pipe(
    z.array(
      z.object({
        key: z
          .string()
          .trim()
          .regex(/^[a-z0-9-]{1,64}$/, 'must be of lower-case letters, digits and dashes'),
        id: requiredText(128),
        kind: z.enum(['sms', 'sms-extra', 'email', 'email-extra', 'call']),
      }),
    ),
  )
  .refine((all) => new Set(all.map(({ key }) => key)).size === all.length, { error: 'has a key twice' });

/** Trusted proxies: their number, or their addresses, ranges and kinds of networks. */
export const trustProxy = z.string().transform((text, context): number | string[] => {
  if (/^\d{1,2}$/.test(text.trim())) return Number(text);
  const all = parseList(text);
  if (all.length > 0 && all.every(isNetwork)) return all;
  context.addIssue({
    code: 'custom',
    message: 'must be a number of proxies, or addresses and ranges such as 203.0.113.0/24, separated by commas',
  });
  return z.NEVER;
});

function isNetwork(text: string): boolean {
  if (['loopback', 'linklocal', 'uniquelocal'].includes(text)) return true;
  const [address = '', bits, ...rest] = text.split('/');
  const maxBits = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  return (
    rest.length === 0 &&
    (bits === undefined ? maxBits > 0 : /^\d{1,3}$/.test(bits) && Number(bits) > 0 && Number(bits) <= maxBits)
  );
}

const [pemBegin, pemEnd] = ['-----BEGIN PUBLIC KEY-----', '-----END PUBLIC KEY-----'];

/** Finds the PEM blocks in a text. */
function findPemBlocks(text: string): string[] {
  const [, ...parts] = text.split(pemBegin);
  return parts.filter((part) => part.includes(pemEnd)).map((part) => `${pemBegin}${part.split(pemEnd, 1)[0]}${pemEnd}`);
}

export const publicKeys = z.string().transform((text, context): KeyObject[] => {
  const pem = findPemBlocks(text.replaceAll('\\n', '\n'));
  try {
    return (pem.length > 0 ? pem : parseList(text)).map((key) => {
      const parsed =
        pem.length > 0
          ? createPublicKey(key)
          : createPublicKey({ key: Buffer.from(key, 'base64'), format: 'der', type: 'spki' });
      if (parsed.asymmetricKeyType !== 'ed25519') throw new TypeError('not Ed25519');
      return parsed;
    });
  } catch {
    context.addIssue({
      code: 'custom',
      message: 'must be Ed25519 public keys: PEM blocks, or base64 SPKI separated by commas',
    });
    return z.NEVER;
  }
});

export const encryptionKeys = z.string().transform((text, context): Buffer[] => {
  const keys = parseList(text).map((key) => Buffer.from(key, 'base64'));
  if (keys.length > 0 && keys.every((key) => key.length === 32)) return keys;
  context.addIssue({
    code: 'custom',
    message: 'must be base64 of 32 bytes each, separated by commas: openssl rand -base64 32',
  });
  return z.NEVER;
});

export const secrets = z
  .string()
  .transform(parseList)
  .refine((all) => all.length > 0 && all.every((secret) => secret.length >= 16), {
    error: 'must be of at least 16 characters each',
  });

/** Mail addresses, checked loosely: the mail server rejects the rest. */
export const mailAddresses = z
  .string()
  .refine(
    (text) => parseList(text).length > 0 && parseList(text).every((one) => /^[^@\s]+@[^@\s]+$/.test(stripDisplayName(one))),
    {
      error: 'must be mail addresses, separated by commas',
    },
  );

export const wholeNumber = (min: number, max: number) =>
  z.coerce
    .number({ error: `must be a whole number from ${min} to ${max}` })
    .int()
    .min(min)
    .max(max);

export const fraction = (min: number, max: number) =>
  z.coerce
    .number({ error: `must be a number from ${min} to ${max}` })
    .min(min)
    .max(max);
