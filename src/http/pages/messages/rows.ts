import type { Channels } from '../../../channels/registry.ts';
import { type Clock, dateNow } from '../../../core/clock.ts';
import { toSingleLine } from '../../../core/sanitize.ts';
import type { Database } from '../../../database/client.ts';
import { loadGroupPauses, toReason, toStatus } from '../../../messages/log/wait-reasons.ts';
import type { Message } from '../../../messages/model/message.ts';
import { toChannelName } from '../channels/providers.ts';
import type { PageInput } from '../framework/page.ts';
import { type Text, toReasonText } from '../framework/texts.ts';

const excerptLength = 140;

/** Messages as the log and the list of what was given up show them. */
export async function loadMessageRows(
  deps: { db: Database; clock: Clock },
  messages: readonly Message[],
  { text, href }: { text: Text; href: (message: Message) => string },
) {
  const waits = await loadGroupPauses(deps, messages);
  const types = await loadConnectionTypes(
    deps.db,
    messages.map(({ connectionId }) => connectionId),
  );
  return messages.map((message) => {
    const reason = toReason(message, waits);
    const type = message.connectionId ? types.get(message.connectionId) : undefined;
    const { providerKey: provider } = message;
    return {
      id: message.id,
      href: href(message),
      direction: message.direction,
      isTest: message.isTest,
      who: toContactLabel(message) ?? text('log.unknownContact'),
      excerpt: toExcerpt(message),
      attachments: message.attachments.length,
      status: toStatus(message),
      reason: message.state !== 'delivered' && message.state !== 'read' && reason ? toReasonText(text, reason) : null,
      nextAt: findNextAttemptAt(message, reason?.until, dateNow(deps.clock)),
      channel: type ? text('log.providerBy', { provider, type }) : provider,
      locationId: message.locationId,
      createdAt: message.createdAt,
    };
  });
}

/** When something is tried next, if that is known: a lane that rests may rest longer than the message itself waits. */
export function findNextAttemptAt(message: Message, pausedUntil: Date | undefined, now: Date): Date | null {
  if (message.state !== 'pending' || message.heldForReviewAt) return null;
  const at = pausedUntil ?? message.nextAttemptAt;
  return at && at > now ? at : null;
}

/** The person at the other end, as far as we know. */
export function toContactLabel({ direction, sentExternally, name, from, to, contactId }: Message): string | null {
  const address = direction === 'outbound' || sentExternally ? to : from;
  const person = address ?? contactId;
  return name && person ? `${name}, ${person}` : (person ?? name);
}

/** Returns the display name of the channel behind a connection type; a general word when the connection is deleted. */
export function toChannelLabel(channels: Channels, text: Text, type: string | null): string {
  return type === null ? text('log.unknownChannel') : toChannelName(text, { type, title: channels.get(type)?.title ?? type });
}

/** Loads the channel type of each connection, by the connection's id; deleted connections are left out. */
export async function loadConnectionTypes(db: Database, ids: readonly (string | null)[]): Promise<Map<string, string>> {
  const wanted = [...new Set(ids.filter((id) => id !== null))];
  if (wanted.length === 0) return new Map();
  const rows = await db.client.connection.findMany({ where: { id: { in: wanted } }, select: { id: true, type: true } });
  return new Map(rows.map(({ id, type }) => [id, type]));
}

/** The names of the locations of messages, by their ids. */
export async function loadLocationNames(
  db: Database,
  items: readonly { locationId: string }[],
): Promise<Record<string, string>> {
  const ids = [...new Set(items.map(({ locationId }) => locationId))];
  const rows = await db.client.installation.findMany({
    where: { kind: 'location', resourceId: { in: ids } },
    select: { resourceId: true, name: true },
  });
  return Object.fromEntries(rows.map(({ resourceId, name }) => [resourceId, name ?? resourceId]));
}

/** What the list needs of each message to know that it has changed. */
export function toRowsVersion(messages: readonly Pick<Message, 'id' | 'updatedAt'>[]): unknown {
  return messages.map(({ id, updatedAt }) => [id, updatedAt.getTime()]);
}

/** A link within a location for its own pages, or to a message among all that is in reach. */
export function createMessageLink(url: PageInput['url'], scope: 'location' | 'account') {
  return ({ id }: { id: string }) => url(`${scope === 'location' ? '' : '/'}messages/${id}`);
}

function toExcerpt({ subject, text }: Message): string {
  return toSingleLine([subject, text].filter(Boolean).join(' – '), excerptLength);
}
