import * as z from 'zod';
import { createBaseAddressField } from '../web-address.ts';

export type TwilioConfig = z.output<ReturnType<typeof createTwilioConfigSchema>>;

export const defaultBaseUrl = 'https://api.twilio.com';

const accountSid = /^AC[0-9a-fA-F]{32}$/;
const apiKeySid = /^SK[0-9a-fA-F]{32}$/;
const messagingServiceSid = /^MG[0-9a-fA-F]{32}$/;
const phoneNumber = /^\+[1-9]\d{6,14}$/;
const whatsAppAddress = /^whatsapp:\+[1-9]\d{6,14}$/;
const shortCode = /^\d{3,8}$/;
/** Twilio's rule for names as senders: at most 11 characters, not digits only. */
const alphanumericSender = /^(?=.*[A-Za-z])[A-Za-z0-9 +\-_&]{1,11}$/;

/** Returns whether a sender is a WhatsApp number. */
export function isWhatsApp(address: string | null | undefined): boolean {
  return address?.startsWith('whatsapp:') ?? false;
}

/** Returns whether a sender is a telephone number, which the account has to own. */
export function isPhoneNumber(address: string | null | undefined): address is string {
  return phoneNumber.test(address ?? '');
}

/** Returns whether a text is the id of a Messaging Service. */
export function isMessagingService(address: string | null | undefined): address is string {
  return messagingServiceSid.test(address ?? '');
}

/** Returns whether Twilio can send from an address, by its form. */
export function isSender(address: string): boolean {
  return [phoneNumber, whatsAppAddress, shortCode, alphanumericSender].some((form) => form.test(address));
}

/** Returns whether a sender is a name, to which no contact can reply. */
export function isName(address: string | undefined): boolean {
  return alphanumericSender.test(address ?? '');
}

/** Removes the blanks and signs of a number that was copied from a page. */
function stripPunctuation(sender: string): string {
  return /^(whatsapp:)?\s*\+[\d\s().-]+$/.test(sender) ? sender.replace(/[\s().-]/g, '') : sender;
}

const toPattern = (form: RegExp, error: string) => ({ error, params: { code: 'format' }, form });

function patternField({ form, error, params }: ReturnType<typeof toPattern>) {
  return z
    .string()
    .trim()
    .refine((value) => form.test(value), { error, params });
}

const secret = () => z.string().trim().min(1).max(200);

/**
 * Creates the schema of a connection's config.
 *
 * @param allowPrivateTargets lets the base URL be private and plain http, for a simulator
 */
export function createTwilioConfigSchema(allowPrivateTargets: boolean) {
  return z
    .strictObject({
      accountSid: patternField(toPattern(accountSid, 'must be AC followed by 32 hexadecimal digits')).meta({
        title: 'Account SID',
        placeholder: 'AC…',
      }),
      authToken: secret().meta({
        title: 'Auth token',
        description: 'The primary Auth Token: it also signs the webhooks.',
        sensitive: true,
        sentTo: 'baseUrl',
      }),
      from: z
        .string()
        .trim()
        .overwrite(stripPunctuation)
        .refine(isSender, {
          error:
            'must be a number such as +12025550100, whatsapp:+12025550100, a short code, or a name of at most 11 characters',
          params: { code: 'format' },
        })
        .optional()
        .meta({ title: 'Sender', placeholder: '+12025550100' }),
      messagingServiceSid: patternField(toPattern(messagingServiceSid, 'must be MG followed by 32 hexadecimal digits'))
        .optional()
        .meta({ title: 'Messaging Service SID', placeholder: 'MG…' }),
      apiKeySid: patternField(toPattern(apiKeySid, 'must be SK followed by 32 hexadecimal digits'))
        .optional()
        .meta({ title: 'API key SID', placeholder: 'SK…', advanced: true }),
      apiKeySecret: secret().optional().meta({ title: 'API key secret', sensitive: true, sentTo: 'baseUrl', advanced: true }),
      baseUrl: createBaseAddressField(allowPrivateTargets)
        .default(defaultBaseUrl)
        .meta({ title: 'API base URL', advanced: true }),
    })
    .refine((config) => config.from !== undefined || config.messagingServiceSid !== undefined, {
      path: ['from'],
      error: 'is needed, or messagingServiceSid',
      params: { code: 'sender_missing' },
    })
    .refine((config) => config.apiKeySid === undefined || config.apiKeySecret !== undefined, {
      path: ['apiKeySecret'],
      error: 'is needed with apiKeySid',
      params: { code: 'with_sid' },
    });
}

/** Finds the host of the Messaging Services API: a simulator serves both APIs at one address. */
export function toMessagingUrl(baseUrl: string): string {
  return baseUrl.replace(/^https:\/\/api\.((?:[a-z0-9-]+\.)*twilio\.com)$/, 'https://messaging.$1');
}
