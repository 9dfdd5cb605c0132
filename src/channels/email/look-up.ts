import type { ImapFlow } from 'imapflow';
import type { OutboundMessage, ReceiptContent, SendOutcome } from '../channel.ts';
import { parseRecipients } from '../mail/addresses.ts';
import { parseOwnMessageId } from '../mail/message-id.ts';
import { getMessageId } from './compose.ts';
import type { EmailContext } from './config.ts';
import { formatFailure, isCursor, type MailboxCursor } from './cursor.ts';
import { withImapClient } from './imap-client.ts';
import { parseReachedPart } from './recipient-states.ts';

const dayMs = 24 * 60 * 60 * 1000;

/**
 * Looks for an email of unknown outcome in the folder of sent mail, where Gmail and Microsoft 365 file what they accept. A mail that is not there
 * proves nothing: other servers file none.
 */
export async function lookUpSend(context: EmailContext, message: OutboundMessage, since: Date): Promise<SendOutcome | null> {
  const { config } = context.connection;
  // Of several recipients the copy does not show which were accepted.
  if (!config.imap || parseRecipients(message.to).mailboxes.length !== 1 || message.acceptedParts.length > 0) return null;
  const messageId = getMessageId(message, config);
  const found = await withImapClient(context, async (client) => {
    const sent = await findSentFolder(client);
    if (sent === null) return null;
    await client.mailboxOpen(sent, { readOnly: true });
    const day = new Date(since.getTime() - dayMs);
    for (const name of ['message-id', 'x-google-original-message-id']) {
      const [uid] = (await client.search({ since: day, header: { [name]: `<${messageId}>` } }, { uid: true })) || [];
      if (uid === undefined) continue;
      const mail = await client.fetchOne(String(uid), { envelope: true }, { uid: true });
      const { envelope } = mail || {};
      return envelope?.messageId?.replace(/^<|>$/g, '') || messageId;
    }
    return null;
  }).catch(() => null);
  if (found === null || typeof found !== 'string') return null;
  return { kind: 'accepted', externalIds: [...new Set([messageId, found])], response: 'found among the sent mails' };
}

/** Finds the folder of sent mail by its mark: its name depends on the language. */
async function findSentFolder(client: ImapFlow): Promise<string | null> {
  const folders = await client.list();
  return folders.find(({ specialUse }) => specialUse === '\\Sent')?.path ?? null;
}

/** A bounce comes within this time in nine of ten cases, and not later before a day. */
const quietMs = 60 * 60 * 1000;

/**
 * Judges an email that was accepted long ago: without a bounce it counts as delivered, as mail servers confirm no delivery. Only while the mailbox is
 * read: a bounce may wait there. A bounce that comes later is kept in the log.
 */
export async function lookUpReceipt(context: EmailContext, externalId: string): Promise<ReceiptContent | null> {
  const state = await context.state.get<Partial<MailboxCursor>>();
  if (!isCursor(state)) return null;
  const part = parseReachedPart(externalId);
  const messageId = part
    ? part.idempotencyKey.slice(0, 36)
    : externalId.startsWith('<')
      ? undefined
      : parseOwnMessageId(externalId);
  if (messageId === undefined) return null;
  const sentAt = Number.parseInt(messageId.replace('-', '').slice(0, 12), 16);
  if (Number.isNaN(sentAt) || Date.parse(state.checkedAt) < sentAt + quietMs) return null;
  const failures = new Set(state.failed);
  const hasFailed = part
    ? failures.has(formatFailure(messageId, part.address)) || failures.has(formatFailure(messageId, ''))
    : state.failed.some((failure) => failure.startsWith(messageId));
  if (hasFailed) return null;
  return { messageId, state: 'delivered', ...(part ? { recipient: part.address } : {}) };
}
