/** Durable state of a connection: the place in the mailbox, and what was learned there. */
export interface MailboxCursor {
  readonly uidValidity: string;
  /** Last UID that was read. */
  readonly lastUid: number;
  /** Time at which the server received the newest mail that was read, as ISO text: serves when the mailbox is numbered anew. */
  readonly receivedAt: string;
  /** Last time at which the mailbox had no unread news, as ISO text. */
  readonly checkedAt: string;
}

/** Returns whether a stored state is a cursor. */
export function isCursor(state: Partial<MailboxCursor> | null): state is MailboxCursor {
  return typeof state?.uidValidity === 'string' && typeof state.lastUid === 'number';
}
