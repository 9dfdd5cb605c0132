import * as z from 'zod';
import type { Messaging } from '../../../compose/messaging.ts';
import { isNationalForm, normalizeAddress } from '../../../core/address.ts';
import { maxChars } from '../../../core/bounds.ts';
import type { OptOutFilter } from '../../../messages/opt-outs/list.ts';
import { toActor } from '../../auth/access.ts';
import { defineAction, definePage, optionalField } from '../framework/page.ts';
import { maxFormBytes } from '../framework/router.ts';

export interface OptOutPageDeps {
  messaging: Pick<
    Messaging,
    'listOptOuts' | 'addOptOut' | 'liftOptOut' | 'importOptOuts' | 'exportOptOuts' | 'countRefusedSends'
  >;
}

const pageSize = 50;
const reason = z.string().trim().min(1).max(200);
const address = z.string().trim().min(1).max(maxChars.address);
/** Percent-encoding of a form makes a list at most this much larger: a plus sign and the end of a line. */
const encodingFactor = 2;
export const maxPastedBytes = maxFormBytes / encodingFactor;

const query = z.object({
  q: optionalField(z.string().trim().max(100)),
  state: optionalField(z.enum(['open', 'lifted', 'all'])),
  before: optionalField(z.uuid()),
});

/** Creates the page of a location's opt-outs: search, add, lift, import and export. */
export function createOptOutsPage({ messaging }: OptOutPageDeps) {
  const path = 'opt-outs';
  const toFilter = ({ q, state }: z.output<typeof query>): OptOutFilter => ({ q: q || undefined, state });

  return definePage({
    path,
    scope: 'location',
    viewers: ['location', 'agency', 'operator'],
    view: 'opt-outs',
    nav: { text: 'optOuts.nav', order: 42 },
    query,

    async show({ location: { resourceId }, query, text, url, can }) {
      const filter = toFilter(query);
      const page = await messaging.listOptOuts(resourceId, { ...filter, cursor: query.before, limit: pageSize });
      return {
        title: text('optOuts.title'),
        path: url(path),
        report: url(`${path}/refused`),
        download: url(`${path}/download`, { q: filter.q, state: filter.state }),
        rows: page.items.map((row) => ({
          ...row,
          sourceName: text(`optOuts.sources.${row.source}`),
          who: toWho(row.addedBy, row.source),
          // An opt-in that found no opt-out leaves such a row.
          wasOptedOut: row.liftedAt === null || row.liftedAt > row.startedAt,
          liftedWho: row.liftedBy && text.has(`optOuts.by.${row.liftedBy}`) ? text(`optOuts.by.${row.liftedBy}`) : row.liftedBy,
        })),
        filter,
        states: ['open', 'lifted', 'all'],
        isFiltered: Boolean(filter.q || filter.state),
        canWrite: can('write'),
        maxPastedBytes,
        result: null,
        newest: query.before ? url(path, { q: filter.q, state: filter.state }) : null,
        older: page.nextCursor && url(path, { q: filter.q, state: filter.state, before: page.nextCursor }),
      };
    },

    download({ location: { resourceId }, query }) {
      return { fileName: 'opt-outs.csv', type: 'text/csv', parts: messaging.exportOptOuts(resourceId, toFilter(query)) };
    },

    actions: {
      add: defineAction({
        permission: 'write',
        body: z.object({ address, reason }),
        async run({ location, body, access, text, url }) {
          // A mistyped address would be stored as an address without a contact. The location's country decides on national forms.
          if (normalizeAddress(body.address).kind === 'other' && !isNationalForm(body.address)) {
            return { errors: { address: text('optOuts.add.wrong') } };
          }
          const row = await messaging.addOptOut(
            { locationId: location.resourceId, address: body.address },
            body.reason,
            toActor(access),
          );
          return { redirectTo: url(path), notice: text('optOuts.added', { address: row.address }) };
        },
      }),
      lift: defineAction({
        permission: 'write',
        body: z.object({ address, reason }),
        async run({ location, body, access, text, url }) {
          const ref = { locationId: location.resourceId, address: body.address };
          await messaging.liftOptOut(ref, body.reason, toActor(access));
          return { redirectTo: url(path), notice: text('optOuts.lifted', { address: body.address }) };
        },
      }),
      import: defineAction({
        permission: 'write',
        body: z.object({
          csv: z.string().min(1).max(maxFormBytes),
          importReason: reason,
          startTriggers: z.literal('yes').optional(),
        }),
        async run({ location, body, access, text }) {
          const result = await messaging.importOptOuts(
            location.resourceId,
            toParts(body.csv),
            { reason: body.importReason, startTriggers: body.startTriggers === 'yes' },
            toActor(access),
          );
          const notice = text('optOuts.import.done', { count: result.addedCount });
          return { notice, viewData: { result: { ...result, lines: result.errors } } };
        },
      }),
    },
  });
}

/** Names a user by id; other authors are clear from the source. */
function toWho(addedBy: string | null, source: string): string | null {
  return source === 'user' ? addedBy : null;
}

async function* toParts(text: string): AsyncGenerator<string> {
  yield text;
}
