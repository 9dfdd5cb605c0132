import * as z from 'zod';
import type { Privacy } from '../../../compose/privacy.ts';
import { normalizeAddress } from '../../../core/address.ts';
import { maxChars } from '../../../core/bounds.ts';
import { minMessageDays, type RetentionDays } from '../../../messages/privacy/retention-policy.ts';
import { toActor } from '../../auth/access.ts';
import { type ActionResult, defineAction, definePage, optionalField } from '../framework/page.ts';
import type { Text } from '../framework/texts.ts';

export interface PrivacyPageDeps {
  privacy: Pick<Privacy, 'retention' | 'loadRetention' | 'saveRetention' | 'requestErasure' | 'listErasures' | 'exportContact'>;
}

const path = 'privacy';
const pageSize = 20;
const maxDays = 36_500;
const days = (min: number) => optionalField(z.coerce.number().int().min(min).max(maxDays));
const contact = z.string().trim().min(1).max(maxChars.address);
/** HighLevel's ids consist of letters and digits. */
const contactIdShape = /^[A-Za-z0-9_-]{10,128}$/;

const retentionBody = z.object({
  messageDays: days(minMessageDays),
  contentDays: days(0),
  erasesDeletedContacts: optionalField(z.literal('yes')),
});

/** Creates the page of a location's privacy: how long messages are kept, a contact's data as a file, and the erasure of a contact. */
export function createPrivacyPage({ privacy }: PrivacyPageDeps) {
  return definePage({
    path,
    scope: 'location',
    viewers: ['location', 'agency', 'operator'],
    view: 'privacy',
    nav: { text: 'privacy.nav', order: 44, isInSettings: true },
    query: z.object({ contact: optionalField(contact), before: optionalField(z.uuid()) }),

    async show({ location: { resourceId }, query, text, url, can }) {
      const own = await privacy.loadRetention(resourceId);
      const page = await privacy.listErasures(resourceId, { cursor: query.before, limit: pageSize });
      return {
        title: text('privacy.title'),
        path: url(path),
        own: { ...own, erasesDeletedContacts: own.erasesDeletedContacts ? 'yes' : '' },
        operatorsRule: describe(privacy.retention, text),
        minMessageDays,
        contact: query.contact,
        download: query.contact && can('write') ? url(`${path}/download`, { contact: query.contact }) : null,
        erasures: page.items.map((row) => ({
          ...row,
          state: row.endedAt ? 'ended' : row.contentErasedAt ? 'content' : 'running',
          who: text.has(`optOuts.by.${row.requestedBy}`) ? text(`optOuts.by.${row.requestedBy}`) : row.requestedBy,
        })),
        canWrite: can('write'),
        newest: query.before ? url(path) : null,
        older: page.nextCursor && url(path, { before: page.nextCursor }),
      };
    },

    download({ location: { resourceId }, query, can }) {
      const contactId = can('write') ? (query.contact ?? '') : '';
      return { fileName: 'contact.json', type: 'application/json', parts: privacy.exportContact(resourceId, contactId) };
    },

    actions: {
      retention: defineAction({
        permission: 'write',
        body: retentionBody,
        async run({ location, body, access, text, url }) {
          const { messageDays = null, contentDays = null, erasesDeletedContacts } = body;
          const retention = { messageDays, contentDays, erasesDeletedContacts: erasesDeletedContacts === 'yes' };
          await privacy.saveRetention(location.resourceId, retention, toActor(access));
          return { redirectTo: url(path), notice: text('privacy.retention.saved') };
        },
      }),
      erase: defineAction({
        permission: 'write',
        body: z.object({ erased: contact, confirm: optionalField(z.literal('yes')) }),
        async run({ location, body, access, text, url }): Promise<ActionResult> {
          const isAddress = normalizeAddress(body.erased).kind !== 'other';
          if (!isAddress && !contactIdShape.test(body.erased)) return { errors: { erased: text('privacy.erase.wrong') } };
          if (body.confirm !== 'yes') return { errors: { confirm: text('privacy.erase.unconfirmed') } };
          const request = isAddress ? { address: body.erased } : { contactId: body.erased };
          const { subject } = await privacy.requestErasure(location.resourceId, request, toActor(access));
          return { redirectTo: url(path), notice: text('privacy.erase.requested', { subject }) };
        },
      }),
    },
  });
}

/** Says what the operator's settings end for all locations; null where they end nothing. */
function describe({ messageDays, contentDays }: RetentionDays, text: Text): string | null {
  const parts = [
    messageDays === null ? '' : text('privacy.retention.operatorMessages', { count: messageDays }),
    contentDays === null ? '' : text('privacy.retention.operatorContent', { count: contentDays }),
  ].filter(Boolean);
  return parts.length > 0 ? parts.join(' ') : null;
}
