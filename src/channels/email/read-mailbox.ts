import type { FetchMessageObject, ImapFlow } from 'imapflow';
import { isAppError } from '../../core/errors.ts';
import type { ChannelEvent } from '../channel.ts';
import type { EmailContext } from './config.ts';
import type { MailboxCursor, MailboxPlace } from './cursor.ts';
import { maxMailBytes } from './imap-client.ts';
import { type FetchedMail, type LoopGuard, tryReadMail } from './read-mail.ts';

export interface ReadMailboxDeps {
  context: EmailContext;
  client: ImapFlow;
  guard: LoopGuard;
  emit(events: readonly ChannelEvent[], state?: unknown): Promise<void>;
  isEnded(): boolean;
  /** Failures to fetch a mail, by its place; they outlive a session. */
  failures: Map<string, number>;
}

const dayMs = 24 * 60 * 60 * 1000;

type MailRow = Pick<FetchMessageObject, 'uid' | 'size' | 'internalDate'>;

/**
 * Finds the place from which the mailbox is read. In a mailbox that was not read before it is the end: what is there already is not new. When the server has
 * numbered the mailbox anew, UIDs mean nothing, and the time of receipt decides: repeats are recognised by their Message-ID.
 */
export async function openCursor(
  client: ImapFlow,
  stored: MailboxCursor | null,
  place: MailboxPlace,
  now: number,
): Promise<MailboxCursor> {
  const uidValidity = String(getMailbox(client).uidValidity);
  const isSameFolder = stored?.place === undefined || stored.place.folder === place.folder;
  if (stored?.uidValidity === uidValidity && isSameFolder) return { ...stored, place };
  if (stored && isSameFolder && (stored.place === undefined || stored.place.user === place.user)) {
    const received = Date.parse(stored.receivedAt);
    const rows = await listRows(client, { since: new Date(received - dayMs) });
    const [firstNew] = rows.filter(({ internalDate }) => toTime(internalDate) >= received);
    const last = getMailbox(client).uidNext - 1;
    const renumbered = { lastUid: last, receivedAt: stored.receivedAt };
    return { ...stored, place, uidValidity, lastUid: firstNew ? firstNew.uid - 1 : last, renumbered, reading: undefined };
  }
  const lastUid = getMailbox(client).uidNext - 1;
  const last = await client.fetchOne('*', { uid: true, internalDate: true }).catch(() => false as const);
  // Times of receipt are whole seconds: the next one is surely later than that of all mails which are there.
  const receivedAt = last && getMailbox(client).exists > 0 ? toTime(last.internalDate) + 1_000 : now;
  return {
    place,
    uidValidity,
    lastUid: Math.max(lastUid, 0),
    receivedAt: new Date(receivedAt).toISOString(),
    checkedAt: new Date(now).toISOString(),
  };
}

function getMailbox({ mailbox }: ImapFlow) {
  if (!mailbox) throw new Error('The folder is not open.');
  return mailbox;
}

function toTime(date: Date | string | undefined): number {
  const time = date === undefined ? Number.NaN : new Date(date).getTime();
  return Number.isNaN(time) ? 0 : time;
}

async function listRows(client: ImapFlow, query: { since: Date } | { uid: string }): Promise<MailRow[]> {
  const uids = await client.search(query, { uid: true });
  if (!uids || uids.length === 0) return [];
  const rows: MailRow[] = [];
  for (let at = 0; at < uids.length; at += 500) {
    const range = uids.slice(at, at + 500).join(',');
    // Collected before any other command: one inside of the loop would wait for itself.
    for await (const row of client.fetch(range, { uid: true, size: true, internalDate: true }, { uid: true })) rows.push(row);
  }
  return rows.toSorted((a, b) => a.uid - b.uid);
}

/**
 * Reads the mails after the cursor, one by one, and stores the cursor with each. A mail that can't be read, that ends its reader five times, or whose
 * events can't be stored although others can, is left in the mailbox.
 *
 * @returns the new cursor
 * @throws when the connection breaks, or when events can't be stored at present
 */
export async function readNewMails(deps: ReadMailboxDeps, cursor: MailboxCursor): Promise<MailboxCursor> {
  let current = cursor;
  // A range beyond the end brings the last mail again.
  const rows = (await listRows(deps.client, { uid: `${cursor.lastUid + 1}:*` })).filter(({ uid }) => uid > cursor.lastUid);
  let isStored = true;
  for (const row of rows) {
    if (deps.isEnded()) return current;
    isStored = !isOld(row, current);
    current = isStored ? await readOne(deps, row, current) : { ...current, lastUid: row.uid };
  }
  if (!isStored) await deps.emit([], current);
  return current;
}

/** Returns whether a mail was there before the last one that was read: a mailbox that is numbered anew may have it behind that one. */
function isOld({ uid, internalDate }: MailRow, { renumbered }: MailboxCursor): boolean {
  return renumbered !== undefined && uid <= renumbered.lastUid && toTime(internalDate) < Date.parse(renumbered.receivedAt);
}

