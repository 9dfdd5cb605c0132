import * as z from 'zod';
import { maxChars } from '../../core/bounds.ts';
import { reason, time } from './schemas.ts';

export const connection = z
  .object({
    connectionId: z.uuid(),
    locationId: z.string(),
    providerKey: z.string(),
    type: z.string(),
    name: z.string().nullable().describe('For people; null for the name of its account or channel.'),
    isDefault: z.boolean().describe('It carries what no rule sends elsewhere.'),
    position: z.int().describe('Place among the connections of the provider, from 0.'),
    isPaused: z
      .boolean()
      .describe('A person has paused it: its messages wait, fail or go elsewhere, as the routing policy says.'),
    status: z
      .enum(['active', 'held', 'pairing', 'disabled'])
      .describe(
        '`held`: the vendor refuses the account, and messages wait. `pairing`: a person has to pair a device first. `disabled`: a person has paused it.',
      ),
    statusReason: reason.describe('Reason for a status other than active.'),
    account: z.string().nullable().describe('The vendor’s name for the account; null until the vendor was asked.'),
    config: z.record(z.string(), z.unknown()).describe('Configuration without secrets.'),
    findings: z
      .array(z.object({ code: z.string(), message: z.string() }))
      .describe('What was learned about the vendor and is acted on, such as the form of ids in receipts.'),
    callbackUrls: z.record(z.string(), z.url()).describe('Webhook URLs for the vendor, by event.'),
    webhooks: z.object({
      addresses: z.record(z.string(), z.url()).describe('Same as `callbackUrls`.'),
      registration: z
        .object({
          status: z.enum(['pending', 'registered', 'taken', 'manual', 'failed']),
          details: z.string().nullable().describe('`taken`: the address that is registered now.'),
        })
        .nullable()
        .describe('Registration with the vendor; null when a person copies the addresses.'),
      received: z.boolean().describe('An authentic webhook has arrived.'),
      lastReceivedAt: time.nullable(),
    }),
    capabilities: z.object({
      messageTypes: z.array(z.enum(['sms', 'email'])),
      addressType: z.enum(['phone', 'email', 'vendor_id']),
      attachments: z.enum(['none', 'urls', 'bytes']),
      receipts: z.boolean(),
      idempotent: z.boolean(),
      vendorAddresses: z.boolean(),
      managesOptOuts: z.boolean(),
    }),
    warnings: z.array(z.string()).optional().describe('Facts about the account that the vendor reported while connecting.'),
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'Connection' });

export const connectionRequest = z
  .object({
    type: z.string().min(1).max(64).describe('A channel type, such as gateway.'),
    config: z.record(z.string(), z.unknown()).default({}).describe('Omitted secret fields retain their value.'),
  })
  .meta({ id: 'ConnectionWanted' });

const name = z.string().trim().min(1).max(100).nullable().optional();

export const newConnectionRequest = connectionRequest
  .extend({
    providerKey: z.string().min(1).max(64),
    name,
    isDefault: z.boolean().optional().describe('A provider’s first connection is its default in any case.'),
  })
  .meta({ id: 'NewConnection' });

export const connectionChange = z
  .object({
    type: z.string().min(1).max(64).optional().describe('With `config`: its type stays without it.'),
    config: z
      .record(z.string(), z.unknown())
      .optional()
      .describe('Replaces the config; omitted secret fields retain their value. Without it the config stays.'),
    name,
    isDefault: z.boolean().optional().describe('Only true has an effect: a provider always has a default.'),
    position: z.int().min(0).max(1000).optional().describe('Place among the connections of the provider, from 0.'),
    isPaused: z.boolean().optional(),
  })
  .meta({ id: 'ConnectionChange' });

export const connectionQuery = z.object({
  verify: z
    .enum(['true', 'false'])
    .default('true')
    .transform((word) => word === 'true')
    .describe('`false` stores the config without asking the vendor.'),
});

export const webhooksRequest = z
  .object({ replace: z.boolean().default(false).describe('Replaces addresses of another program.') })
  .meta({ id: 'WebhooksWanted' });

export const pairing = z
  .object({
    status: z.enum(['paired', 'waiting']),
    qrCode: z.string().optional().describe('Data URL of an image to scan.'),
    code: z.string().optional().describe('Code to enter on the device.'),
    url: z.string().optional().describe('Address at which a person finishes the sign-in.'),
    service: z.string().optional().describe('Name of the service that the person signs in with, such as Google.'),
    expiresAt: time.optional(),
  })
  .meta({ id: 'Pairing' });

export const sender = z.object({ address: z.string(), label: z.string() }).meta({ id: 'Sender' });

export const connectionSender = z
  .object({
    address: z.string(),
    label: z.string().nullable().describe('The vendor’s name for it.'),
    isOwn: z.boolean().describe('The connection sends from it where no rule names another.'),
    isListed: z.boolean().nullable().describe('The vendor lists it now; null where it lists none.'),
    ratePerSecond: z.number().nullable(),
    dailyCap: z.int().nullable(),
    sendingWindow: z.record(z.string(), z.unknown()).nullable(),
    isPaused: z.boolean(),
    sentToday: z.int().describe('Counted where it has a daily cap.'),
    health: z.object({
      sent: z.int().describe('Messages of the last 24 hours that the vendor accepted.'),
      failed: z.int().describe('Messages of the last 24 hours that failed.'),
    }),
  })
  .meta({ id: 'ConnectionSender' });

export const template = z
  .object({
    name: z.string(),
    language: z.string(),
    category: z.string(),
    body: z.string(),
    parameters: z.array(z.string()).describe('Names, or positions, of the parameters of the body.'),
  })
  .meta({ id: 'Template' });

export const contactLinkRequest = z
  .object({ contactId: z.string().trim().min(1).max(maxChars.highlevelId).describe('Id of the contact in the CRM.') })
  .meta({ id: 'ContactLinkWanted' });

export const contactLink = z
  .object({
    url: z
      .url()
      .describe('Opens the chat. The first one who opens it is bound to the contact, so it is for the contact alone.'),
    expiresAt: time,
    workflowUrl: z
      .string()
      .describe(
        'Address with a merge field, for texts to many contacts. Its chat is bound once the contact shares its phone number there.',
      ),
  })
  .meta({ id: 'ContactLink' });

export const testRequest = z
  .object({
    to: z
      .string()
      .trim()
      .min(3)
      .max(320)
      .optional()
      .describe('Default: +12025550100, a number reserved for fiction, or the reserved address nobody@example.com.'),
    text: z.string().trim().min(1).max(1000).default('This is a test message from Patchbay.'),
  })
  .meta({ id: 'TestWanted' });
