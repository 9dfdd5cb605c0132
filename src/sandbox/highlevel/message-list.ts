import * as z from 'zod';
import { type Endpoint, refuse, type SimResponse } from './endpoint.ts';
import { refuseInvalid } from './messages.ts';
import type { SimMessage } from './state.ts';
import type { SimWorld } from './world.ts';

const query = z.strictObject({
  locationId: z.string().min(1),
  contactId: z.string().optional(),
  conversationId: z.string().optional(),
  startDate: z.iso.datetime().optional(),
  endDate: z.iso.datetime().optional(),
  sortBy: z.enum(['createdAt', 'updatedAt']).default('createdAt'),
  sortOrder: z.enum(['asc', 'desc']).default('desc'),
  limit: z.coerce.number().int().min(10).max(500).default(100),
});

/** Creates the endpoint that lists a location's messages (export-messages-by-location in HighLevel's OpenAPI files). */
export function createMessageListEndpoints(world: SimWorld): Endpoint[] {
  return [
    {
      operation: 'listMessages',
      method: 'get',
      path: '/conversations/messages/export',
      version: '2021-04-15',
      scope: 'conversations/message.readonly',
      kind: 'Location',
      handle: (request, token) => list(world, token.resourceId, request.query),
    },
  ];
}

function list(world: SimWorld, locationId: string, input: unknown): SimResponse {
  const parsed = query.safeParse(input);
  if (!parsed.success) return refuseInvalid(422, parsed.error);
  const { contactId, conversationId, startDate, endDate, sortOrder, limit } = parsed.data;
  if (parsed.data.locationId !== locationId) return refuse(403, 'The token does not have access to this location.', 'state');
  const [from, to] = [startDate, endDate].map((date) => (date ? Date.parse(date) : null));
  const matching = Object.values(world.state.messages).filter(
    (message) =>
      message.locationId === locationId &&
      (!contactId || message.contactId === contactId) &&
      (!conversationId || message.conversationId === conversationId) &&
      message.createdAt >= (from ?? 0) &&
      // The search reads an index, which lags.
      message.createdAt <= (to ?? world.clock.now() - world.behaviour.listDelayMs),
  );
  matching.sort((a, b) => (sortOrder === 'asc' ? a.createdAt - b.createdAt : b.createdAt - a.createdAt));
  const messages = matching.slice(0, limit).map((message) => toListedMessage(world, message));
  return { status: 200, body: { messages, nextCursor: null, total: matching.length } };
}

/** Names of messages in the list, by kind of provider (platform.md 3.3). */
const listedTypes = {
  sms: [2, 'TYPE_SMS'],
  'sms-extra': [22, 'TYPE_CUSTOM_PROVIDER_SMS'],
  email: [3, 'TYPE_EMAIL'],
  'email-extra': [23, 'TYPE_CUSTOM_PROVIDER_EMAIL'],
  call: [34, 'TYPE_CUSTOM_CALL'],
} as const;

/** Converts a message to a row of the list, which has neither `altId` nor the sender. */
function toListedMessage(world: SimWorld, message: SimMessage) {
  const provider = world.app.providers.find(({ key }) => key === message.providerKey);
  const kind = provider?.kind ?? 'sms';
  const [type, messageType] = listedTypes[kind];
  return {
    id: message.id,
    type,
    messageType,
    locationId: message.locationId,
    contactId: message.contactId,
    conversationId: message.conversationId,
    ...(kind.endsWith('-extra') || kind === 'call' ? { conversationProviderId: provider?.id } : {}),
    dateAdded: new Date(message.createdAt).toISOString(),
    ...(kind.startsWith('email') ? {} : { body: message.text }),
    direction: message.direction,
    status: message.status,
    contentType: 'text/plain',
    // Recordings are left out.
    attachments: kind === 'call' ? [] : message.attachments,
  };
}
