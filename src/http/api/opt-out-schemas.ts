import * as z from 'zod';
import { maxChars } from '../../core/bounds.ts';
import { idPageQuery, locationParams, time } from './schemas.ts';

export const optOutParams = locationParams.extend({ address: z.string().trim().min(1).max(maxChars.address) });

const filter = {
  state: z.enum(['open', 'lifted', 'all']).default('open').describe('Opt-outs that hold, those that have ended, or both.'),
  q: z.string().trim().min(1).max(100).optional().describe('Part of an address.'),
};

export const optOutsQuery = idPageQuery.extend(filter);

export const optOutExportQuery = z.object(filter);

export const optOutImportQuery = z.object({
  reason: z.string().trim().min(1).max(200).default('Imported.').describe('Reason of rows that have none.'),
  startTriggers: z
    .enum(['true', 'false'])
    .default('false')
    .transform((word) => word === 'true')
    .describe('`true`: each new opt-out starts the workflows with the trigger “Opted out”.'),
});

export const optOutImport = z
  .object({
    rowCount: z.int(),
    addedCount: z.int(),
    knownCount: z.int().describe('Rows of addresses that had opted out before, or that stand in the file twice.'),
    errorCount: z.int(),
    errors: z
      .array(
        z.object({
          line: z.int(),
          code: z.enum(['address_missing', 'address_invalid', 'reason_invalid', 'too_many_rows']),
          value: z.string().describe('Start of the cell.'),
        }),
      )
      .describe('The first 100 rows that were not imported.'),
  })
  .meta({ id: 'OptOutImport' });

export const optOut = z
  .object({
    id: z.uuid(),
    address: z.string().describe('A phone number in E.164, an email address, or a vendor’s id of the contact.'),
    category: z.enum(['all', 'marketing']).describe('The messages that the contact does not want.'),
    source: z
      .string()
      .describe('contact (a STOP), vendor, user, operator, or highlevel: do-not-disturb that was set in the CRM.'),
    reason: z.string().nullable(),
    channel: z.enum(['sms', 'email']),
    connectionId: z.uuid().nullable().describe('Connection over which it came.'),
    addedBy: z.string().nullable().describe('A user’s id, or the source.'),
    startedAt: time,
    liftedAt: time.nullable(),
    liftedBy: z.string().nullable(),
    liftReason: z.string().nullable(),
  })
  .meta({ id: 'OptOut' });

export const optOutRequest = z
  .object({ reason: z.string().trim().min(1).max(200).describe('For the audit log and for other users.') })
  .meta({ id: 'OptOutWanted' });

export const refusedSendsQuery = z.object({
  days: z.coerce
    .number()
    .int()
    .min(1)
    .max(90)
    .default(30)
    .describe('Today and the days before it, in the location’s time zone.'),
});

export const refusedSends = z
  .object({
    totalCount: z.int(),
    days: z
      .array(z.object({ day: z.string(), count: z.int() }))
      .describe('Today last. Messages by the day on which they came.'),
    causes: z
      .array(z.object({ cause: z.enum(['contact', 'vendor', 'user', 'operator', 'highlevel', 'unknown']), count: z.int() }))
      .describe('Sources of the opt-outs; unknown for one that the ledger no longer has, and for an email to several.'),
  })
  .meta({ id: 'RefusedSends', description: 'List them with GET /messages?reason=opted_out.' });
