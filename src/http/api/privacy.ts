import * as z from 'zod';
import type { Privacy } from '../../compose/privacy.ts';
import { maxChars } from '../../core/bounds.ts';
import { combineRetention, minMessageDays } from '../../messages/privacy/retention-policy.ts';
import { toActor } from '../auth/access.ts';
import { defineRoute } from './route.ts';
import { createPageSchema, idPageQuery, locationParams, time } from './schemas.ts';

export interface PrivacyRouteDeps {
  privacy: Pick<
    Privacy,
    'retention' | 'loadRetention' | 'saveRetention' | 'requestErasure' | 'listErasures' | 'getErasure' | 'exportContact'
  >;
}

const days = (min: number) => z.number().int().min(min).max(36_500).nullable();

const retentionFields = {
  messageDays: days(minMessageDays).describe('Messages are deleted after so many days; null: they are kept.'),
  contentDays: days(0).describe(
    'Texts, subjects and the like are erased after so many days, 0 for soon after delivery; of failed messages after a week at the earliest. Null: they are kept.',
  ),
};

const retentionRequest = z
  .object({
    ...retentionFields,
    erasesDeletedContacts: z.boolean().describe('Whether a contact that is deleted in the CRM is erased.'),
  })
  .meta({ id: 'RetentionPolicy' });

const retention = retentionRequest.extend({
  effective: z.object(retentionFields).describe('With the operator’s settings: the shorter one counts.'),
});

const contactId = z.string().trim().min(1).max(maxChars.highlevelId);

const erasureRequest = z
  .object({
    contactId: contactId.optional(),
    address: z.string().trim().min(3).max(maxChars.address).optional().describe('Instead, where no contact has it.'),
  })
  .refine(({ contactId, address }) => (contactId === undefined) !== (address === undefined), {
    error: 'must name either a contact or an address',
  })
  .meta({ id: 'ErasureRequest' });

const erasure = z
  .object({
    id: z.uuid(),
    contactId: z.string().nullable(),
    subject: z.string().describe('The contact’s id, or its address with most of it hidden.'),
    requestedBy: z.string(),
    requestedAt: time,
    messageCount: z.number().int().describe('Messages erased so far.'),
    contentErasedAt: time.nullable().describe('Time at which content and addresses were erased.'),
    endedAt: time.nullable().describe('Time at which nothing of the contact was left, a day later.'),
  })
  .meta({ id: 'Erasure' });

/** Defines the endpoints about how long data is kept, and about the data of one contact. */
export function createPrivacyRoutes({ privacy }: PrivacyRouteDeps) {
  const path = '/locations/:locationId/retention';
  const erasuresPath = '/locations/:locationId/erasures';
  const showRetention = async (locationId: string) => {
    const own = await privacy.loadRetention(locationId);
    return { ...own, effective: combineRetention(own, privacy.retention) };
  };

  return [
    defineRoute({
      method: 'get',
      path,
      summary: 'Show for how long a location’s messages are kept',
      permission: 'read',
      scope: 'privacy:read',
      params: locationParams,
      response: retention,
      handle: ({ location }) => showRetention(location.resourceId),
    }),

    defineRoute({
      method: 'put',
      path,
      summary: 'Set for how long a location’s messages are kept; what is older is erased within minutes',
      permission: 'write',
      scope: 'privacy:write',
      params: locationParams,
      body: retentionRequest,
      response: retention,
      async handle({ location, body, access }) {
        await privacy.saveRetention(location.resourceId, body, toActor(access));
        return showRetention(location.resourceId);
      },
    }),

    defineRoute({
      method: 'get',
      path: '/locations/:locationId/contacts/:contactId/export',
      summary: 'Export what is stored about a contact as JSON',
      permission: 'write',
      scope: 'privacy:write',
      params: locationParams.extend({ contactId }),
      download: {
        type: 'application/json',
        description: 'Addresses, opt-outs, tags, and all messages with their receipts, the oldest first.',
      },
      handle: ({ location, params }) => ({
        fileName: 'contact.json',
        type: 'application/json',
        parts: privacy.exportContact(location.resourceId, params.contactId),
      }),
    }),

    defineRoute({
      method: 'get',
      path: erasuresPath,
      summary: 'List the erasures of a location, the newest first',
      permission: 'read',
      scope: 'privacy:read',
      params: locationParams,
      query: idPageQuery,
      response: createPageSchema(erasure),
      handle: ({ location, query }) => privacy.listErasures(location.resourceId, query),
    }),

    defineRoute({
      method: 'post',
      path: erasuresPath,
      summary: 'Erase what is stored about a contact: content and addresses at once, vendors’ ids a day later',
      permission: 'write',
      scope: 'privacy:write',
      params: locationParams,
      body: erasureRequest,
      response: erasure,
      status: 202,
      handle: ({ location, body: { contactId, address = '' }, access }) =>
        privacy.requestErasure(location.resourceId, contactId === undefined ? { address } : { contactId }, toActor(access)),
    }),

    defineRoute({
      method: 'get',
      path: `${erasuresPath}/:erasureId`,
      summary: 'Show how far an erasure has come',
      permission: 'read',
      scope: 'privacy:read',
      params: locationParams.extend({ erasureId: z.uuid() }),
      response: erasure,
      handle: ({ location, params }) => privacy.getErasure(location.resourceId, params.erasureId),
    }),
  ];
}
