import * as z from 'zod';

const time = z
  .date()
  .transform((at) => at.toISOString())
  .pipe(z.string().meta({ format: 'date-time' }));

export const locationParams = z.object({ locationId: z.string().min(1).max(128) });

export const connectionParams = locationParams.extend({ providerKey: z.string().min(1).max(64) });

export const messageParams = z.object({ id: z.uuid() });

/** A page of a list: ask again with `cursor` until it is null. */
export const pageQuery = z.object({
  cursor: z.string().min(1).max(200).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});

export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() });
}

export const location = z
  .object({
    locationId: z.string(),
    companyId: z.string().nullable(),
    name: z.string().nullable(),
    timezone: z.string().nullable(),
    status: z.enum(['active', 'suspended', 'reauth_required', 'uninstalled']),
    statusReason: z.string().nullable(),
    installedAt: time,
    channels: z.array(z.object({ providerKey: z.string(), type: z.string(), connectionId: z.uuid() })),
  })
  .meta({ id: 'Location' });

export const connection = z
  .object({
    connectionId: z.uuid(),
    locationId: z.string(),
    providerKey: z.string(),
    type: z.string(),
    config: z.record(z.string(), z.unknown()).describe('Without its secrets.'),
    callbackUrls: z.record(z.string(), z.url()).describe('What the far side calls, by event.'),
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'Connection' });

export const connectionWanted = z
  .object({
    type: z.string().min(1).max(64).describe('A channel type, such as gateway.'),
    config: z.record(z.string(), z.unknown()).default({}).describe('Secret fields left out keep their value.'),
  })
  .meta({ id: 'ConnectionWanted' });

export const testWanted = z
  .object({
    to: z
      .string()
      .trim()
      .min(3)
      .max(320)
      .optional()
      .describe('Default: +12025550100, a number reserved for fiction, or nobody@example.com, so that nobody is disturbed.'),
    text: z.string().trim().min(1).max(1000).default('This is a test message from Patchbay.'),
  })
  .meta({ id: 'TestWanted' });

export const messageStatus = z.enum(['pending', 'unknown', 'delivered', 'read', 'failed']);

const reason = z.object({ code: z.string(), message: z.string() }).nullable();

const messageFields = {
  id: z.uuid().describe('Ours.'),
  highlevelMessageId: z.string().nullable(),
  direction: z.enum(['outbound', 'inbound']),
  status: messageStatus.describe('For an inbound message, delivered means posted into its conversation.'),
  reason: reason.describe('Why it failed, or what it waits for.'),
  reportedStatus: z.enum(['delivered', 'read', 'failed']).nullable().describe('What HighLevel has accepted from us.'),
  locationId: z.string(),
  providerKey: z.string(),
  connectionId: z.uuid().nullable(),
  contactId: z.string().nullable(),
  conversationId: z.string().nullable(),
  userId: z.string().nullable(),
  externalId: z.string().nullable(),
  channel: z.enum(['sms', 'email']),
  from: z.string().nullable(),
  to: z.string().nullable(),
  subject: z.string().nullable(),
  text: z.string().nullable(),
  attachments: z.array(z.string()),
  isTest: z.boolean(),
  nextAttemptAt: time.nullable(),
  createdAt: time,
  updatedAt: time,
};

export const message = z.object(messageFields).meta({ id: 'Message' });

export const messageDetail = z
  .object({
    ...messageFields,
    html: z.string().nullable(),
    attempts: z.array(
      z.object({
        id: z.uuid(),
        connectionId: z.uuid(),
        begunAt: time,
        endedAt: time.nullable(),
        outcome: z.enum(['accepted', 'delivered', 'refused', 'busy', 'unknown']).nullable(),
        reason,
        answer: z.string().nullable().describe('What the far side answered, trimmed and redacted.'),
      }),
    ),
    timeline: z
      .array(
        z.object({
          at: time,
          event: z.enum(['received', 'attempt_begun', 'attempt_ended', 'receipt', 'report']),
          text: z.string(),
          traceId: z.string().nullable(),
        }),
      )
      .describe('Everything that happened, oldest first.'),
  })
  .meta({ id: 'MessageDetail' });

export const messagesQuery = pageQuery.extend({
  direction: z.enum(['outbound', 'inbound']).optional(),
  status: messageStatus.optional(),
  q: z.string().trim().min(1).max(100).optional().describe('Part of the text or of an address, or an id.'),
});

export const overview = z
  .object({
    since: time,
    locations: z.record(z.string(), z.int()).describe('Locations by status.'),
    messages: z.array(z.object({ direction: z.enum(['outbound', 'inbound']), status: messageStatus, count: z.int() })),
    queues: z.array(
      z.object({
        name: z.string(),
        ready: z.int(),
        deferred: z.int(),
        active: z.int(),
        oldestReadySeconds: z.number(),
      }),
    ),
  })
  .meta({ id: 'Overview' });

export const problem = z
  .object({
    error: z.object({ code: z.string(), message: z.string(), details: z.array(z.string()) }),
  })
  .meta({ id: 'Problem' });
