import * as z from 'zod';
import { maxChars } from '../core/bounds.ts';
import { readRows, requiredText, text, toList, unknownField } from '../core/foreign.ts';
import { type HighLevel, type HighLevelAnswer, location } from './client.ts';

/** A message as HighLevel's list shows it. It leaves `altId` out, so nothing there names ours. */
export interface ListedMessage {
  id: string;
  conversationId: string;
  /** Null where HighLevel does not say. */
  conversationProviderId: string | null;
  direction: 'inbound' | 'outbound';
  text: string;
  attachmentCount: number;
}

export interface MessagesWanted {
  locationId: string;
  contactId: string;
  since: Date;
}

const listedAtMost = 100;

const listed = z.object({
  id: requiredText(maxChars.highlevelId),
  contactId: requiredText(maxChars.highlevelId),
  conversationId: requiredText(maxChars.highlevelId),
  conversationProviderId: text,
  direction: text,
  body: text,
  attachments: unknownField.transform(toList),
});

/**
 * Lists what a contact's conversation got since a moment, oldest first; of very many only the newest hundred
 * (export-messages-by-location in HighLevel's OpenAPI files). What has just been added may still be missing. @throws AppError as the client
 */
export async function listMessages(
  highLevel: HighLevel,
  wanted: MessagesWanted,
): Promise<{ answer: HighLevelAnswer; messages: ListedMessage[] }> {
  const { locationId, contactId, since } = wanted;
  const answer = await highLevel({
    operation: 'listMessages',
    owner: location(locationId),
    query: { locationId, contactId, startDate: since.toISOString(), sortOrder: 'desc', limit: String(listedAtMost) },
  });
  const messages = readRows(listed, answer.body.messages)
    .rows.filter((row) => row.contactId === contactId)
    .map(({ id, conversationId, conversationProviderId, direction, body: said, attachments }) => ({
      id,
      conversationId,
      conversationProviderId: conversationProviderId ?? null,
      direction: direction === 'outbound' ? ('outbound' as const) : ('inbound' as const),
      text: said ?? '',
      attachmentCount: attachments.length,
    }))
    .reverse();
  return { answer, messages };
}
