import type { Clock } from '../core/clock.ts';
import type { Database, Executor } from '../database/client.ts';
import type { Message } from './store.ts';

/** A post into a conversation takes no longer than this; one that seems to was interrupted. */
const postingAtMostMs = 60_000;

/**
 * Whether an outbound message may be the echo of an answer that we are just posting into this contact's conversation: HighLevel can
 * post it to the Delivery URL before its answer has told us its id (platform.md 3.4). Once that id is known, `dropEcho` settles it.
 */
export async function mayBeEcho(deps: { db: Database; clock: Clock }, message: Message): Promise<boolean> {
  if (!message.contactId) return false;
  const posting = await deps.db.client.message.count({
    where: {
      locationId: message.locationId,
      contactId: message.contactId,
      postingSince: { gt: new Date(deps.clock.now() - postingAtMostMs), lte: message.createdAt },
    },
  });
  return posting > 0;
}

/**
 * Removes an outbound message that turned out to be the echo of our own post. One that was sent already stays: it happened.
 *
 * @returns whether HighLevel's id is free for the message that it was given to
 */
export async function dropEcho(tx: Executor, locationId: string, highlevelMessageId: string): Promise<boolean> {
  const echo = { locationId, highlevelMessageId };
  await tx.message.deleteMany({ where: { ...echo, direction: 'outbound', attempts: { none: {} } } });
  return (await tx.message.count({ where: echo })) === 0;
}
