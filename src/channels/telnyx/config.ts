import * as z from 'zod';
import { createBaseAddressField } from '../web-address.ts';

export type TelnyxConfig = z.output<ReturnType<typeof createTelnyxConfigSchema>>;

export const defaultBaseUrl = 'https://api.telnyx.com';

const phoneNumber = /^\+[1-9]\d{6,14}$/;
const shortCode = /^\d{3,8}$/;
/** Rule for names as senders: at most 11 characters, not digits only. */
const alphanumericSender = /^(?=.*[A-Za-z])[A-Za-z0-9 +\-_&]{1,11}$/;
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** 32 bytes in base64. */
const publicKey = /^[A-Za-z0-9+/]{43}=$/;

/** Returns whether Telnyx can send from an address, by its form. */
export function isSender(address: string): boolean {
  return [phoneNumber, shortCode, alphanumericSender].some((form) => form.test(address));
}

/** Returns whether a sender is a telephone number, which the account has to own. */
export function isPhoneNumber(address: string | null | undefined): address is string {
  return phoneNumber.test(address ?? '');
}

/** Returns whether a sender is a name: no contact can reply to it, and it needs a messaging profile. */
export function isName(address: string | null | undefined): boolean {
  return alphanumericSender.test(address ?? '');
}

/** Returns whether a text is an id as Telnyx makes them for messages and messaging profiles. */
export function isUuid(text: string): boolean {
  return uuid.test(text);
}

/** Removes the blanks and signs of a number that was copied from a page. */
function stripPunctuation(sender: string): string {
  return /^\+[\d\s().-]+$/.test(sender) ? sender.replace(/[\s().-]/g, '') : sender;
}

/**
 * Creates the schema of a connection's config.
 *
 * @param allowPrivateTargets lets the base URL be private and plain http, for a simulator
 */
export function createTelnyxConfigSchema(allowPrivateTargets: boolean) {
  return z
    .strictObject({
      apiKey: z
        .string()
        .trim()
        .min(1)
        .max(200)
        .meta({ title: 'API key', placeholder: 'KEY…', sensitive: true, sentTo: 'baseUrl' }),
      publicKey: z
        .string()
        .trim()
        .refine((value) => publicKey.test(value) && Buffer.from(value, 'base64').length === 32, {
          error: 'must be 32 bytes in base64: 44 characters that end in =',
          params: { code: 'format' },
        })
        .meta({ title: 'Public key', description: 'It proves that webhooks come from Telnyx.' }),
      from: z
        .string()
        .trim()
        .overwrite(stripPunctuation)
        .refine(isSender, {
          error: 'must be a number such as +12025550100, a short code, or a name of at most 11 characters',
          params: { code: 'format' },
        })
        .optional()
        .meta({ title: 'Sender', placeholder: '+12025550100' }),
      messagingProfileId: z
        .string()
        .trim()
        .refine(isUuid, { error: 'must be an id such as 4001…-…', params: { code: 'format' } })
        .optional()
        .meta({ title: 'Messaging profile ID' }),
      baseUrl: createBaseAddressField(allowPrivateTargets, ['/v2'])
        .default(defaultBaseUrl)
        .meta({ title: 'API base URL', advanced: true }),
    })
    .refine((config) => config.from !== undefined || config.messagingProfileId !== undefined, {
      path: ['from'],
      error: 'is needed, or messagingProfileId',
      params: { code: 'sender_missing' },
    })
    .refine((config) => !isName(config.from) || config.messagingProfileId !== undefined, {
      path: ['messagingProfileId'],
      error: 'is needed with a name as the sender',
      params: { code: 'with_name' },
    });
}
