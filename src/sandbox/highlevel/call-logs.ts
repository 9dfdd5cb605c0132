import * as z from 'zod';
import { type Endpoint, refuse, type SimResponse } from './endpoint.ts';
import { addMessage, callSchema, refuseInvalid } from './messages.ts';
import { listMessages, type SimContact } from './state.ts';
import type { SimWorld } from './world.ts';

const outboundBody = z.strictObject({
  type: z.literal('Call'),
  conversationId: z.string().min(1),
  conversationProviderId: z.string().min(1),
  call: callSchema.optional(),
  altId: z.string().optional(),
  date: z.iso.datetime().optional(),
  attachments: z.array(z.url()).min(1).optional(),
});

const recordingsBody = z.strictObject({ attachments: z.array(z.url()).min(1).max(5) });
const conversationBody = z.strictObject({ locationId: z.string().min(1), contactId: z.string().min(1) });

/** Creates the endpoints for logged calls and for conversations (platform-2026-11.md 3.4). */
export function createCallLogEndpoints(world: SimWorld): Endpoint[] {
  const shared = { version: '2021-04-15', kind: 'Location' as const };
  return [
    {
      ...shared,
      operation: 'addOutboundCall',
      method: 'post',
      path: '/conversations/messages/outbound',
      scope: 'conversations/message.write',
      handle: (request, token) => addOutboundCall(world, token.resourceId, request.body),
    },
    {
      ...shared,
      operation: 'setCallRecordings',
      method: 'put',
      path: '/conversations/messages/:messageId/attachments',
      scope: 'conversations/message.write',
      handle: (request, token) => setRecordings(world, token.resourceId, String(request.params.messageId), request.body),
    },
    {
      ...shared,
      operation: 'searchConversations',
      method: 'get',
      path: '/conversations/search',
      scope: 'conversations.readonly',
      handle(request, token) {
        const { locationId, contactId } = request.query;
        if (locationId !== token.resourceId) return refuse(403, 'The token does not have access to this location.', 'scope');
        const contact = world.state.contacts[String(contactId)];
        const isFound = contact?.locationId === locationId && hasConversation(world, contact);
        const conversations = isFound ? [{ id: contact.conversationId, contactId, locationId }] : [];
        return { status: 200, body: { conversations, total: conversations.length } };
      },
    },
    {
      ...shared,
      operation: 'createConversation',
      method: 'post',
      path: '/conversations/',
      scope: 'conversations.write',
      handle(request, token) {
        const parsed = conversationBody.safeParse(request.body);
        if (!parsed.success) return refuseInvalid(422, parsed.error);
        const contact = world.state.contacts[parsed.data.contactId];
        if (parsed.data.locationId !== token.resourceId || contact?.locationId !== token.resourceId) {
          return refuse(400, 'Contact not found', 'state');
        }
        if (hasConversation(world, contact)) return refuse(400, 'Conversation already exists', 'state');
        contact.hasConversation = true;
        return { status: 201, body: { success: true, conversation: { id: contact.conversationId } } };
      },
    },
  ];
}

function addOutboundCall(world: SimWorld, locationId: string, body: unknown): SimResponse {
  const parsed = outboundBody.safeParse(body);
  if (!parsed.success) return refuseInvalid(422, parsed.error);
  const { conversationId, conversationProviderId, call, altId, attachments } = parsed.data;
  const contact = Object.values(world.state.contacts).find((one) => one.conversationId === conversationId);
  if (contact?.locationId !== locationId || !hasConversation(world, contact)) {
    return refuse(400, 'Conversation not found', 'state');
  }
  const provider = world.app.providers.find(({ id, kind }) => id === conversationProviderId && kind === 'call');
  if (!provider) return refuse(400, 'Incorrect conversationProviderId/type', 'schema');
  if (call?.to !== contact.phone) return refuse(400, 'call.to must be a number of the contact', 'schema');
  const message = addMessage(world, contact, {
    ...{ providerKey: provider.key, direction: 'outbound', text: '', status: 'delivered' },
    ...{ attachments: attachments ?? [], altId: altId ?? null, call },
  });
  return {
    status: 200,
    body: { success: true, conversationId, messageId: message.id, message: 'Message added', contactId: contact.id },
  };
}

function setRecordings(world: SimWorld, locationId: string, messageId: string, body: unknown): SimResponse {
  const parsed = recordingsBody.safeParse(body);
  if (!parsed.success) return refuseInvalid(422, parsed.error);
  const message = world.state.messages[messageId];
  if (message?.locationId !== locationId) return refuse(404, 'Message not found', 'state');
  if (!message.call) return refuse(403, 'Message type does not support attachment updates', 'state');
  message.attachments = parsed.data.attachments;
  return { status: 200, body: { success: true } };
}

function hasConversation(world: SimWorld, contact: SimContact): boolean {
  return contact.hasConversation === true || listMessages(world.state, contact.id).length > 0;
}
