/** A message for channels. */
export interface OutboundMessage {
  /** Our id; receipts may refer to it. */
  readonly id: string;
  /**
   * Key by which an idempotent vendor recognises repeats: the same on every attempt, a new one when a person resends a message that the
   * vendor reported as failed.
   */
  readonly idempotencyKey: string;
  readonly locationId: string;
  readonly contactId: string | null;
  readonly conversationId: string | null;
  readonly messageType: 'sms' | 'email';
  readonly to: string;
  /** The vendor's own id of this contact on this connection, as an inbound message has named it. */
  readonly vendorAddress: string | null;
  readonly from: string | null;
  readonly text: string | null;
  readonly html: string | null;
  readonly subject: string | null;
  readonly attachments: readonly string[];
  readonly replyToExternalId: string | null;
  /** Email: the message to which that one replied, for the header `References`. */
  readonly earlierExternalId?: string;
  /** Last message from this contact on this connection, for vendors that allow free text only for some time after it. */
  readonly lastInboundAt: Date | null;
  /** The contact has opted out of marketing alone; of all messages, and this one would not be sent. */
  readonly isOptedOutOfMarketing: boolean;
  /** External ids of the parts that an earlier attempt has sent, in order: this attempt continues after them. */
  readonly acceptedParts: readonly string[];
  /** Email to several: recipients that earlier attempts have settled. This attempt is for the others. */
  readonly settledRecipients?: readonly SettledRecipient[];
}

/** A recipient of an email to several that an attempt has reached, or was refused for good. */
export interface SettledRecipient {
  readonly address: string;
  /** Why it was refused; null where it was reached. */
  readonly refusal: { readonly code: string; readonly message: string } | null;
}

/** What an attempt to send an email has settled, whatever its outcome. */
interface EmailResult {
  /** Further ids by which receipts and replies may name the email, such as one that a server has put in the place of ours. */
  aliases?: readonly string[];
  /** Recipients that were refused for good. */
  rejectedRecipients?: readonly { address: string; code: string; message: string }[];
  /** Of an email to several: recipients that this attempt has reached, where the vendor accepts each alone. */
  reachedRecipients?: readonly string[];
}

/**
 * Result of one attempt. `unavailable` guarantees that the message, or its next part, was not sent; `unknown` means that the request may have
 * arrived. `connection_error` is about the account or its credentials: it holds the connection and fails no message. `response` is the vendor's
 * text for the log of attempts. `isAuthoritative` marks a rejection by the vendor itself, not by a proxy on the way: an idempotent vendor has
 * then not accepted the earlier attempts either.
 */
export type SendOutcome = { response?: string } & EmailResult &
  (
    | {
        kind: 'accepted' | 'delivered';
        /** The vendor's id of each part, in order, those of earlier attempts included; empty when it gives none. */
        externalIds: readonly string[];
      }
    | { kind: 'rejected'; code: string; message: string; isAuthoritative?: boolean; optedOut?: OptOutCategory }
    | {
        kind: 'unavailable';
        code: string;
        message: string;
        retryAfterMs?: number;
        /** The vendor would refuse the connection's other messages as well: all of them wait for `retryAfterMs`. */
        isConnectionWide?: boolean;
        acceptedParts?: readonly string[];
      }
    | { kind: 'connection_error'; code: string; message: string; acceptedParts?: readonly string[] }
    | { kind: 'unknown'; code: string; message: string; acceptedParts?: readonly string[] }
  );

/** The messages that a contact does not want. */
export type OptOutCategory = 'all' | 'marketing';

/** One fact that a vendor reports. */
export type ChannelEvent =
  | { readonly kind: 'receipt'; readonly receipt: ReceiptContent }
  | { readonly kind: 'inbound'; readonly inbound: InboundContent }
  | { readonly kind: 'opt_out'; readonly optOut: OptOutContent }
  /** A contact has opened an address of `buildContactLink`. `inbound` says so in the conversation. */
  | { readonly kind: 'contact_link'; readonly payload: string; readonly inbound: InboundContent }
  /** A contact has shared a phone number (E.164) that the vendor knows to be its own. `inbound` says so in the conversation. */
  | { readonly kind: 'contact_phone'; readonly phone: string; readonly inbound: InboundContent }
  /** A call that was made or received outside of HighLevel, to be logged there. */
  | { readonly kind: 'call'; readonly call: CallContent }
  /** Recordings of a call that was logged before. */
  | { readonly kind: 'recordings'; readonly externalId: string; readonly urls: readonly string[] }
  /** `down`: the vendor has stopped serving the account; the connection is held. */
  | { readonly kind: 'connection'; readonly status: 'up' | 'down'; readonly code?: string; readonly message?: string };

