import { maxChars } from '../core/bounds.ts';
import { AppError, isAppError } from '../core/errors.ts';
import { shortId, toText } from '../core/foreign.ts';
import { findResponse, type HighLevel, type HighLevelResponse, toLocationOwner } from './client.ts';
import type { Provider, ProviderKind } from './providers.ts';
import { omitEmpty } from './request-body.ts';

/** The states that HighLevel takes; `sent` is none of them (platform.md 4.1). `pending` is the start, so we never report it. */
export type ReportableStatus = 'delivered' | 'read' | 'failed';

export interface StatusReport {
  locationId: string;
  /** Whose provider must be allowed to this app. */
  providerKey: string;
  highlevelMessageId: string;
  status: ReportableStatus;
  /** Sent with `failed`, always complete. */
  error?: { code: string; type: string; message: string } | undefined;
}

/** Tells HighLevel where a message stands (update-message-status, platform.md 4.1). @throws AppError as the client */
export function updateMessageStatus(highLevel: HighLevel, report: StatusReport): Promise<HighLevelResponse> {
  return highLevel({
    operation: 'updateMessageStatus',
    owner: toLocationOwner(report.locationId),
    providerKey: report.providerKey,
    path: { messageId: report.highlevelMessageId },
    body: {
      status: report.status,
      ...(report.error ? { error: report.error } : {}),
    },
  });
}

export interface EmailStatusReport {
  locationId: string;
  providerKey: string;
  emailMessageId: string;
  status: ReportableStatus | 'pending';
  recipients: readonly EmailRecipientStatus[];
}

export interface EmailRecipientStatus {
  emailId: string;
  status: ReportableStatus;
  failReason?: string;
}

/**
 * Tells HighLevel where an email stands, as a whole and with each recipient (update-email-message-status, platform.md 4.2). What it has
 * heard of a recipient before is overwritten, of others it stays. @throws AppError as the client
 */
export function updateEmailStatus(highLevel: HighLevel, report: EmailStatusReport): Promise<HighLevelResponse> {
  const { locationId, providerKey, emailMessageId, status, recipients } = report;
  return highLevel({
    operation: 'updateEmailStatus',
    owner: toLocationOwner(locationId),
    providerKey,
    path: { id: emailMessageId },
    body: { status, ...(recipients.length > 0 ? { recipients } : {}) },
  });
}

/** The `type` of an inbound message; HighLevel takes it in exactly these capitals. */
export type InboundType = 'SMS' | 'Email' | 'Custom';

/**
 * The types under which HighLevel may take messages of each kind of provider, the right one for that kind first (platform-2026-11.md 2).
 * A default provider is not named in the body, so its type is not in doubt.
 */
export const inboundTypes: Record<ProviderKind, readonly InboundType[]> = {
  sms: ['SMS'],
  'sms-extra': ['Custom', 'SMS'],
  email: ['Email'],
  // Never Email: HighLevel may store it in the default email channel without an error (platform.md 6.1).
  'email-extra': ['Custom'],
  call: ['SMS'],
};

export interface InboundPost {
  locationId: string;
  provider: Provider;
  contactId: string;
  direction: 'inbound' | 'outbound';
  externalId: string;
  from: string;
  to: string | null;
  text: string | null;
  html: string | null;
  subject: string | null;
  attachments: readonly string[];
  /** Email: the thread that it belongs to. */
  emailMessageId: string | null;
  occurredAt: Date | null;
}

/** What HighLevel made of an inbound message. */
export interface PostedMessage {
  response: HighLevelResponse;
  highlevelMessageId: string;
  conversationId: string | null;
  emailMessageId: string | null;
}

/**
 * Adds a message to the contact's conversation (platform.md 6.1). The contact is named and never a conversation: one that was made
 * through the API belongs to no provider, and HighLevel refuses an extra provider's messages there.
 *
 * @throws AppError as the client, and `highlevel_no_message_id` for a 2xx that names no message
 */
export async function addInboundMessage(highLevel: HighLevel, post: InboundPost, type: InboundType): Promise<PostedMessage> {
  const response = await highLevel({
    operation: 'addInboundMessage',
    owner: toLocationOwner(post.locationId),
    providerKey: post.provider.key,
    body: buildInboundBody(post, type),
  });
  const highlevelMessageId = shortId(maxChars.highlevelId).parse(response.body.messageId);
  if (highlevelMessageId === undefined) {
    throw Object.assign(
      new AppError('highlevel_no_message_id', 'The CRM accepted the message but stored nothing: its answer names none.'),
      { response },
    );
  }
  return {
    response,
    highlevelMessageId,
    conversationId: toText(response.body.conversationId) ?? null,
    emailMessageId: toText(response.body.emailMessageId) ?? null,
  };
}

/** Returns whether HighLevel refused a message because its provider takes another type. Nothing was stored, which a 500 leaves open. */
export function isTypeMismatch(error: unknown): boolean {
  return isAppError(error, 'highlevel_provider_mismatch') && findResponse(error)?.status === 400;
}

/** Builds the body that each kind of provider asks for: the wrong one is stored nowhere or in another channel (platform.md 3.1, 6.1). */
export function buildInboundBody(post: InboundPost, type: InboundType): Record<string, unknown> {
  const { kind, id } = post.provider;
  const isEmail = kind === 'email' || kind === 'email-extra';
  const isExtra = kind === 'sms-extra' || kind === 'email-extra';
  const { from: emailFrom, to: emailTo, emailMessageId } = post;
  return omitEmpty({
    type,
    contactId: post.contactId,
    conversationProviderId: isExtra ? id : null,
    direction: post.direction,
    altId: post.externalId,
    date: post.occurredAt?.toISOString(),
    message: isEmail && post.html ? null : post.text,
    ...(isEmail ? { html: post.html ?? post.text, subject: post.subject, emailFrom, emailTo, emailMessageId } : {}),
    attachments: post.attachments.length > 0 ? post.attachments : null,
  });
}
