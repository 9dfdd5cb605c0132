import * as z from 'zod';
import { maxChars } from '../../core/bounds.ts';
import { idPageQuery, locationParams, time } from './schemas.ts';

export const optOutParams = locationParams.extend({ address: z.string().trim().min(1).max(maxChars.address) });

export const optOutsQuery = idPageQuery.extend({
  q: z.string().trim().min(1).max(100).optional().describe('Part of an address.'),
});

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
    startedAt: time,
  })
  .meta({ id: 'OptOut' });

export const optOutRequest = z
  .object({ reason: z.string().trim().min(1).max(200).describe('For the audit log and for other users.') })
  .meta({ id: 'OptOutWanted' });
