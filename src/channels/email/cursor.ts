/** The mailbox that a config names, apart from its host: that may change when it moves. */
export interface MailboxPlace {
  readonly user: string;
  readonly folder: string;
}

/** Durable state of a connection: the place in the mailbox, and what was learned there. */
export interface MailboxCursor {
  /** The folder and its user. A cursor of an earlier version has none. */
  readonly place?: MailboxPlace;
  readonly uidValidity: string;
  /** Last UID that was read. */
  readonly lastUid: number;
  /** Time at which the server received the newest mail that was read, as ISO text: serves when the mailbox is numbered anew. */
  readonly receivedAt: string;
  /** Last time at which the mailbox had no unread news, as ISO text. */
  readonly checkedAt: string;
  /** Since the mailbox was numbered anew: of the mails up to this UID, which were there then, those received before the time are old. */
  readonly renumbered?: { readonly lastUid: number; readonly receivedAt: string } | undefined;
  /** The mail that is being read, and the tries to read it: one that ends its reader must not be read again without end. */
  readonly reading?: { readonly uid: number; readonly tries: number } | undefined;
}

/** Returns whether a stored state is a cursor. */
export function isCursor(state: Partial<MailboxCursor> | null): state is MailboxCursor {
  return typeof state?.uidValidity === 'string' && typeof state.lastUid === 'number';
}
