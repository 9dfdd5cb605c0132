import { Worker } from 'node:worker_threads';
import type { Email } from 'postal-mime';
import { createKeyedQueue } from '../../core/keyed-queue.ts';
import { sanitize } from '../../core/sanitize.ts';
import { isMailAddress } from '../mail/addresses.ts';
import { type MailHeaders, readHeaders } from '../mail/headers.ts';
import { cutLines, hasMoreLines } from './line-limit.ts';
import { maxHeaderBytes, parseContent } from './parse-content.ts';

/** A mail as the channel reads it. */
export interface IncomingMail {
  readonly headers: MailHeaders;
  readonly from: { readonly address: string; readonly name: string } | null;
  readonly email: Email;
}

/** Limits of the parser. A process that does no other work for eight seconds loses its sessions to another one. */
const limits = {
  /** A mail within these is parsed at once, in a tenth of a second. */
  atOnce: { bytes: 256 * 1024, lines: 5_000 },
  headerLines: 5_000,
  /** A third more than the largest mail has that is fetched, as Base64. */
  lines: 600_000,
  threadMs: 60_000,
  threadMegabytes: 512,
} as const;

/** Parses the headers of a mail alone. @throws what the parser throws for a mail beyond its limits */
export async function parseMailHeaders(bytes: Uint8Array): Promise<IncomingMail> {
  const beginning = cutLines(bytes.subarray(0, maxHeaderBytes), limits.headerLines);
  const { text, html, ...email } = await parseContent(beginning.subarray(0, findHeaderEnd(beginning)));
  return toIncomingMail({ ...email, attachments: [] });
}

/**
 * Parses a whole mail: a long one in a thread of its own, one at a time, so that no mail delays other work.
 *
 * @returns null for a mail of too many lines, or that takes longer than a minute
 * @throws what the parser throws for a mail beyond its limits
 */
export async function parseIncomingMail(bytes: Uint8Array): Promise<IncomingMail | null> {
  if (hasMoreLines(bytes, limits.lines)) return null;
  const isShort = bytes.length <= limits.atOnce.bytes && !hasMoreLines(bytes, limits.atOnce.lines);
  const email = isShort ? await parseContent(bytes) : await threads.run('parse', () => parseInThread(bytes));
  return email && toIncomingMail(email);
}

/** A thread takes several times the memory of its mail. */
const threads = createKeyedQueue(1_000, () => new Error('Too many emails wait to be read.'));

async function parseInThread(bytes: Uint8Array): Promise<Email | null> {
  const thread = new Worker(new URL('./parse-thread.ts', import.meta.url), {
    workerData: bytes,
    resourceLimits: { maxOldGenerationSizeMb: limits.threadMegabytes },
  });
  const parsed = Promise.withResolvers<Email | null>();
  thread.once('message', parsed.resolve);
  thread.once('error', parsed.reject);
  thread.once('exit', () => parsed.resolve(null));
  const deadline = AbortSignal.timeout(limits.threadMs);
  deadline.addEventListener('abort', () => parsed.resolve(null));
  try {
    return await parsed.promise;
  } finally {
    await thread.terminate();
  }
}

function toIncomingMail(email: Email): IncomingMail {
  const headers = readHeaders(email.headers.map(({ key, value }) => [key, value]));
  return { headers, email, from: findSender(email) };
}

/** Returns where the first empty line begins. */
function findHeaderEnd(bytes: Uint8Array): number {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const ends = ['\n\r\n', '\n\n'].map((end) => text.indexOf(end)).filter((end) => end >= 0);
  if (/^\r?\n/.test(text.toString('latin1', 0, 2))) return 0;
  return Math.min(bytes.length, ...ends.map((end) => end + 1));
}

/** Returns the address in `From`, else in `Sender`. `Reply-To` may name any other person. */
function findSender({ from, sender }: Email): IncomingMail['from'] {
  const found = [from, sender].find((mailbox) => mailbox?.address && isMailAddress(mailbox.address.trim()));
  return found?.address ? { address: found.address.trim(), name: sanitize(found.name ?? '').trim() } : null;
}
