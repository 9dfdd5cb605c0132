import { toMailKey } from '../../core/address.ts';
import { fitId } from '../../core/bounds.ts';
import { minIdAt } from '../../core/ids.ts';
import type { Executor } from '../../database/client.ts';
import type { WorkMessage } from '../model/message.ts';
import { parseRecipients } from '../model/recipients.ts';

/** Place of an outbound email among those of its contact, by the ids of mail servers. */
export interface EmailThread {
  /** The email that it replies to. */
  readonly replyToExternalId: string | null;
  /** The one to which that email replied. */
  readonly earlierExternalId: string | null;
}

type EmailFields = Pick<
  WorkMessage,
  'createdAt' | 'locationId' | 'contactId' | 'emailMessageId' | 'replyToExternalId' | 'subject'
>;

const maxEarlier = 20;
/** A new email with the subject of an older one, such as a newsletter, is no reply, unless its subject says so. */
const maxAgeMs = 7 * 24 * 60 * 60 * 1000;

/**
 * Finds what an email replies to: what HighLevel names (`replyToAltId`), else the newest email of the contact on this connection that is in the same
 * thread, by HighLevel's id of it or by its subject. HighLevel names it for extra providers only, and does not say what its `emailMessageId` of
 * a reply means.
 */
export async function findEmailThread(
  on: Executor,
  message: EmailFields,
  connectionId: string,
  to: string,
): Promise<EmailThread> {
  const { replyToExternalId, contactId, locationId } = message;
  if (replyToExternalId !== null) {
    const bare = replyToExternalId.trim().replace(/^<|>$/g, '');
    const keys = [replyToExternalId, bare, `<${bare}>`].map((id) => `${connectionId}/${fitId(id)}`);
    const found = await on.message.findFirst({ where: { inboundKey: { in: keys } }, select: { replyToExternalId: true } });
    return { replyToExternalId, earlierExternalId: found?.replyToExternalId ?? null };
  }
  if (contactId === null) return { replyToExternalId: null, earlierExternalId: null };
  const rows = await on.message.findMany({
    where: {
      ...{ locationId, contactId, connectionId, direction: 'inbound', messageType: 'email', sentExternally: false },
      externalId: { not: null },
    },
    orderBy: { id: 'desc' },
    take: maxEarlier,
    select: { id: true, from: true, subject: true, emailMessageId: true, externalId: true, replyToExternalId: true },
  });
  const recipients = new Set(parseRecipients(to).map(toMailKey));
  const parent = rows.find((row) => recipients.has(toMailKey(row.from ?? '')) && isSameThread(message, row));
  return { replyToExternalId: parent?.externalId ?? null, earlierExternalId: parent?.replyToExternalId ?? null };
}

function isSameThread(
  message: EmailFields,
  earlier: { id: string; subject: string | null; emailMessageId: string | null },
): boolean {
  if (message.emailMessageId !== null && message.emailMessageId === earlier.emailMessageId) return true;
  const subject = toBaseSubject(message.subject);
  if (subject === '' || subject !== toBaseSubject(earlier.subject)) return false;
  const isRecent = earlier.id >= minIdAt(new Date(message.createdAt.getTime() - maxAgeMs));
  return isRecent || replyPrefix.test(message.subject ?? '');
}

/** Marks of replies and forwarded emails, in the languages of common mail programs. */
const replyPrefix = /^\s*(?:re|fwd?|aw|wg|rv|tr|sv|vs|antw|odp|enc|res|rif|i) ?(?:\[\d{1,3}\] ?)?:/i;
const maxPrefixes = 10;

function toBaseSubject(subject: string | null): string {
  let text = subject ?? '';
  for (let count = 0; count < maxPrefixes && replyPrefix.test(text); count += 1) text = text.replace(replyPrefix, '');
  return text.trim().replace(/\s+/g, ' ').toLowerCase();
}
