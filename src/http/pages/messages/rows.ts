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

/** Loads the rows of messages for the log and the dead letters. */
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
      excerpt: message.callStatus ? text(`log.calls.${message.callStatus}`) : toExcerpt(message),
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

/** Returns the next attempt's time, if known: a paused group may wait longer than the message itself. */
export function findNextAttemptAt(message: Message, pausedUntil: Date | undefined, now: Date): Date | null {
  if (message.state !== 'pending' || message.heldForReviewAt) return null;
  const at = pausedUntil ?? message.nextAttemptAt;
  return at && at > now ? at : null;
}

/** Returns the contact's name and address, as far as known. */
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

/** Loads the names of the messages' locations, by id. */
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

/** Returns a value that changes with the rows. */
export function toRowsVersion(messages: readonly Pick<Message, 'id' | 'updatedAt'>[]): unknown {
  return messages.map(({ id, updatedAt }) => [id, updatedAt.getTime()]);
}

/** Creates links to messages, within a location or among all visible locations. */
export function createMessageLink(url: PageInput['url'], scope: 'location' | 'account') {
  return ({ id }: { id: string }) => url(`${scope === 'location' ? '' : '/'}messages/${id}`);
}

function toExcerpt({ subject, text }: Message): string {
  return toSingleLine([subject, text].filter(Boolean).join(' – '), excerptLength);
}
