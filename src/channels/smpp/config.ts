import * as z from 'zod';
import { isPrivateHost } from '../../runtime/outbound-http.ts';
import type { ChannelContext } from '../channel.ts';

export type SmppConfig = z.output<ReturnType<typeof createSmppConfigSchema>>;

export type SmppContext = ChannelContext<SmppConfig>;

const hostForm = /^[\p{L}\p{N}:](?:[\p{L}\p{N}.:-]*[\p{L}\p{N}])?$/u;
/** Octets of the specification's texts that cannot be in one: it ends with a NUL. */
const isPlain = (text: string) => /^[\x20-\x7e]*$/.test(text);
const phoneNumber = /^\+?[1-9]\d{4,19}$/;
const shortCode = /^\d{3,8}$/;
/** At most 11 characters of the GSM alphabet, not digits only. */
const name = /^(?=.*[^\d\s])[\x20-\x7e]{1,11}$/;
const tlvForm = /^(?:0x)?([0-9a-f]{4})=(.{1,254})$/i;

/** Returns whether a text can be the sender of a message. */
export function isSender(sender: string): boolean {
  return [phoneNumber, shortCode, name].some((form) => form.test(sender));
}

function stripPunctuation(sender: string): string {
  return /^\+?[\d\s().-]+$/.test(sender) ? sender.replace(/[\s().-]/g, '') : sender;
}

function plainText(max: number) {
  return z
    .string()
    .trim()
    .max(max)
    .refine(isPlain, { error: 'must have plain Latin characters only', params: { code: 'plain' } });
}

const octet = () => z.int().min(0).max(255);

/**
 * Creates the schema of a connection's config.
 *
 * @param allowPrivateTargets lets the carrier's host be private
 */
export function createSmppConfigSchema(allowPrivateTargets: boolean) {
  return z.strictObject({
    host: z
      .string()
      .trim()
      .toLowerCase()
      .max(253)
      .refine((host) => hostForm.test(host), { error: 'must be a host name or an IP address', params: { code: 'format' } })
      .refine((host) => allowPrivateTargets || !isPrivateHost(host), {
        error: 'must not be a private or reserved address',
        params: { code: 'private' },
      })
      .meta({ title: 'Host', placeholder: 'smpp.example.com' }),
    port: z.int().min(1).max(65_535).default(2775).meta({ title: 'Port' }),
    tls: z
      .boolean()
      .default(false)
      .meta({ title: 'Encrypted (TLS)', description: 'The carrier names a port of its own for it.' }),
    systemId: plainText(63).min(1).meta({ title: 'System ID' }),
    password: plainText(63)
      .min(1)
      .meta({ title: 'Password', sensitive: true, sentTo: { host: 'host', port: 'port', encryption: 'tls' } }),
    systemType: plainText(32).default('').meta({ title: 'System type', description: 'Most carriers leave it empty.' }),
    sourceAddress: z
      .string()
      .trim()
      .overwrite(stripPunctuation)
      .refine(isSender, {
        error: 'must be a number such as +12025550100, a short code, or a name of at most 11 characters',
        params: { code: 'format' },
      })
      .optional()
      .meta({ title: 'Sender', placeholder: '+12025550100', description: 'Empty: the carrier’s own choice.' }),
    bindMode: z.enum(['transceiver', 'pair']).default('transceiver').meta({ title: 'Bind', advanced: true }),
    binds: z.int().min(1).max(8).default(1).meta({
      title: 'Number of binds',
      description: 'More than one only where the carrier allows it.',
      advanced: true,
    }),
    interfaceVersion: z.enum(['3.4', '5.0']).default('3.4').meta({ title: 'Version of SMPP', advanced: true }),
    window: z.int().min(1).max(1_000).default(10).meta({
      title: 'Window',
      description: 'Messages that may wait for the carrier’s response at the same time, for each bind.',
      advanced: true,
    }),
    enquireLinkSeconds: z.int().min(5).max(600).default(30).meta({ title: 'Sign of life every (seconds)', advanced: true }),
    responseTimeoutSeconds: z.int().min(1).max(50).default(30).meta({ title: 'Wait for a response (seconds)', advanced: true }),
    defaultCharset: z.enum(['gsm', 'latin1', 'ascii', 'utf8']).default('gsm').meta({
      title: 'Default alphabet',
      description: 'What data coding 0 means at the carrier.',
      advanced: true,
    }),
    latin1: z.boolean().default(false).meta({
      title: 'Send Latin-1 as data coding 3',
      description: 'Where the carrier takes it: letters such as ã then need less room than in UCS-2.',
      advanced: true,
    }),
    nationalLanguage: z.enum(['none', 'turkish', 'spanish', 'portuguese']).default('none').meta({
      title: 'Shift tables of a language',
      advanced: true,
    }),
    replaceLookAlikes: z.boolean().default(false).meta({
      title: 'Replace typographic signs',
      description: 'Curly quotes, dashes and the like become plain ones, so that a text stays in the GSM alphabet.',
      advanced: true,
    }),
    longMessages: z.enum(['udh', 'udh16', 'sar', 'payload']).default('udh').meta({ title: 'Long messages', advanced: true }),
    maxParts: z.int().min(1).max(255).default(20).meta({
      title: 'Most parts of a message',
      description: 'A longer message fails before anything of it is sent.',
      advanced: true,
    }),
    requestReceipts: z.boolean().default(true).meta({ title: 'Ask for receipts', advanced: true }),
    messageIdForm: z.enum(['learn', 'same', 'hex_to_decimal', 'decimal_to_hex']).default('learn').meta({
      title: 'Message IDs in receipts',
      advanced: true,
    }),
    validityMinutes: z.int().min(1).max(43_200).optional().meta({
      title: 'Validity (minutes)',
      description: 'How long the carrier tries to deliver. Empty: as long as it likes.',
      advanced: true,
    }),
    serviceType: plainText(5).default('').meta({ title: 'Service type', advanced: true }),
    sourceTon: octet().optional().meta({ title: 'Sender: type of number (TON)', advanced: true }),
    sourceNpi: octet().optional().meta({ title: 'Sender: numbering plan (NPI)', advanced: true }),
    destinationTon: octet().default(1).meta({ title: 'Recipient: type of number (TON)', advanced: true }),
    destinationNpi: octet().default(1).meta({ title: 'Recipient: numbering plan (NPI)', advanced: true }),
    addressRange: plainText(40).default('').meta({ title: 'Address range of the bind', advanced: true }),
    optionalFields: z
      .array(
        z
          .string()
          .trim()
          .refine((field) => tlvForm.test(field), {
            error: 'must be a tag and a text, such as 1400=1101…',
            params: { code: 'tlv' },
          }),
      )
      .max(10)
      .default([])
      .meta({
        title: 'Optional fields',
        description: 'Sent with each message, such as 1400=… for the entity ID that India requires.',
        advanced: true,
      }),
    caCertificate: z.string().trim().max(8_000).optional().meta({
      title: 'Certificate authority (PEM)',
      description: 'For a carrier with a certificate of its own.',
      multiline: true,
      advanced: true,
    }),
  });
}

/** Reads the optional fields of a config. */
export function parseOptionalFields(fields: readonly string[]): { tag: number; value: Buffer }[] {
  return fields.flatMap((field) => {
    const [, tag, value] = tlvForm.exec(field) ?? [];
    return tag && value ? { tag: Number.parseInt(tag, 16), value: Buffer.from(value, 'latin1') } : [];
  });
}
