import * as z from 'zod';
import { alertKinds } from '../../alerts/alert.ts';
import { auditActions } from '../../audit/audit-log.ts';
import { maxChars } from '../../core/bounds.ts';

export const time = z
  .date()
  .transform((at) => at.toISOString())
  .pipe(z.string().meta({ format: 'date-time' }));

export const locationParams = z.object({ locationId: z.string().min(1).max(maxChars.highlevelId) });

export const connectionParams = locationParams.extend({ providerKey: z.string().min(1).max(64) });

export const companyParams = z.object({ companyId: z.string().min(1).max(maxChars.highlevelId) });

export const messageParams = z.object({ id: z.uuid() });

/** A page of a list: ask again with `cursor` until it is null. */
export const pageQuery = z.object({
  cursor: z.string().min(1).max(200).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});

/** As `pageQuery`, for lists whose cursor is an id of ours. */
export const idPageQuery = pageQuery.extend({ cursor: z.uuid().optional() });

export function createPageSchema<Item extends z.ZodType>(item: Item) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() });
}

const permissionProblems = z
  .array(z.object({ permission: z.string(), message: z.string(), refusedAt: time }))
  .describe('What the CRM refuses to this installation until a person mends it, with what to do.');

export const location = z
  .object({
    locationId: z.string(),
    companyId: z.string().nullable(),
    name: z.string().nullable(),
    timezone: z.string().nullable(),
    status: z.enum(['active', 'suspended', 'reauth_required', 'uninstalled']),
    statusReason: z.string().nullable(),
    permissionProblems,
    reconnectUrl: z.url().nullable().describe('Where it is mended, when the app must be installed again.'),
    installedAt: time.nullable(),
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

export const connectionRequest = z
  .object({
    type: z.string().min(1).max(64).describe('A channel type, such as gateway.'),
    config: z.record(z.string(), z.unknown()).default({}).describe('Secret fields left out keep their value.'),
  })
  .meta({ id: 'ConnectionWanted' });

export const testRequest = z
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

export const reason = z.object({ code: z.string(), message: z.string() }).nullable();

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
  rawAddress: z.string().nullable().describe('The contact’s address as it came, where it is kept in another form.'),
  subject: z.string().nullable(),
  text: z.string().nullable(),
  attachments: z.array(z.string()),
  isTest: z.boolean(),
  outOfOrder: z
    .boolean()
    .describe('It kept failing by itself, so later messages of its contact went ahead of it. It may stand out of order.'),
  nextAttemptAt: time.nullable(),
  createdAt: time,
  updatedAt: time,
};

export const message = z.object(messageFields).meta({ id: 'Message' });

export const historyQuery = z.object({ before: z.uuid().optional().describe('From `timelineBefore`.') });

export const messageDetail = z
  .object({
    ...messageFields,
    html: z.string().nullable(),
    attempts: z.array(
      z.object({
        id: z.uuid(),
        connectionId: z.uuid(),
        startedAt: time,
        endedAt: time.nullable(),
        outcome: z.enum(['accepted', 'delivered', 'rejected', 'unavailable', 'unknown']).nullable(),
        reason,
        response: z.string().nullable().describe('What the far side answered, trimmed and redacted.'),
      }),
    ),
    timeline: z
      .array(
        z.object({
          at: time,
          event: z.enum(['received', 'attempt_begun', 'attempt_ended', 'receipt', 'report', 'passed']),
          text: z.string(),
          traceId: z.string().nullable(),
        }),
      )
      .describe('What happened, oldest first; of very much the newest part.'),
    timelineBefore: z.uuid().nullable().describe('Where an earlier part goes back from: ask again with `before`.'),
  })
  .meta({ id: 'MessageDetail' });

const dateTime = z.iso
  .datetime({ offset: true })
  .transform((text) => new Date(text))
  // Other years can't be stored, or not be compared.
  .pipe(z.date().min(new Date('1970-01-01')).max(new Date('2100-01-01')));

/** What no index serves is looked for in a part of the log at a time: a page may be short and still have a next one. */
export const messagesQuery = pageQuery.extend({
  direction: z.enum(['outbound', 'inbound']).optional(),
  status: messageStatus.optional(),
  providerKey: z.string().min(1).max(64).optional(),
  reason: z.string().min(1).max(100).optional().describe('The code of the reason.'),
  since: dateTime.optional().describe('Received then or later.'),
  until: dateTime.optional().describe('Received before.'),
  q: z.string().trim().min(1).max(100).optional().describe('Part of the text or of an address, or an id.'),
});

const deadLetterFilter = {
  direction: z.enum(['outbound', 'inbound']).optional(),
  reason: z.string().min(1).max(100).optional().describe('The code of the reason.'),
};

export const deadLettersQuery = pageQuery.extend({
  ...deadLetterFilter,
  cursor: z.uuid().optional(),
  since: dateTime.optional(),
  until: dateTime.optional(),
});

export const redriveRequest = z
  .object({ ...deadLetterFilter, since: dateTime.optional(), until: dateTime.optional().describe('Default: now.') })
  .meta({ id: 'RedriveWanted' });

export const redrive = z
  .object({
    id: z.uuid(),
    filter: z.record(z.string(), z.unknown()),
    totalCount: z.int().describe('How many fitted when it was asked for.'),
    doneCount: z.int().describe('How many are on their way again.'),
    startedAt: time,
    endedAt: time.nullable(),
  })
  .meta({ id: 'Redrive' });

const count = z.int();

export const company = z
  .object({
    companyId: z.string(),
    name: z.string().nullable(),
    status: z.enum(['pending', 'active', 'suspended', 'reauth_required', 'uninstalled']),
    statusReason: z.string().nullable(),
    permissionProblems,
    reconnectUrl: z.url().nullable().describe('Where it is mended, when the app must be installed again.'),
    includesFutureLocations: z.boolean().describe('The app comes by itself to locations that are made later.'),
    installedAt: time.nullable(),
    locations: z
      .object({ pending: count, active: count, suspended: count, reauth_required: count, uninstalled: count })
      .describe('How many there are by status; `pending` are known and have no token yet.'),
    sync: z
      .object({ status: z.enum(['waiting', 'running', 'done']), startedAt: time.nullable(), finishedAt: time.nullable() })
      .describe('The last listing of its locations.'),
  })
  .meta({ id: 'Company' });

export const uninstallQuery = z.object({
  reason: z.string().trim().min(1).max(200).default('Disconnected by the user').describe('Told to the CRM.'),
});

export const uninstallCompanyQuery = uninstallQuery.extend({
  confirm: z
    .string()
    .max(300)
    .optional()
    .describe('The agency’s name or id: needed with a user’s token, whose context must be of the last five minutes.'),
});

export const revokedSessions = z
  .object({ revokedAt: time.describe('What was first seen before is not taken any more.') })
  .meta({ id: 'RevokedSessions' });

export const alertsQuery = pageQuery.extend({
  cursor: z.uuid().optional(),
  open: z
    .enum(['true', 'false'])
    .transform((word) => word === 'true')
    .optional()
    .describe('Those that are open, or those that are over. Default: both.'),
  kind: z.enum(alertKinds).optional(),
  locationId: locationParams.shape.locationId.optional(),
});

export const alert = z
  .object({
    alertId: z.uuid(),
    kind: z.enum(alertKinds),
    locationId: z.string().nullable(),
    companyId: z.string().nullable().describe('Neither this nor a location: the operator’s own.'),
    subject: z.string().describe('What it is about. One alert of a kind and a subject is open at a time.'),
    details: z.string().describe('For a person, as it was seen last.'),
    startedAt: time,
    lastSeenAt: time,
    endedAt: time.nullable().describe('When it was over; null while it is open.'),
  })
  .meta({ id: 'Alert' });

export const auditEntry = z
  .object({
    id: z.uuid(),
    at: time,
    actor: z.string().describe('A user’s id, `operator`, `highlevel` for its events, or `patchbay`.'),
    action: z.string().describe(auditActions.join(', ')),
    companyId: z.string().nullable(),
    locationId: z.string().nullable(),
    details: z.string().nullable(),
  })
  .meta({ id: 'AuditEntry' });

export const auditQuery = pageQuery.extend({ cursor: z.uuid().optional(), action: z.enum(auditActions).optional() });

export const sessionRequest = z
  .object({ encryptedData: z.string().min(1).max(10_000).describe('The user context from the parent frame, as it came.') })
  .meta({ id: 'SessionWanted' });

export const session = z
  .object({
    token: z.string().describe('For Authorization: Bearer.'),
    expiresAt: time,
    user: z.object({
      userId: z.string(),
      userName: z.string().nullable(),
      email: z.string().nullable(),
      role: z.string(),
      type: z.string(),
    }),
    locationId: z.string().nullable().describe('Null in an agency’s context.'),
    companyId: z.string(),
  })
  .meta({ id: 'Session' });

export const problem = z
  .object({
    error: z.object({ code: z.string(), message: z.string(), details: z.array(z.string()) }),
  })
  .meta({ id: 'Problem' });
