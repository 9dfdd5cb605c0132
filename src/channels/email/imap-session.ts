import { isDeepStrictEqual } from 'node:util';
import type { ImapFlow } from 'imapflow';
import type { Clock } from '../../core/clock.ts';
import type { ChannelEvent, OpenSession } from '../channel.ts';
import type { EmailContext } from './config.ts';
import { isCursor, type MailboxCursor } from './cursor.ts';
import { closeImapClient, openFolder, openImapClient } from './imap-client.ts';
import { createLoopGuard } from './read-mail.ts';
import { openCursor, readNewMails } from './read-mailbox.ts';
import { getUserName } from './sign-in.ts';

type Emit = (events: readonly ChannelEvent[], state?: unknown) => Promise<void>;

/** The mailbox is asked this often, beside IDLE, which can stay silent without an error. */
const pollIntervalMs = 60 * 1000;
/** The time of the last check is stored at most this often, and several times in a quiet period. */
const maxCheckIntervalMs = 10 * 60 * 1000;
const checksPerQuietPeriod = 6;

/** A session that has ended before it began, because of the account. */
function createRefusedSession(reason: { code: string; message: string }): OpenSession {
  return { closed: Promise.resolve(reason), close: async () => {} };
}

/**
 * Opens the mailbox of a connection and reports its new mails until it is closed. Mails that were there before the first connection are left alone.
 *
 * @throws when the server can't be reached, or can't open the folder at present
 */
export async function openImapSession(context: EmailContext, failures: Map<string, number>, emit: Emit): Promise<OpenSession> {
  const opened = await openImapClient(context);
  if ('failure' in opened) {
    const { class: kind, code, message } = opened.failure;
    if (kind === 'account') return createRefusedSession({ code, message });
    throw new Error(message);
  }
  const { client } = opened;
  const { folder } = context.connection.config.imap ?? { folder: 'INBOX' };
  const isOpen = await openFolder(client, folder).catch(async (error: unknown) => {
    await closeImapClient(client);
    throw error;
  });
  if (!isOpen) {
    await closeImapClient(client);
    return createRefusedSession({ code: 'imap_folder', message: `The mailbox has no folder ${folder} that can be opened.` });
  }
  const stored = await context.state.get<Partial<MailboxCursor>>();
  const place = { user: getUserName(context.connection.config, context.connection.config.imap), folder };
  const cursor = await openCursor(client, isCursor(stored) ? stored : null, place, context.clock.now());
  if (!isDeepStrictEqual(cursor, stored)) await emit([], cursor);
  return watchMailbox(context, client, cursor, failures, emit);
}

/** Creates a wait that ends after its time, or when it is woken. */
function createWait(clock: Clock) {
  let wake = () => {};
  return {
    wake: () => wake(),
    sleep: (ms: number) =>
      new Promise<void>((resolve) => {
        const timer = clock.setTimeout(resolve, ms);
        wake = () => {
          clock.clearTimeout(timer);
          resolve();
        };
      }),
  };
}

function watchMailbox(
  context: EmailContext,
  client: ImapFlow,
  first: MailboxCursor,
  failures: Map<string, number>,
  emit: Emit,
): OpenSession {
  const { clock, log } = context;
  const quietMs = context.connection.config.quietMinutes * 60_000;
  const checkIntervalMs = quietMs === 0 ? maxCheckIntervalMs : Math.min(maxCheckIntervalMs, quietMs / checksPerQuietPeriod);
  const closed = Promise.withResolvers<null>();
  const sleeper = createWait(clock);
  const guard = createLoopGuard(clock);
  let cursor = first;
  let hasEnded = false;
  let hasNews = false;
  const end = () => {
    hasEnded = true;
    sleeper.wake();
  };
  const notice = () => {
    hasNews = true;
    sleeper.wake();
  };
  client.on('exists', notice);
  client.on('close', end);
  context.signal.addEventListener('abort', end);

  async function watch(): Promise<void> {
    while (!hasEnded) {
      hasNews = false;
      const checkedAt = clock.now();
      await client.noop();
      cursor = await readNewMails({ context, client, guard, emit, failures, isEnded: () => hasEnded }, cursor);
      if (!hasEnded && checkedAt - Date.parse(cursor.checkedAt) >= checkIntervalMs) {
        cursor = { ...cursor, checkedAt: new Date(checkedAt).toISOString() };
        await emit([], cursor);
      }
      if (!hasNews && !hasEnded) await sleeper.sleep(pollIntervalMs);
    }
  }

  const watching = watch()
    .catch((err: unknown) => {
      if (!hasEnded) log.warn({ err }, 'the mailbox could not be read; it is opened again');
    })
    .then(() => closeImapClient(client))
    .then(() => {
      context.signal.removeEventListener('abort', end);
      closed.resolve(null);
    });
  return {
    closed: closed.promise,
    async close() {
      end();
      client.close();
      await watching;
    },
  };
}
