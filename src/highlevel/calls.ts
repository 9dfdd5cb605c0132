import { maxChars } from '../core/bounds.ts';
import { isAppError } from '../core/errors.ts';
import { shortId, toList, toObject } from '../core/foreign.ts';
import { type HighLevel, toLocationOwner } from './client.ts';
import { addInboundMessage, buildCallBody, type InboundPost, type PostedMessage, readPostedMessage } from './messages.ts';

/** Most recordings that HighLevel accepts with one call. */
export const maxRecordings = 5;

/**
 * Adds a call to a contact's conversation (platform-2026-11.md 3.4). One that the location made needs the conversation's id, which HighLevel
 * does not find by the contact.
 *
 * @param knownConversationId of the contact; null where it has to be looked up
 * @throws AppError as the client; `highlevel_no_message_id`
 */
export async function addCall(
  highLevel: HighLevel,
  post: InboundPost,
  knownConversationId: string | null,
): Promise<PostedMessage> {
  if (post.direction === 'inbound') return addInboundMessage(highLevel, post, 'Call');
  const { locationId, contactId } = post;
  if (knownConversationId === null) {
    return addOutboundCall(highLevel, post, await findOrCreateConversation(highLevel, locationId, contactId));
  }
  try {
    return await addOutboundCall(highLevel, post, knownConversationId);
  } catch (error) {
    // The conversation may have been deleted or merged, for which HighLevel may respond with a 500, too (platform.md 6.2).
    if (!isAppError(error, 'highlevel_refused', 'highlevel_failed')) throw error;
    const conversationId = await findCurrentConversation(highLevel, locationId, contactId);
    if (conversationId === null || conversationId === knownConversationId) throw error;
    return addOutboundCall(highLevel, post, conversationId);
  }
}

async function addOutboundCall(highLevel: HighLevel, post: InboundPost, conversationId: string): Promise<PostedMessage> {
  const response = await highLevel({
    operation: 'addOutboundCall',
    owner: toLocationOwner(post.locationId),
    providerKey: post.provider.key,
    body: { ...buildCallBody(post), conversationId },
  });
  const posted = readPostedMessage(response);
  return { ...posted, conversationId: posted.conversationId ?? conversationId };
}

/** @returns null where HighLevel refuses the lookup, as its search may lag or a scope is missing: then the error of the call counts */
async function findCurrentConversation(highLevel: HighLevel, locationId: string, contactId: string): Promise<string | null> {
  try {
    return await findOrCreateConversation(highLevel, locationId, contactId);
  } catch (error) {
    if (isAppError(error, 'highlevel_refused', 'highlevel_forbidden')) return null;
    throw error;
  }
}

async function findOrCreateConversation(highLevel: HighLevel, locationId: string, contactId: string): Promise<string> {
  const owner = toLocationOwner(locationId);
  const found = await highLevel({ operation: 'searchConversations', owner, query: { locationId, contactId, limit: '1' } });
  const id = readId(toObject(toList(found.body.conversations)[0]).id);
  if (id !== undefined) return id;
  const created = await highLevel({ operation: 'createConversation', owner, body: { locationId, contactId } });
  return readId(toObject(created.body.conversation).id) ?? '';
}

function readId(value: unknown): string | undefined {
  return shortId(maxChars.highlevelId).parse(value);
}

/** Sets the recordings of a call that HighLevel has, in place of those that it had. @throws AppError as the client */
export async function setCallRecordings(
  highLevel: HighLevel,
  ref: { locationId: string; providerKey: string; highlevelMessageId: string },
  attachments: readonly string[],
): Promise<void> {
  await highLevel({
    operation: 'setCallRecordings',
    owner: toLocationOwner(ref.locationId),
    providerKey: ref.providerKey,
    path: { messageId: ref.highlevelMessageId },
    body: { attachments },
  });
}
