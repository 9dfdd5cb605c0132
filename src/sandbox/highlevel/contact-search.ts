import * as z from 'zod';
import { type Endpoint, refuse, type SimResponse } from './endpoint.ts';
import { refuseInvalid } from './messages.ts';
import { listContacts, type SimContact } from './state.ts';
import type { SimWorld } from './world.ts';

const status = z.enum(['active', 'inactive', 'permanent']);
const statusField = z.enum([
  'dndSettings.SMS.status',
  'dndSettings.Email.status',
  'dndSettings.Call.status',
  'inboundDndSettings.all.status',
]);

const filter = z.union([
  z.strictObject({ field: statusField, operator: z.enum(['eq', 'not_eq']), value: status }),
  z.strictObject({ field: z.literal('dnd'), operator: z.enum(['eq', 'not_eq']), value: z.boolean() }),
]);

const searchBody = z
  .strictObject({
    locationId: z.string().min(1),
    pageLimit: z.int().min(1).max(100),
    page: z.int().min(1).optional(),
    searchAfter: z.tuple([z.number(), z.string()]).optional(),
    filters: z.array(filter).max(10).optional(),
  })
  .refine(({ page, searchAfter }) => (page === undefined) !== (searchAfter === undefined), {
    error: 'either page or searchAfter should exist',
  });

/** Creates the endpoint that searches contacts by do-not-disturb (platform-2026-11.md 3.1). Its rows lack the settings themselves. */
export function createContactSearchEndpoints(world: SimWorld): Endpoint[] {
  return [
    {
      version: '2021-07-28',
      kind: 'Location',
      operation: 'searchContacts',
      method: 'post',
      path: '/contacts/search',
      scope: 'contacts.readonly',
      handle: (request, token) => search(world, token.resourceId, request.body),
    },
  ];
}

function search(world: SimWorld, locationId: string, body: unknown): SimResponse {
  const parsed = searchBody.safeParse(body);
  if (!parsed.success) return refuseInvalid(400, parsed.error);
  const { pageLimit, page = 1, searchAfter, filters = [] } = parsed.data;
  if (parsed.data.locationId !== locationId) return refuse(403, 'The token does not have access to this location.', 'scope');
  const matching = listContacts(world.state, locationId)
    .filter((contact) => filters.every((one) => isMatch(contact, one)))
    .map((contact) => ({ contact, key: [Date.parse(contact.dateAdded), contact.id] as const }))
    .sort(({ key: a }, { key: b }) => b[0] - a[0] || (a[1] < b[1] ? 1 : -1));
  const rest = searchAfter
    ? matching.filter(({ key: [at, id] }) => at < searchAfter[0] || (at === searchAfter[0] && id < searchAfter[1]))
    : matching.slice((page - 1) * pageLimit);
  const contacts = rest.slice(0, pageLimit).map(({ contact, key }) => {
    const { dndSettings: _settings, otherAddresses: _addresses, ...row } = contact;
    return { ...row, dnd: contact.dnd === true, searchAfter: key };
  });
  return { status: 200, body: { contacts, total: matching.length } };
}

function isMatch(contact: SimContact, { field, operator, value }: z.infer<typeof filter>): boolean {
  const [, channel = ''] = field.split('.');
  const settings = field.startsWith('dndSettings') ? contact.dndSettings?.[channel] : undefined;
  const actual = field === 'dnd' ? contact.dnd === true : (settings?.status ?? 'inactive');
  return (actual === value) === (operator === 'eq');
}