const maxTries = 5;

async function readOne(deps: ReadMailboxDeps, row: MailRow, cursor: MailboxCursor): Promise<MailboxCursor> {
  const { context, guard } = deps;
  const { log } = context;
  const { uid } = row;
  const receivedAt = Math.max(toTime(row.internalDate), Date.parse(cursor.receivedAt));
  const next = { ...cursor, lastUid: uid, receivedAt: new Date(receivedAt).toISOString(), reading: undefined };
  const tries = (cursor.reading?.uid === uid ? cursor.reading.tries : 0) + 1;
  if (tries > maxTries) {
    log.warn({ uid }, 'an email has ended its reader each time and is left in the mailbox');
    await deps.emit([], next);
    return next;
  }
  const mail = await fetchMail(deps, row, cursor);
  // Before the mail is read: its reader may end with its process, or block it until another worker has the session.
  if (mail) await deps.emit([], { ...cursor, reading: { uid, tries } });
  const read = mail && (await tryReadMail(log, context.connection, guard, mail));
  if (!read || 'ignored' in read) {
    if (read) log.info({ uid, reason: read.ignored }, 'an email is left in the mailbox');
    await deps.emit([], next);
    return next;
  }
  try {
    await deps.emit(read.events, next);
    return next;
  } catch (err) {
    const isFinal = isAppError(err) ? err.retry === 'never' : tries === maxTries;
    if (!isFinal) {
      // What is known to pass is no try of the mail.
      if (isAppError(err)) await deps.emit([], { ...cursor, reading: undefined });
      throw err;
    }
    log.warn({ err, uid }, 'an email could not be stored and is left in the mailbox');
    await deps.emit([], next);
    return next;
  }
}

const maxFetchFailures = 5;

function toFailureKey({ context }: ReadMailboxDeps, uid: number, { uidValidity }: MailboxCursor): string {
  return `${context.connection.id}/${uidValidity}/${uid}`;
}

/**
 * Fetches a mail. After five failures to fetch it, with an error or by the end of the connection, its headers alone do. A mail whose headers the server
 * does not deliver either is left out after five more, if the server delivers another: an outage of the server skips no mail.
 *
 * @returns null for a mail that is gone, or left out
 */
async function fetchMail(deps: ReadMailboxDeps, row: MailRow, cursor: MailboxCursor): Promise<FetchedMail | null> {
  const { client, context, failures } = deps;
  const { uid, size = 0, internalDate } = row;
  const key = toFailureKey(deps, uid, cursor);
  const count = failures.get(key) ?? 0;
  const isAlone = count >= 2 * maxFetchFailures && (await deliversOther(client, uid));
  try {
    const content = await fetchContent(deps, row, count >= maxFetchFailures);
    failures.delete(key);
    // It was moved or deleted in the meantime.
    if (!content) return null;
    const received = toTime(internalDate);
    return {
      place: { uidValidity: cursor.uidValidity, uid },
      bytes: content.bytes,
      receivedAt: received > 0 ? new Date(received) : undefined,
      omittedBytes: content.isWhole ? undefined : size,
    };
  } catch (err) {
    // A session that is closed in the meantime says nothing about the mail.
    if (context.signal.aborted) throw err;
    failures.set(key, count + 1);
    if (!isAlone) throw err;
    context.log.warn({ err, uid }, 'an email could not be fetched and is left in the mailbox');
    return null;
  }
}

/** Fetches the whole mail, or its headers where it is too large. @param isDoubtful has failed before: then its headers come first, and do alone */
async function fetchContent({ client, context }: ReadMailboxDeps, { uid, size = 0 }: MailRow, isDoubtful: boolean) {
  const isLarge = size > maxMailBytes;
  const fetch = (query: { headers: true } | { source: true }) => client.fetchOne(String(uid), query, { uid: true });
  const { headers } = isLarge || isDoubtful ? (await fetch({ headers: true })) || {} : {};
  const fetchWhole = () =>
    fetch({ source: true }).catch((err: unknown) => {
      if (!headers || context.signal.aborted) throw err;
      return false as const;
    });
  const { source } = isLarge ? {} : (await fetchWhole()) || {};
  if (source) return { bytes: source, isWhole: true };
  return headers ? { bytes: headers, isWhole: false } : null;
}

/** Returns whether the server delivers another mail than one that it has failed to deliver. */
async function deliversOther(client: ImapFlow, uid: number): Promise<boolean> {
  try {
    const other = ((await client.search({ all: true }, { uid: true })) || []).findLast((one) => one !== uid);
    if (other === undefined) return false;
    const found = await client.fetchOne(String(other), { headers: true }, { uid: true });
    return found !== false && found.headers !== undefined;
  } catch {
    return false;
  }
}
