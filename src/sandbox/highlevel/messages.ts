import * as z from 'zod';
import { type Endpoint, refuse, type SimResponse } from './endpoint.ts';
import { createHighLevelId, listMessages, type SimContact, type SimMessage } from './state.ts';
import { postDelivery } from './webhooks.ts';
import type { SimWorld } from './world.ts';

const error = z.strictObject({ code: z.string(), type: z.string(), message: z.string() });

const statusBody = z
  .strictObject({
    status: z.enum(['delivered', 'failed', 'pending', 'read']),
    error: error.optional(),
    emailMessageId: z.string().optional(),
    recipients: z.array(z.string()).optional(),
  })
  .refine((body) => body.status !== 'failed' || body.error !== undefined, { error: 'error is required with failed' });

export const callSchema = z.strictObject({
  to: z.string().optional(),
  from: z.string().optional(),
  status: z.enum(['pending', 'completed', 'answered', 'busy', 'no-answer', 'failed', 'canceled', 'voicemail']).optional(),
});

const inboundBody = z.strictObject({
  type: z.enum(['SMS', 'RCS', 'Email', 'WhatsApp', 'GMB', 'IG', 'FB', 'Custom', 'WebChat', 'Live_Chat', 'Call']),
  contactId: z.string().min(1).optional(),
  conversationId: z.string().min(1).optional(),
  conversationProviderId: z.string().min(1).optional(),
  message: z.string().optional(),
  html: z.string().optional(),
  subject: z.string().optional(),
  emailFrom: z.string().optional(),
  emailTo: z.string().optional(),
  emailMessageId: z.string().optional(),
  altId: z.string().optional(),
  direction: z.enum(['inbound', 'outbound']).default('outbound'),
  date: z.iso.datetime().optional(),
  attachments: z.array(z.url()).min(1, 'attachments must contain at least 1 elements').optional(),
  call: callSchema.optional(),
});

/** Creates the endpoints for statuses and inbound messages (platform.md 4.1 and 6.1). */
export function createMessageEndpoints(world: SimWorld): Endpoint[] {
  const shared = { version: '2021-04-15', scope: 'conversations/message.write', kind: 'Location' as const };
  return [
    {
      ...shared,
      operation: 'updateMessageStatus',
      method: 'put',
      path: '/conversations/messages/:messageId/status',
      handle: (request, token) => setStatus(world, String(request.params.messageId), token.resourceId, request.body),
    },
    {
      ...shared,
      operation: 'addInboundMessage',
      method: 'post',
      path: '/conversations/messages/inbound',
      handle: (request, token) => addInbound(world, token.resourceId, request.body),
    },
  ];
}

function setStatus(world: SimWorld, messageId: string, locationId: string, body: unknown): SimResponse {
  const parsed = statusBody.safeParse(body);
  if (!parsed.success) return refuseInvalid(422, parsed.error);
  const message = world.state.messages[messageId];
  const age = message ? world.clock.now() - message.createdAt : 0;
  if (message?.locationId !== locationId || age < world.behaviour.statusDelayMs) {
    return refuse(403, 'No conversation provider found for this message', 'too_early');
  }
  message.status = parsed.data.status;
  message.error = parsed.data.error ?? null;
  message.statuses.push(parsed.data.status);
  const { conversationId, status } = message;
  return { status: 200, body: { conversationId, messageId, status } };
}

