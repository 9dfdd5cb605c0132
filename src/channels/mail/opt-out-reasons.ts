/** Reasons of opt-outs from email, as the ledger has them: the alert about complaints counts them. */
export const mailOptOutReasons = {
  complaint: 'marked as spam',
  unsubscribed: 'unsubscribed',
  link: 'unsubscribe link',
} as const;
