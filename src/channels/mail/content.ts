import type { FetchedAttachment } from '../../runtime/fetch-file.ts';
import type { ChannelContext, OutboundMessage, SendOutcome } from '../channel.ts';
import { toHeaderText } from './addresses.ts';
import { toPlainText } from './html-text.ts';
import { formatMessageId } from './message-id.ts';

/** Content of an email: always with a subject and a text part. */
export interface MailContent {
  readonly subject: string;
  readonly text: string;
  readonly html: string | null;
  readonly files: readonly FetchedAttachment[];
}

type Failure = Extract<SendOutcome, { kind: 'rejected' | 'unavailable' }>;

const maxSubjectChars = 500;

/**
 * Builds the content of an email and fetches its files. It is the same on every attempt, as vendors with an idempotency key refuse a repeat
 * that differs.
 *
 * @param maxBytes limit of the vendor for the whole email, as it is sent
 */
export async function buildContent(
  context: Pick<ChannelContext<object>, 'fetchBytes'>,
  message: Pick<OutboundMessage, 'subject' | 'text' | 'html' | 'attachments'>,
  maxBytes: number,
): Promise<MailContent | { failure: Failure }> {
  const files: FetchedAttachment[] = [];
  for (const url of message.attachments) {
    const file = await context.fetchBytes(url);
    if (file.kind !== 'fetched') return { failure: file };
    files.push(file);
  }
  const html = message.html || null;
  const ownText = message.text || (html === null ? '' : toPlainText(html));
  const content: MailContent = {
    subject: toHeaderText((message.subject ?? '').slice(0, maxSubjectChars)) || '(no subject)',
    // Vendors refuse an email without text, which one with a picture alone is.
    text: ownText || files.map(({ name }) => name).join('\n') || ' ',
    html,
    files,
  };
  const bytes = estimateBytes(content);
  if (bytes <= maxBytes) return content;
  const [size, limit] = [bytes, maxBytes].map((count) => `${Math.ceil(count / 100_000) / 10} MB`);
  return {
    failure: { kind: 'rejected', code: 'too_large', message: `The email has ${size} with its files; the limit is ${limit}.` },
  };
}

/** Estimates the size of an email as it is sent: files grow by a third and their line breaks. */
function estimateBytes({ text, html, files }: MailContent): number {
  const fileBytes = files.reduce((sum, { data }) => sum + data.length, 0);
  return Buffer.byteLength(text) + Buffer.byteLength(html ?? '') + Math.ceil(fileBytes * 1.37);
}

/**
 * Builds the headers of a reply, for the mail programs that show a conversation as one: those find it by any id in `References`.
 *
 * @param ownId our own id, for vendors that replace the Message-ID: replies keep it in `References`
 */
export function buildThreadHeaders(
  { replyToExternalId, earlierExternalId }: Pick<OutboundMessage, 'replyToExternalId' | 'earlierExternalId'>,
  ownId?: string,
): Record<string, string> {
  const parent = replyToExternalId === null ? null : formatMessageId(replyToExternalId);
  const earlier = parent === null || earlierExternalId === undefined ? null : formatMessageId(earlierExternalId);
  const own = ownId === undefined ? null : formatMessageId(ownId);
  const references = [...new Set([earlier, parent, own])].filter((id) => id !== null).join(' ');
  return { ...(parent ? { 'In-Reply-To': parent } : {}), ...(references ? { References: references } : {}) };
}
