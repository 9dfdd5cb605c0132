import { Readable } from 'node:stream';
import type { FetchedFile, FetchFailure } from '../../runtime/fetch-file.ts';
import type { EmailContext } from './config.ts';
import { maxMailBytes, withImapClient } from './imap-client.ts';
import { parseFileRef } from './inbound.ts';
import { parseIncomingMail } from './parse-incoming-mail.ts';

const gone: FetchFailure = { kind: 'rejected', code: 'media_gone', reason: 'is no longer in the mailbox' };

/** Fetches a file of a mail out of the mailbox, over a connection of its own. @param ref as the inbound message named it */
export async function fetchMailFile(context: EmailContext, ref: string): Promise<FetchedFile | FetchFailure> {
  const place = parseFileRef(ref);
  if (!place || !context.connection.config.imap) return gone;
  const { folder } = context.connection.config.imap;
  const failed: FetchFailure = {
    kind: 'unavailable',
    code: 'attachment_unreachable',
    reason: 'could not be fetched from the mailbox',
  };
  const fetched = await withImapClient(context, async (client) => {
    const mailbox = await client.mailboxOpen(folder, { readOnly: true });
    if (String(mailbox.uidValidity) !== place.uidValidity) return { gone: true } as const;
    const row = await client.fetchOne(String(place.uid), { size: true }, { uid: true });
    if (!row || (row.size ?? 0) > maxMailBytes) return { gone: true } as const;
    const found = await client.fetchOne(String(place.uid), { source: true }, { uid: true });
    return found && found.source !== undefined ? { source: found.source } : ({ gone: true } as const);
  }).catch(() => null);
  if (fetched === null || 'failure' in fetched) return failed;
  if ('gone' in fetched) return gone;
  const incoming = await parseIncomingMail(fetched.source);
  const file = incoming?.email.attachments[place.index];
  if (!file) return gone;
  const data = typeof file.content === 'string' ? Buffer.from(file.content) : Buffer.from(new Uint8Array(file.content));
  return context.saveFile({
    data: Readable.from([data]),
    contentType: file.mimeType,
    name: file.filename ?? undefined,
  });
}
