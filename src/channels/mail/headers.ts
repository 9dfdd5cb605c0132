import { toList, toObject, toText } from '../../core/foreign.ts';
import { getDomain } from './addresses.ts';
import { parseIdList, parseOwnMessageId } from './message-id.ts';

/** Headers of an inbound email: the values of each name, in small letters. */
export type MailHeaders = ReadonlyMap<string, readonly string[]>;

const maxHeaders = 500;

/** Reads headers: a list of pairs of name and value, or an object of names. Rows of another form are left out. */
export function readHeaders(value: unknown): MailHeaders {
  const pairs = Array.isArray(value)
    ? value.flatMap((row) => (Array.isArray(row) ? [[row[0], row[1]]] : []))
    : Object.entries(toObject(value)).flatMap(([name, content]) => toList(content).map((one) => [name, one]));
  const headers = new Map<string, string[]>();
  for (const [rawName, rawContent] of pairs.slice(0, maxHeaders)) {
    const [name, content] = [toText(rawName)?.trim().toLowerCase(), toText(rawContent)?.trim()];
    if (name && content) headers.set(name, [...(headers.get(name) ?? []), content]);
  }
  return headers;
}

/** Returns the first value of a header. */
export function getHeader(headers: MailHeaders, name: string): string | undefined {
  return headers.get(name)?.[0];
}

/** Message that an email replies to. */
export interface RepliedMessage {
  /** The id in the header, without angle brackets. */
  readonly id: string;
  /** Our message id, where the id is one that we made. */
  readonly messageId: string | undefined;
}

/**
 * Finds the message that an email replies to: the first id that we made in `In-Reply-To`, then in `References` from the newest to the oldest,
 * else the first of them. Some relays replace the id of an email, and only `References` still has ours.
 *
 * @param own address or domain that our ids name: one of that domain comes before those of another, which another program may have made
 */
export function findRepliedMessage(headers: MailHeaders, own = ''): RepliedMessage | undefined {
  const references = parseIdList(getHeader(headers, 'references')).toReversed();
  const ids = [...parseIdList(getHeader(headers, 'in-reply-to')), ...references];
  const messages = ids.map((id) => ({ id, messageId: parseOwnMessageId(id) }));
  const ours = messages.filter(({ messageId }) => messageId !== undefined);
  return ours.find(({ id }) => getDomain(id) === getDomain(own)) ?? ours[0] ?? messages[0];
}
