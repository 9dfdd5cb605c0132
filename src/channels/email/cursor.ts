/** Durable state of a connection: the place in the mailbox, and what was learned there. */
export interface MailboxCursor {
  readonly uidValidity: string;
  /** Last UID that was read. */
  readonly lastUid: number;
  /** Time at which the server received the newest mail that was read, as ISO text: serves when the mailbox is numbered anew. */
  readonly receivedAt: string;
  /** Last time at which the mailbox had no unread news, as ISO text. */
  readonly checkedAt: string;
  /** Recent failures of single recipients, as the id of the message and the address: silence does not prove their delivery. */
  readonly failed: readonly string[];
}

const maxFailed = 500;

/** Formats a failure of one recipient. */
export function formatFailure(messageId: string, address: string): string {
  return `${messageId} ${address.toLowerCase()}`;
}

/** Adds failures to a cursor; the oldest are dropped. */
export function addFailures(cursor: MailboxCursor, failed: readonly string[]): MailboxCursor {
  return failed.length === 0 ? cursor : { ...cursor, failed: [...cursor.failed, ...failed].slice(-maxFailed) };
}

/** Returns whether a stored state is a cursor. */
export function isCursor(state: Partial<MailboxCursor> | null): state is MailboxCursor {
  return typeof state?.uidValidity === 'string' && typeof state.lastUid === 'number';
}