/**
 * Result of a contact link.
 *
 * - `bound`: the chat belongs to the link's contact.
 * - `confirm_phone`: it will, once the person has shared the contact's phone number.
 * - `refused`: the link was used by another chat, has expired, or is unknown.
 * - `foreign`: the payload is not one of ours.
 */
export type ContactLinkResult = 'bound' | 'confirm_phone' | 'refused' | 'foreign';

/** Returns whether the vendor has given an id to another message of the connection. */
export type IsOfAnother = (externalId: string) => Promise<boolean>;

export interface ReceiptContent {
  /** Our message id, or the vendor's: at least one. */
  readonly messageId?: string | undefined;
  readonly externalId?: string | undefined;
  /** The part of a message that was sent in several, where the vendor returns it: without it the external id decides. */
  readonly part?: { readonly index: number; readonly count: number } | undefined;
  /** `accepted` proves that a send of unknown outcome has reached the vendor; `delayed` is no state, and kept as a note. */
  readonly state: 'accepted' | 'delayed' | 'delivered' | 'read' | 'failed';
  /** Email: the one recipient that the receipt is about; without it the receipt is about all. */
  readonly recipient?: string | undefined;
  readonly error?: { code: string; message: string } | undefined;
  /** What proves another state than `failed`, for people. */
  readonly evidence?: { code: string; message: string } | undefined;
  /** `delayed`: time until which the vendor's side tries to deliver. */
  readonly triesUntil?: Date | undefined;
  readonly occurredAt?: Date | undefined;
}

/** Statuses of a call, in HighLevel's spelling. */
export const callStatuses = [
  ...(['pending', 'completed', 'answered', 'busy', 'no-answer', 'failed', 'canceled', 'voicemail'] as const),
] as const;

export type CallStatus = (typeof callStatuses)[number];

export interface CallContent {
  /** The caller's own id of the call: a repeat is not logged again. */
  readonly externalId: string;
  readonly direction: 'inbound' | 'outbound';
  readonly from: string;
  readonly to: string;
  readonly status: CallStatus;
  /** Of the contact, if it is new. */
  readonly name?: string | undefined;
  readonly occurredAt?: Date | undefined;
  /** Addresses from which the recordings are fetched. */
  readonly recordings: readonly string[];
}

export interface InboundContent {
  readonly externalId: string;
  readonly from: string;
  readonly to?: string | undefined;
  /** The vendor's own id of the contact, to send to instead of `from`. Its presence also records the time of this message. */
  readonly vendorAddress?: string | undefined;
  /** An id of the person that stays the same when the address changes: messages with one id belong to one contact. */
  readonly vendorUserId?: string | undefined;
  readonly name?: string | undefined;
  readonly text?: string | undefined;
  readonly html?: string | undefined;
  readonly subject?: string | undefined;
  readonly attachments: readonly InboundAttachment[];
  /** Email: the vendor's id of the message that this one replies to, or ours, where the vendor's is not known. */
  readonly replyToExternalId?: string | undefined;
  /**
   * An edit of the message `replyToExternalId`, as a vendor may report it without a change: the text that the message would have by now. Where it
   * has that text, the edit is left out.
   */
  readonly editedText?: string | undefined;
  readonly occurredAt?: Date | undefined;
  /** The location sent it outside of HighLevel; it is only logged. */
  readonly sentExternally: boolean;
}

/** A file of an inbound message: an address that needs no credentials, or a reference for the channel's `fetchAttachment`. */
export type InboundAttachment =
  | { readonly url: string }
  | { readonly ref: string; readonly name?: string | undefined; readonly contentType?: string | undefined };

/** A contact's STOP or START, or the vendor's word for it. */
export interface OptOutContent {
  /** Null: the only recipient of the message that `ofMessage` names. */
  readonly address: string | null;
  /** Message to which a report without a proof refers: the address counts only if it is a recipient of it. */
  readonly ofMessage?: Pick<ReceiptContent, 'messageId' | 'externalId'> | undefined;
  readonly optedOut: boolean;
  readonly category: OptOutCategory;
  readonly occurredAt?: Date | undefined;
  /** What the contact did, in the vendor's words: `STOP`, `blocked`. */
  readonly reason?: string | undefined;
}
