import type { ImapFlow } from 'imapflow';
import type { OutboundMessage, SendOutcome } from '../channel.ts';
import { parseRecipients } from '../mail/addresses.ts';
import { getMessageId } from './compose.ts';
import type { EmailContext } from './config.ts';
import { isCursor, type MailboxCursor } from './cursor.ts';
import { withImapClient } from './imap-client.ts';

const dayMs = 24 * 60 * 60 * 1000;

/**
 * Looks for an email of unknown outcome in the folder of sent mail, where Gmail and Microsoft 365 file what they accept. A mail that is not there
 * proves nothing: other servers file none.
 */
export async function lookUpSend(context: EmailContext, message: OutboundMessage, since: Date): Promise<SendOutcome | null> {
  const { config } = context.connection;
  // Of several recipients the copy does not show which were accepted.
  if (!config.imap || parseRecipients(message.to).mailboxes.length !== 1) return null;
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
  const aliases = found === messageId ? {} : { aliases: [found] };
  return { kind: 'accepted', externalIds: [messageId], response: 'found among the sent mails', ...aliases };
}

/** Finds the folder of sent mail by its mark: its name depends on the language. */
async function findSentFolder(client: ImapFlow): Promise<string | null> {
  const folders = await client.list();
  return folders.find(({ specialUse }) => specialUse === '\\Sent')?.path ?? null;
}

/** Returns the time until which the mailbox was read: what came before is known. A connection without a cursor has read nothing yet. */
export async function receiptsReadUntil({ state }: Pick<EmailContext, 'state'>): Promise<Date | null> {
  const cursor = await state.get<Partial<MailboxCursor>>();
  return isCursor(cursor) ? new Date(cursor.checkedAt) : null;
}
