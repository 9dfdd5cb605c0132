import * as z from 'zod';
import { findDndRefusal } from './do-not-disturb.ts';
import { type Endpoint, refuse, type SimResponse } from './endpoint.ts';
import { addMessage, refuseInvalid } from './messages.ts';
import { postDelivery } from './webhooks.ts';
import type { SimWorld } from './world.ts';

const sendBody = z.strictObject({
  type: z.enum(['SMS', 'RCS', 'Email', 'WhatsApp', 'IG', 'FB', 'Custom', 'Live_Chat', 'TIKTOK']),
  contactId: z.string().min(1),
  conversationProviderId: z.string().min(1).optional(),
  message: z.string().optional(),
  html: z.string().optional(),
  subject: z.string().optional(),
  attachments: z.array(z.url()).min(1, 'attachments must contain at least 1 elements').optional(),
});

/** Creates the endpoint by which an app has HighLevel send a message (send-a-new-message in HighLevel's OpenAPI files). */
export function createSendEndpoints(world: SimWorld): Endpoint[] {
  return [
    {
      operation: 'sendMessage',
      method: 'post',
      path: '/conversations/messages',
      version: '2021-04-15',
      scope: 'conversations/message.write',
      kind: 'Location',
      handle: (request, token) => send(world, token.resourceId, request.body),
    },
  ];
}

async function send(world: SimWorld, locationId: string, body: unknown): Promise<SimResponse> {
  const parsed = sendBody.safeParse(body);
  if (!parsed.success) return refuseInvalid(422, parsed.error);
  const { type, contactId, conversationProviderId, message, html, subject, attachments = [] } = parsed.data;
  const contact = world.state.contacts[contactId];
  if (contact?.locationId !== locationId) return refuse(400, 'Contact not found', 'state');
  const kinds = { SMS: ['sms'], Email: ['email'], Custom: ['sms-extra', 'email-extra'] }[type as string] ?? [];
  const provider = world.app.providers.find(
    ({ id, kind }) => kinds.includes(kind) && (kind.endsWith('-extra') ? id === conversationProviderId : true),
  );
  if (!provider) {
    return refuse(400, 'Incorrect conversationProviderId/type', 'schema', {
      canonicalCode: 'CONVERSATIONS_MSG_CONVERSATION_PROVIDER_MISMATCH',
    });
  }
  if (!message && !html && attachments.length === 0) {
    return refuse(422, 'There is no message or attachments for this message.', 'state', {
      canonicalCode: 'CONVERSATIONS_MSG_NO_CONTENT',
    });
  }
  // It is checked before the message is handed over (platform-2026-11.md 3.1).
  const refusal = findDndRefusal(world, contact, provider.key);
  if (refusal) {
    const channel = provider.kind.startsWith('email') ? 'EMAIL' : 'SMS';
    return refuse(400, refusal, 'state', { canonicalCode: `CONVERSATIONS_MSG_DND_ACTIVE_${channel}` });
  }
  const isEmail = provider.kind.startsWith('email');
  const stored = addMessage(world, contact, {
    providerKey: provider.key,
    direction: 'outbound',
    text: isEmail ? (subject ?? html ?? '') : (message ?? ''),
    attachments,
    altId: null,
    status: 'pending',
  });
  if (world.behaviour.deliveryOrder === 'before_response') await postDelivery(world, stored, contact);
  else world.clock.setTimeout(() => void postDelivery(world, stored, contact), 0);
  const { conversationId, id: messageId } = stored;
  return { status: 200, body: { conversationId, messageId, msg: 'Message queued successfully.' } };
}
