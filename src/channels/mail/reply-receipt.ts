import type { ChannelEvent } from '../channel.ts';
import type { RepliedMessage } from './headers.ts';

const evidence = { code: 'reply', message: 'The contact has replied.' } as const;

/**
 * Builds the receipt that a reply is: its sender has read what it replies to, if it was a recipient of that. A mail program may name only the id
 * by which a server has replaced ours.
 */
export function toReplyReceipts(
  replied: RepliedMessage | undefined,
  sender: string,
  occurredAt: Date | undefined,
): ChannelEvent[] {
  if (!replied) return [];
  const named = replied.messageId === undefined ? { externalId: replied.id } : { messageId: replied.messageId };
  return [{ kind: 'receipt', receipt: { ...named, state: 'read', recipient: sender, evidence, occurredAt } }];
}
