import * as z from 'zod';
import type { ChannelContext } from '../channel.ts';
import { createBaseAddressField } from '../web-address.ts';

export type WhatsAppConfig = z.output<ReturnType<typeof createConfigSchema>>;

export type WhatsAppContext = ChannelContext<WhatsAppConfig>;

/** Path of the channel's only webhook. */
export const webhookPath = 'webhook';

const numericId = z
  .string()
  .trim()
  .regex(/^\d{5,30}$/, { error: 'must be an id of digits, not a telephone number' });

/** A secret without blanks: a copied line break would make every request fail. */
const secret = (maxChars: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(maxChars)
    .regex(/^[\x21-\x7e]+$/, { error: 'must not have blanks or letters with accents' });

const templateName = /^[a-z0-9_]{1,512}$/;
const templateLanguage = /^[a-z]{2,3}(_[A-Za-z]{2,4})?$/;

/** Creates the config schema of the channel `whatsapp_cloud`. */
export function createConfigSchema(allowPrivateTargets: boolean) {
  return z.strictObject({
    phoneNumberId: numericId.meta({
      title: 'Phone number ID',
      description: 'Meta’s id of the business number, from WhatsApp → API Setup. It is not the number itself.',
      placeholder: '106540352242922',
    }),
    businessAccountId: numericId.meta({
      title: 'WhatsApp Business Account ID',
      description: 'From the same page.',
      placeholder: '102290129340398',
    }),
    accessToken: secret(1_000).meta({
      title: 'Access token',
      description: 'Permanent token of a system user. The token of the API Setup page ends within a day.',
      sensitive: true,
      sentTo: 'baseUrl',
    }),
    appSecret: secret(200).meta({
      title: 'App secret',
      description: 'From App settings → Basic. It proves that webhooks come from Meta.',
      sensitive: true,
      sentTo: [],
    }),
    verifyToken: secret(200).optional().meta({
      title: 'Verify token',
      description: 'Meta sends it back once, when the webhook address is registered.',
      sensitive: true,
      sentTo: 'baseUrl',
      generate: 'verifyToken',
    }),
    outsideWindow: z.enum(['fail', 'template']).default('fail').meta({
      title: 'Later than 24 hours after the contact’s last message',
      description: 'WhatsApp then accepts approved templates alone.',
      advanced: true,
    }),
    fallbackTemplate: z
      .strictObject({
        name: z
          .string()
          .trim()
          .regex(templateName, { error: 'must be small letters, digits and _' })
          .meta({ title: 'Template name' }),
        language: z
          .string()
          .trim()
          .regex(templateLanguage, { error: 'must be a code such as en_US' })
          .meta({ title: 'Template language', placeholder: 'en_US' }),
        parameter: z.string().trim().min(1).max(100).optional().meta({
          title: 'Template parameter',
          description: 'Name or number of the parameter that receives the text; default: 1.',
        }),
      })
      .optional()
      .meta({ title: 'Fallback template', advanced: true }),
    baseUrl: createBaseAddressField(allowPrivateTargets)
      .default('https://graph.facebook.com')
      .meta({ title: 'Graph API address', advanced: true }),
    apiVersion: z
      .string()
      .trim()
      .regex(/^v\d{1,3}\.\d{1,2}$/, { error: 'must be a version such as v25.0' })
      .default('v25.0')
      .meta({ title: 'Graph API version', advanced: true }),
  });
}

/** Returns whether a text can be a template's name. */
export function isTemplateName(text: string): boolean {
  return templateName.test(text);
}

/** Returns whether a text can be a template's language. */
export function isTemplateLanguage(text: string): boolean {
  return templateLanguage.test(text);
}