async function addInbound(world: SimWorld, locationId: string, body: unknown): Promise<SimResponse> {
  const parsed = inboundBody.safeParse(body);
  if (!parsed.success) return refuseInvalid(422, parsed.error);
  const fields = parsed.data;
  // The platform's worst habit: it responds 200 and does not store the message (platform.md 6.1, issue 70).
  if (fields.type === 'Custom' && !fields.conversationProviderId) return { status: 201 };
  const contact = Object.values(world.state.contacts).find(
    ({ id, conversationId }) => id === fields.contactId || conversationId === fields.conversationId,
  );
  if (!fields.contactId && !fields.conversationId)
    return refuse(400, 'Either conversationId or contactId is required', 'schema');
  if (contact?.locationId !== locationId) return refuse(400, 'Contact not found', 'state');
  const provider = findProvider(world, fields.type, fields.conversationProviderId);
  if (!provider) return refuseMismatch(world, fields.type, fields.conversationProviderId);
  if (fields.conversationId && provider.kind.endsWith('-extra') && !isInConversation(world, contact, provider.key)) {
    return refuseMismatch(world, fields.type, undefined);
  }

  // A call is known by its contact’s number.
  if (fields.type === 'Call' && (!fields.call || !fields.conversationProviderId || fields.call.from !== contact.phone)) {
    return refuse(400, 'call, with from of the contact, and conversationProviderId are required', 'schema');
  }
  if (fields.emailMessageId && !isThread(world, locationId, fields.emailMessageId)) {
    return refuse(400, 'No email thread with this emailMessageId', 'state');
  }

  const message = addMessage(world, contact, {
    providerKey: provider.key,
    ...(fields.emailMessageId ? { emailMessageId: fields.emailMessageId } : {}),
    direction: fields.direction,
    text: fields.message ?? fields.html ?? '',
    attachments: fields.attachments ?? [],
    altId: fields.altId ?? null,
    status: 'delivered',
    ...(fields.call ? { call: fields.call } : {}),
  });
  const echo = () => postDelivery(world, { ...message, direction: 'outbound' }, contact);
  if (world.behaviour.echo === 'before_response') await echo();
  if (world.behaviour.echo === 'after_response') world.clock.setTimeout(() => void echo(), 0);
  return {
    status: 200,
    body: {
      success: true,
      conversationId: contact.conversationId,
      messageId: message.id,
      message: 'Message added',
      contactId: contact.id,
      dateAdded: new Date(message.createdAt).toISOString(),
      ...(message.emailMessageId ? { emailMessageId: message.emailMessageId } : {}),
    },
  };
}

type SimProviderKind = SimWorld['app']['providers'][number]['kind'];

/** Types under which an inbound message of each kind of provider is accepted (platform-2026-11.md 2). */
const acceptedTypes: Record<SimProviderKind, readonly string[]> = {
  sms: ['SMS'],
  'sms-extra': ['Custom'],
  email: ['Email'],
  'email-extra': ['Custom'],
  call: ['Call'],
};

/** Finds the provider of an inbound message: an extra one must be named, a default one may be left out (platform.md 3.1). */
function findProvider(world: SimWorld, type: string, id: string | undefined) {
  return world.app.providers.find(
    ({ id: own, kind }) => acceptedTypes[kind].includes(type) && (id ? own === id : !kind.endsWith('-extra')),
  );
}

/** Refuses a type that the provider does not accept. A provider of another kind than the app's settings say is no fault of the app's. */
function refuseMismatch(world: SimWorld, type: string, id: string | undefined): SimResponse {
  const isDeclared = type === 'Custom' && world.app.providers.some((provider) => provider.id === id);
  return refuse(400, 'Incorrect conversationProviderId/type', isDeclared ? 'state' : 'schema', {
    canonicalCode: 'CONVERSATIONS_MSG_CONVERSATION_PROVIDER_MISMATCH',
  });
}

/** Returns whether an extra provider may post by the conversation's id: only where it has messages already. */
function isInConversation(world: SimWorld, contact: SimContact, providerKey: string): boolean {
  return listMessages(world.state, contact.id).some((message) => message.providerKey === providerKey);
}

function isThread(world: SimWorld, locationId: string, emailMessageId: string): boolean {
  return Object.values(world.state.messages).some(
    (message) => message.locationId === locationId && message.emailMessageId === emailMessageId,
  );
}

/** Adds a message to a contact's conversation. */
export function addMessage(
  world: SimWorld,
  contact: SimContact,
  fields: Pick<SimMessage, 'providerKey' | 'direction' | 'text' | 'attachments' | 'altId' | 'status'> & Partial<SimMessage>,
): SimMessage {
  const provider = world.app.providers.find(({ key }) => key === fields.providerKey);
  const id = fields.id ?? createHighLevelId(world.random);
  const message: SimMessage = {
    id,
    emailMessageId: provider?.kind.startsWith('email') ? `${id}E` : null,
    locationId: contact.locationId,
    contactId: contact.id,
    conversationId: contact.conversationId,
    error: null,
    statuses: [],
    payload: null,
    createdAt: world.clock.now(),
    ...fields,
  };
  world.state.messages[message.id] = message;
  return message;
}

/** Refuses an invalid body, in HighLevel's form. */
export function refuseInvalid(status: number, problem: z.ZodError): SimResponse {
  return refuse(
    status,
    problem.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`.trim()),
    'schema',
  );
}
