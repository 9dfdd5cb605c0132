import * as z from 'zod';
import { alertKinds } from '../../alerts/alert.ts';
import { auditActions } from '../../audit/audit-log.ts';
import { maxChars } from '../../core/bounds.ts';
import { storedRoute } from '../../messages/routing/stored-route.ts';

export const time = z
  .date()
  .transform((at) => at.toISOString())
  .pipe(z.string().meta({ format: 'date-time' }));

export const locationParams = z.object({ locationId: z.string().min(1).max(maxChars.highlevelId) });

export const connectionParams = locationParams.extend({ providerKey: z.string().min(1).max(64) });

export const connectionIdParams = z.object({ connectionId: z.uuid() });

export const companyParams = z.object({ companyId: z.string().min(1).max(maxChars.highlevelId) });

export const messageParams = z.object({ id: z.uuid() });

/** Query of a list page: repeat it with `nextCursor` as `cursor` until that is null. */
export const pageQuery = z.object({
  cursor: z.string().min(1).max(200).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});

/** Same as `pageQuery`, for lists whose cursor is an id of ours. */
export const idPageQuery = pageQuery.extend({ cursor: z.uuid().optional() });

export function createPageSchema<Item extends z.ZodType>(item: Item) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() });
}

const permissionProblems = z
  .array(z.object({ permission: z.string(), message: z.string(), refusedAt: time }))
  .describe('Permissions that the CRM denies to this installation, with the fix.');

export const location = z
  .object({
    locationId: z.string(),
    companyId: z.string().nullable(),
    name: z.string().nullable(),
    timezone: z.string().nullable(),
    status: z.enum(['active', 'suspended', 'reauth_required', 'uninstalled']),
    statusReason: z.string().nullable(),
    permissionProblems,
    reconnectUrl: z.url().nullable().describe('URL at which to reconnect, if the app must be installed again.'),
    installedAt: time.nullable(),
    channels: z.array(z.object({ providerKey: z.string(), type: z.string(), connectionId: z.uuid() })),
  })
  .meta({ id: 'Location' });

export const reason = z.object({ code: z.string(), message: z.string() }).nullable();

export const messageStatus = z.enum(['pending', 'unknown', 'delivered', 'read', 'failed']);

const messageFields = {
  id: z.uuid().describe('Id of ours.'),
  highlevelMessageId: z.string().nullable(),
  direction: z.enum(['outbound', 'inbound']),
  status: messageStatus.describe('For an inbound message, delivered means posted into its conversation.'),
  reason: reason.describe('Reason for the failure or the wait.'),
  reportedStatus: z.enum(['delivered', 'read', 'failed']).nullable().describe('Status that HighLevel has accepted.'),
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
  rawAddress: z.string().nullable().describe('The contact’s address as received, if it is stored in another form.'),
  subject: z.string().nullable(),
  text: z.string().nullable(),
  attachments: z.array(z.string()),
  callStatus: z.string().nullable().describe('Of a logged call: how it ended.'),
  sender: z.string().nullable().describe('Sender that was chosen for it; null for the connection’s own.'),
  route: storedRoute.nullable().describe('Rule that chose connection and sender, and why; null where nothing was to choose.'),
  isTest: z.boolean(),
  outOfOrder: z
    .boolean()
    .describe('The message failed repeatedly, so later messages of its contact were sent first. It may be out of order.'),
  nextAttemptAt: time.nullable(),
  contentErasedAt: time.nullable().describe('Time at which its content was erased.'),
  createdAt: time,
  updatedAt: time,
};

export const message = z.object(messageFields).meta({ id: 'Message' });

const segments = z
  .object({
    encoding: z.enum(['gsm', 'latin1', 'ascii', 'ucs2']),
    segmentCount: z.int(),
    length: z.number().describe('Characters as the encoding counts them: septets, octets or units of UTF-16.'),
    capacity: z.number().describe('Those that fit into so many segments.'),
    remaining: z.number().describe('Those that still fit into the last one.'),
  })
  .nullable()
  .describe('Segments as the connection, with its present config, sends the text as SMS; null for other messages.')
  .meta({ id: 'Segments' });

