import * as z from 'zod';
import { dateNow } from '../../core/clock.ts';
import { type Endpoint, refuse, type SimResponse } from './endpoint.ts';
import { postAppEvent } from './events.ts';
import { refuseInvalid } from './messages.ts';
import { createHighLevelId, listContacts, type SimContact } from './state.ts';
import type { SimWorld } from './world.ts';

const text = z.string().min(1);
const upsertBody = z
  .strictObject({
    locationId: text,
    // HighLevel's validator says this of a number that is not E.164.
    phone: text.regex(/^\+[1-9]\d{6,14}$/, { error: 'phone must be a valid phone number' }).optional(),
    email: text.optional(),
    name: text.optional(),
    firstName: text.optional(),
    lastName: text.optional(),
    source: text.optional(),
    tags: z.array(text).optional(),
  })
  .refine((body) => body.phone !== undefined || body.email !== undefined, { error: 'phone or email is needed' });

const createBody = z.strictObject({ locationId: text, name: text });

/** Creates the endpoints for contacts and the location (platform.md 6.3). */
export function createContactEndpoints(world: SimWorld): Endpoint[] {
  const shared = { version: '2021-07-28', kind: 'Location' as const };
  return [
    {
      ...shared,
      operation: 'upsertContact',
      method: 'post',
      path: '/contacts/upsert',
      scope: 'contacts.write',
      handle: (request, token) => upsert(world, token.resourceId, request.body),
    },
    {
      ...shared,
      operation: 'createContact',
      method: 'post',
      path: '/contacts/',
      scope: 'contacts.write',
      handle: (request, token) => create(world, token.resourceId, request.body),
    },
    {
      ...shared,
      operation: 'findDuplicateContact',
      method: 'get',
      path: '/contacts/search/duplicate',
      scope: 'contacts.readonly',
      handle(request, token) {
        const { locationId, number, email } = request.query;
        if (locationId !== token.resourceId) return refuse(403, 'The token does not have access to this location.', 'scope');
        if (!number && !email) return refuse(400, 'Either number or email must be passed', 'state');
        const contact = listContacts(world.state, token.resourceId).find(
          (one) => (number && one.phone === number) || (email && hasEmail(one, String(email))),
        );
        return { status: 200, body: { contact: contact ?? null } };
      },
    },
    {
      ...shared,
      operation: 'getContact',
      method: 'get',
      path: '/contacts/:contactId',
      scope: 'contacts.readonly',
      handle(request, token) {
        const contact = world.state.contacts[String(request.params.contactId)];
        if (contact?.locationId !== token.resourceId) return refuse(400, 'Contact not found', 'state');
        return { status: 200, body: { contact } };
      },
    },
    {
      ...shared,
      operation: 'getLocation',
      method: 'get',
      path: '/locations/:locationId',
      scope: 'locations.readonly',
      handle(request, token) {
        const location = world.state.locations[token.resourceId];
        if (request.params.locationId !== token.resourceId) {
          return refuse(403, 'The token does not have access to this location.', 'scope');
        }
        return { status: 200, body: { location } };
      },
    },
  ];
}

/**
 * Upserts a contact. Overwrites every field that it receives, as the platform does: a careless app loses people's tags and names, and the
 * first email address of a contact that it names by another one (platform.md 6.3).
 */
function upsert(world: SimWorld, locationId: string, body: unknown): SimResponse {
  const parsed = upsertBody.safeParse(body);
  if (!parsed.success) return refuseInvalid(422, parsed.error);
  const { locationId: requestedLocationId, firstName: _first, lastName: _last, ...fields } = parsed.data;
  if (requestedLocationId !== locationId) return refuse(403, 'The token does not have access to this location.', 'scope');
  const found = listContacts(world.state, locationId).find(
    (one) => (fields.phone && one.phone === fields.phone) || (fields.email && hasEmail(one, fields.email)),
  );
  if (!found) {
    const duplicate = listContacts(world.state, locationId).find(({ otherAddresses }) =>
      otherAddresses?.some((address) => address === fields.phone),
    );
    if (duplicate) return refuseDuplicate(duplicate, 'phone');
  }
  const contact = Object.assign(found ?? addContact(world, locationId, {}), fields);
  return { status: 200, body: { new: !found, contact } };
}

/** The API shows further email addresses of a contact, and no further numbers. */
function hasEmail({ email, otherAddresses }: SimContact, address: string): boolean {
  return email === address || (otherAddresses?.includes(address) ?? false);
}

/** Refuses a duplicate, and names the contact that has the address already. */
function refuseDuplicate({ id, name }: SimContact, matchingField: string): SimResponse {
  return refuse(400, 'This location does not allow duplicated contacts.', 'state', {
    meta: { contactId: id, contactName: name, matchingField },
  });
}

/** Creates a contact on each call: HighLevel compares numbers and email addresses, never names. */
function create(world: SimWorld, locationId: string, body: unknown): SimResponse {
  const parsed = createBody.safeParse(body);
  if (!parsed.success) return refuseInvalid(422, parsed.error);
  const { locationId: requestedLocationId, name } = parsed.data;
  if (requestedLocationId !== locationId) return refuse(403, 'The token does not have access to this location.', 'scope');
  return { status: 201, body: { contact: addContact(world, locationId, { name }) } };
}

/** Adds a contact with its conversation. */
export function addContact(world: SimWorld, locationId: string, fields: Partial<SimContact>): SimContact {
  const contact: SimContact = {
    id: createHighLevelId(world.random),
    locationId,
    conversationId: createHighLevelId(world.random),
    name: null,
    phone: null,
    email: null,
    tags: [],
    source: null,
    dateAdded: dateNow(world.clock).toISOString(),
    ...fields,
  };
  world.state.contacts[contact.id] = contact;
  return contact;
}

/** Changes tags or assigned user of a contact in the user interface, and posts the event. @returns the HTTP status */
export function changeContact(
  world: SimWorld,
  contact: SimContact,
  change: { tags?: string[]; assignedTo?: string | null },
): Promise<number> {
  Object.assign(contact, change);
  world.onChange();
  return postContactEvent(world, change.tags ? 'ContactTagUpdate' : 'ContactUpdate', contact);
}

/** Deletes a contact, and posts the event. @returns the HTTP status */
export function deleteContact(world: SimWorld, contact: SimContact): Promise<number> {
  delete world.state.contacts[contact.id];
  world.onChange();
  return postContactEvent(world, 'ContactDelete', contact);
}

/** Posts an event about a contact, which holds the whole contact (platform-2026-11.md 3.5). */
function postContactEvent(
  world: SimWorld,
  type: 'ContactCreate' | 'ContactUpdate' | 'ContactTagUpdate' | 'ContactDelete',
  { id, locationId, name, phone, email, tags, assignedTo }: SimContact,
): Promise<number> {
  const whole = { phone, email, tags, customFields: [{ id: 'cf1', value: 'private' }] };
  return postAppEvent(world, { type, locationId, id, name, ...whole, ...(assignedTo ? { assignedTo } : {}) });
}
