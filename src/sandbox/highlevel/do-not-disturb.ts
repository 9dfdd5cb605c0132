import * as z from 'zod';
import { type Endpoint, refuse, type SimResponse } from './endpoint.ts';
import { postAppEvent, toAppEventBody } from './events.ts';
import { refuseInvalid } from './messages.ts';
import type { SimContact } from './state.ts';
import type { SimWorld } from './world.ts';

const setting = z.strictObject({
  status: z.enum(['active', 'inactive', 'permanent']),
  message: z.string().optional(),
  code: z.string().optional(),
});

const channels = ['Call', 'Email', 'SMS', 'WhatsApp', 'GMB', 'FB'] as const;
/** A channel that the description of the update lacks, and that real payloads have. */
const allChannels = [...channels, 'RCS'];

const updateBody = z.strictObject({
  dnd: z.boolean().optional(),
  dndSettings: z.strictObject(Object.fromEntries(channels.map((name) => [name, setting.optional()]))).optional(),
});

type DndChange = z.infer<typeof updateBody>;

/** Creates the endpoint for do-not-disturb (platform-2026-11.md 3.1). */
export function createDndEndpoints(world: SimWorld): Endpoint[] {
  return [
    {
      version: '2021-07-28',
      kind: 'Location',
      operation: 'updateContact',
      method: 'put',
      path: '/contacts/:contactId',
      scope: 'contacts.write',
      handle: (request, token) => update(world, token.resourceId, String(request.params.contactId), request.body),
    },
  ];
}

function update(world: SimWorld, locationId: string, contactId: string, body: unknown): SimResponse {
  const parsed = updateBody.safeParse(body);
  if (!parsed.success) return refuseInvalid(422, parsed.error);
  const contact = world.state.contacts[contactId];
  if (contact?.locationId !== locationId) return refuse(400, 'Contact not found', 'state');
  applyChange(contact, parsed.data, world.behaviour.omittedDnd);
  world.clock.setTimeout(() => void postContactDnd(world, contact), 0);
  return { status: 200, body: { succeded: true, contact } };
}

/** Changes a contact's do-not-disturb in the user interface, and posts the event. @returns the HTTP status */
export function setDnd(world: SimWorld, contact: SimContact, change: DndChange): Promise<number> {
  const at = new Date(world.clock.now()).toISOString();
  const entries = Object.entries(change.dndSettings ?? {}).map(([name, given]) => {
    const text =
      given?.status === 'inactive' ? { message: '', code: '' } : { message: `Updated by 'Ana' at ${at}`, code: '103' };
    return [name, { ...text, ...given }];
  });
  applyChange(contact, { ...change, dndSettings: Object.fromEntries(entries) }, 'kept');
  world.onChange();
  return postContactDnd(world, contact);
}

function applyChange(contact: SimContact, { dnd, dndSettings }: DndChange, omitted: 'kept' | 'reset'): void {
  if (dnd !== undefined) contact.dnd = dnd;
  if (dndSettings === undefined) return;
  const kept = omitted === 'kept' ? contact.dndSettings : Object.fromEntries(allChannels.map((name) => [name, free()]));
  const given = Object.entries(dndSettings).flatMap(([name, value]) => (value ? [[name, value] as const] : []));
  contact.dndSettings = { ...kept, ...Object.fromEntries(given) };
}

function free() {
  return { status: 'inactive' as const, message: '', code: '' };
}

/**
 * Returns the words with which the user interface and the API (400) refuse a send to a contact with do-not-disturb, before it reaches the
 * provider; null where they accept it.
 */
export function findDndRefusal(world: SimWorld, contact: SimContact, providerKey: string | undefined): string | null {
  const provider = world.app.providers.find(({ key }) => key === providerKey) ?? world.app.providers[0];
  const channel = provider?.kind.startsWith('email') ? 'Email' : 'SMS';
  const status = contact.dndSettings?.[channel]?.status ?? 'inactive';
  const isBlocked = contact.dnd === true || status !== 'inactive';
  return isBlocked ? `Cannot send message as DND is active for ${channel}.` : null;
}

/** Builds the body of the event: the whole contact, and `dnd` only where it is set. */
export function toContactDndBody(world: SimWorld, contact: SimContact): string {
  return toAppEventBody(world, toEventFields(contact));
}

function postContactDnd(world: SimWorld, contact: SimContact): Promise<number> {
  return postAppEvent(world, toEventFields(contact));
}

function toEventFields({ id, locationId, name, phone, email, tags, dnd, dndSettings }: SimContact) {
  const whole = { name, tags, customFields: [{ id: 'cf1', value: 'private' }], inboundDndSettings: {} };
  return { type: 'ContactDndUpdate', locationId, id, phone, email, ...whole, ...(dnd ? { dnd } : {}), dndSettings };
}