/** A test that was stored, with what it is going to cost. */
export const testMessage = z.object({ ...messageFields, segments }).meta({ id: 'TestMessage' });

export const historyQuery = z.object({ before: z.uuid().toLowerCase().optional().describe('From `timelineBefore`.') });

export const messageDetail = z
  .object({
    ...messageFields,
    html: z.string().nullable(),
    segments,
    recipients: z
      .array(z.object({ address: z.string(), state: z.enum(['pending', 'delivered', 'read', 'failed']), reason }))
      .describe('Recipients of an outbound email, and from what the state of each is known.'),
    attempts: z.array(
      z.object({
        id: z.uuid(),
        connectionId: z.uuid(),
        startedAt: time,
        endedAt: time.nullable(),
        outcome: z.enum(['accepted', 'delivered', 'rejected', 'unavailable', 'connection_error', 'unknown']).nullable(),
        reason,
        response: z.string().nullable().describe('Response of the vendor, truncated and redacted.'),
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
      .describe('Events, oldest first; for a long history only the newest part.'),
    timelineBefore: z.uuid().nullable().describe('Cursor of the earlier part, for `before`; null at the start.'),
  })
  .meta({ id: 'MessageDetail' });

export const dateTime = z.iso
  .datetime({ offset: true })
  .transform((text) => new Date(text))
  // Other years can't be stored, or not be compared.
  .pipe(z.date().min(new Date('1970-01-01')).max(new Date('2100-01-01')));

/** Filters without an index search a part of the log at a time: a page may be short and still have a next one. */
export const messagesQuery = idPageQuery.extend({
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
    totalCount: z.int().describe('Number of matching messages at the start.'),
    doneCount: z.int().describe('Number of messages that were queued again.'),
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
    reconnectUrl: z.url().nullable().describe('URL at which to reconnect, if the app must be installed again.'),
    includesFutureLocations: z.boolean().describe('HighLevel installs the app in locations that are created later.'),
    installedAt: time.nullable(),
    locations: z
      .object({ pending: count, active: count, suspended: count, reauth_required: count, uninstalled: count })
      .describe('Number of locations by status; `pending` ones have no token yet.'),
    sync: z
      .object({ status: z.enum(['waiting', 'running', 'done']), startedAt: time.nullable(), finishedAt: time.nullable() })
      .describe('The last listing of its locations.'),
  })
  .meta({ id: 'Company' });

export const uninstallQuery = z.object({
  reason: z.string().trim().min(1).max(200).default('Disconnected by the user').describe('Sent to the CRM.'),
});

export const uninstallCompanyQuery = uninstallQuery.extend({
  confirm: z
    .string()
    .max(300)
    .optional()
    .describe('The agency’s name or id. Required with a user’s token, whose context must be from the last five minutes.'),
});

export const revokedSessions = z
  .object({ revokedAt: time.describe('User contexts first seen before this time are rejected.') })
  .meta({ id: 'RevokedSessions' });

export const alertsQuery = pageQuery.extend({
  cursor: z.uuid().optional(),
  open: z
    .enum(['true', 'false'])
    .transform((word) => word === 'true')
    .optional()
    .describe('Open or resolved alerts. Default: both.'),
  kind: z.enum(alertKinds).optional(),
  locationId: locationParams.shape.locationId.optional(),
});

export const alert = z
  .object({
    alertId: z.uuid(),
    kind: z.enum(alertKinds),
    locationId: z.string().nullable(),
    companyId: z.string().nullable().describe('Null, like `locationId`, for an alert about the whole app.'),
    subject: z.string().describe('Subject of the alert. At most one alert of a kind and subject is open at a time.'),
    details: z.string().describe('Description of the latest state.'),
    startedAt: time,
    lastSeenAt: time,
    endedAt: time.nullable().describe('Time of its resolution; null while it is open.'),
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
  .object({ encryptedData: z.string().min(1).max(10_000).describe('The user context from the parent frame, unchanged.') })
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
