import { maxChars } from '../core/bounds.ts';
import { AppError, isAppError } from '../core/errors.ts';
import { shortId, toText } from '../core/foreign.ts';
import { findResponse, type HighLevel, type HighLevelResponse, toLocationOwner } from './client.ts';
import type { Provider, ProviderKind } from './providers.ts';
import { omitEmpty } from './request-body.ts';

/** States that HighLevel accepts; `sent` is not among them (platform.md 4.1). `pending` is the start, so we never report it. */
export type ReportableStatus = 'delivered' | 'read' | 'failed';

export interface StatusReport {
  locationId: string;
  /** Provider that the app must have access to. */
  providerKey: string;
  highlevelMessageId: string;
  status: ReportableStatus;
  /** Sent with `failed`, always complete. */
  error?: { code: string; type: string; message: string } | undefined;
}

/** Reports the state of a message to HighLevel (update-message-status, platform.md 4.1). @throws AppError as the client */
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
 * Reports the state of an email to HighLevel, as a whole and for each recipient (update-email-message-status, platform.md 4.2). The report
 * overwrites earlier states of these recipients and leaves those of others. @throws AppError as the client
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

/** `type` of an inbound message; HighLevel accepts exactly this spelling. */
export type InboundType = 'SMS' | 'Email' | 'Custom' | 'Call';

/**
 * Types that HighLevel may accept for each kind of provider, the right one for that kind first (platform-2026-11.md 2). The body does not
 * name a default provider, so its type is certain.
 */
export const inboundTypes: Record<ProviderKind, readonly InboundType[]> = {
  sms: ['SMS'],
  'sms-extra': ['Custom', 'SMS'],
  email: ['Email'],
  // Never Email: HighLevel may store it in the default email channel without an error (platform.md 6.1).
  'email-extra': ['Custom'],
  call: ['Call'],
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
  /** Email: id of its thread. */
  emailMessageId: string | null;
  occurredAt: Date | null;
  /** Status of a logged call; null for a message. */
  callStatus: string | null;
}

/** HighLevel's record of an inbound message. */
export interface PostedMessage {
  response: HighLevelResponse;
  highlevelMessageId: string;
  conversationId: string | null;
  emailMessageId: string | null;
}

/**
 * Adds a message to the contact's conversation (platform.md 6.1). The body names the contact and never a conversation: one that was created
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
  return readPostedMessage(response);
}

/** Reads HighLevel's record of a message from the response to its post. @throws AppError `highlevel_no_message_id` */
export function readPostedMessage(response: HighLevelResponse): PostedMessage {
  const highlevelMessageId = shortId(maxChars.highlevelId).parse(response.body.messageId);
  if (highlevelMessageId === undefined) {
    throw Object.assign(
      new AppError('highlevel_no_message_id', 'The CRM accepted the message, but its response has no message id.'),
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

/**
 * Returns whether HighLevel refused a message because its provider takes another type. Then it has certainly not stored the message; a 500
 * leaves that open.
 */
export function isTypeMismatch(error: unknown): boolean {
  return isAppError(error, 'highlevel_provider_mismatch') && findResponse(error)?.status === 400;
}

/**
 * Builds the body that each kind of provider asks for: HighLevel stores a wrong one in another channel or not at all (platform.md 3.1,
 * 6.1).
 */
function buildInboundBody(post: InboundPost, type: InboundType): Record<string, unknown> {
  const { kind, id } = post.provider;
  if (kind === 'call') return { ...buildCallBody(post), contactId: post.contactId, direction: 'inbound' };
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

/** Builds what a logged call has in both directions: HighLevel matches the contact by its number in `call`. */
export function buildCallBody({ provider, externalId, occurredAt, callStatus, from, to, attachments }: InboundPost) {
  return omitEmpty({
    type: 'Call',
    conversationProviderId: provider.id,
    altId: externalId,
    date: occurredAt?.toISOString(),
    call: omitEmpty({ from, to, status: callStatus }),
    attachments: attachments.length > 0 ? attachments : null,
  });
}
