import * as z from 'zod';
import { maxChars } from '../core/bounds.ts';
import { readRows, requiredText, text, toList, unknownField } from '../core/foreign.ts';
import { type HighLevel, type HighLevelResponse, toLocationOwner } from './client.ts';

/** A message in HighLevel's list. The list omits `altId`, so no row carries our id. */
export interface ListedMessage {
  id: string;
  conversationId: string;
  /** Null where HighLevel omits it. */
  conversationProviderId: string | null;
  direction: 'inbound' | 'outbound';
  text: string;
  attachmentCount: number;
}

export interface MessageListQuery {
  locationId: string;
  contactId: string;
  since: Date;
}

const maxListed = 100;

const listedMessage = z.object({
  id: requiredText(maxChars.highlevelId),
  contactId: requiredText(maxChars.highlevelId),
  conversationId: requiredText(maxChars.highlevelId),
  conversationProviderId: text,
  direction: text,
  body: text,
  attachments: unknownField.transform(toList),
});

/**
 * Lists the messages of a contact's conversation since a moment, oldest first; of very many only the newest hundred
 * (export-messages-by-location in HighLevel's OpenAPI files). The list lags: a new message may still be missing. @throws AppError as the
 * client
 */
export async function listMessages(
  highLevel: HighLevel,
  query: MessageListQuery,
): Promise<{ response: HighLevelResponse; messages: ListedMessage[] }> {
  const { locationId, contactId, since } = query;
  const response = await highLevel({
    operation: 'listMessages',
    owner: toLocationOwner(locationId),
    query: { locationId, contactId, startDate: since.toISOString(), sortOrder: 'desc', limit: String(maxListed) },
  });
  const messages = readRows(listedMessage, response.body.messages)
    .rows.filter((row) => row.contactId === contactId)
    .map(({ id, conversationId, conversationProviderId, direction, body: bodyText, attachments }) => ({
      id,
      conversationId,
      conversationProviderId: conversationProviderId ?? null,
      direction: direction === 'outbound' ? ('outbound' as const) : ('inbound' as const),
      text: bodyText ?? '',
      attachmentCount: attachments.length,
    }))
    .reverse();
  return { response, messages };
}
