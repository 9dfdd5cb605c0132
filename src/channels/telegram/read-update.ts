import { parseForeignJson, toId, toObject, toTime } from '../../core/foreign.ts';
import type { ChannelEvent } from '../channel.ts';
import { toContactAddress } from './addresses.ts';
import { readMessage, readSender } from './read-message.ts';

/** Kinds of updates that Telegram is asked for. Others, such as those of business accounts, would be read as the wrong person's. */
export const allowedUpdates = ['message', 'edited_message', 'my_chat_member'] as const;

/** Content of one update. */
export interface Update {
  /** None for an update without content for us. */
  readonly events: readonly ChannelEvent[];
  /** Language of the app of the person who wrote, such as `es-MX`. */
  readonly language: string | undefined;
}

/** Reads one update. @param bot id of the bot that has received it. @throws AppError `payload_invalid`: no JSON */
export function readUpdate(body: Uint8Array, bot: string): Update {
  const { message, edited_message, my_chat_member } = toObject(parseForeignJson(body));
  return {
    events: [...readMessage(message, false, bot), ...readMessage(edited_message, true, bot), ...readMembership(my_chat_member)],
    language: toId(toObject(toObject(message).from).language_code),
  };
}

/** Reads a change of the bot's own membership: in a private chat, the contact has blocked the bot or lifts the block. */
function readMembership(value: unknown): ChannelEvent[] {
  const change = toObject(value);
  const sender = readSender(change);
  if (!sender) return [];
  const [before, after] = [change.old_chat_member, change.new_chat_member].map((member) => toId(toObject(member).status));
  const isBlock = after === 'kicked';
  if (!isBlock && !(after === 'member' && before === 'kicked')) return [];
  const optOut = {
    address: toContactAddress(sender.chat),
    optedOut: isBlock,
    category: 'all' as const,
    occurredAt: toTime(change.date),
    reason: isBlock ? 'blocked the bot' : 'unblocked the bot',
  };
  return [{ kind: 'opt_out', optOut }];
}
