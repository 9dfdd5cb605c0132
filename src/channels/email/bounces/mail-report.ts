/** Limits of what is read of one mail. A report's facts stand at its beginning; the rest is the returned mail. */
export const maxReport = {
  bytes: 512 * 1024,
  mailLines: 20_000,
  headers: 500,
  headerChars: 4000,
  /** Characters of one text part. */
  textChars: 64 * 1024,
  /** Lines of human text in which recipients are looked for. */
  lines: 1000,
  parts: 30,
  recipients: 100,
  diagnosticChars: 500,
  ids: 60,
} as const;

export type DeliveryAction = 'failed' | 'delayed' | 'delivered' | 'relayed' | 'expanded';

/**
 * Cause of a failure.
 *
 * - `invalid_recipient`: the mailbox or its domain does not exist, moved, or is disabled
 * - `mailbox_full`: the recipient's quota
 * - `blocked`: the sending host's address, name, reputation or rate
 * - `policy`: authentication (SPF, DKIM, DMARC), the sender's address, relaying, a rule of the recipient or of his server
 * - `content`: spam, a virus, size, malformed headers
 * - `network`: connection, DNS, a loop, or retries that ran out
 */
export type FailureClass = 'invalid_recipient' | 'mailbox_full' | 'blocked' | 'policy' | 'content' | 'network' | 'other';

export interface ReportedRecipient {
  /**
   * Address the mail was sent to, in small letters: the original recipient before the final one, which may be a forwarding target. Null
   * when the report names none: then it is about the mail's only recipient.
   */
  readonly address: string | null;
  /** Address at which delivery was tried, where it differs. */
  readonly finalAddress?: string;
  readonly action: DeliveryAction;
  /** Enhanced status code (RFC 3463), the most specific one in the report. */
  readonly status?: string;
  readonly diagnostic?: string;
  readonly class: FailureClass;
  /** Delayed: time until which the server tries. */
  readonly retriesUntil?: Date;
  /** Sending again would fail again. A mail that failed because retries ran out is final and not permanent. */
  readonly isPermanent: boolean;
}

/** Ids in a report that may be ours. A bounce is an unauthenticated mail, so only an id that its author can't make up makes it credible. */
export interface ReportIds {
  /** Addresses to which the report was delivered; one of them may bear a token (VERP). */
  readonly deliveredTo: readonly string[];
  /** The part after `+` of the first such address that has one. */
  readonly token?: string;
  readonly originalEnvelopeId?: string;
  /** Message-ID of the returned mail, without angle brackets. */
  readonly originalMessageId?: string;
  /** Every other id in the returned part, the report's headers and its text, without angle brackets. */
  readonly references: readonly string[];
}

/** Author of a mail that is no report. Only a `person` may become a contact. */
export type MailOrigin = 'person' | 'list' | 'machine';

export type MailReport = { readonly ids: ReportIds } & (
  | { readonly kind: 'dsn'; readonly recipients: readonly ReportedRecipient[] }
  /** A feedback report (RFC 5965), by `feedbackType` `abuse`, `auth-failure`, `opt-out` and others. */
  | { readonly kind: 'complaint'; readonly feedbackType: string; readonly recipients: readonly string[] }
  /** A disposition notification (RFC 8098). Only `isDisplayed` says that a person's program showed the mail. */
  | { readonly kind: 'read'; readonly recipient: string | null; readonly disposition: string; readonly isDisplayed: boolean }
  /** An automatic response (RFC 3834): the mail arrived. */
  | { readonly kind: 'auto_reply'; readonly sender: string | null }
  | { readonly kind: 'message'; readonly origin: MailOrigin }
);
