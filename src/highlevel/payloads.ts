import { createHash } from 'node:crypto';
import * as z from 'zod';
import { maxChars } from '../core/bounds.ts';
import {
  isUnreadText,
  nestedObject,
  readAttachments,
  requiredText,
  shortId,
  text,
  time,
  toList,
  toObject,
  toText,
  unknownField,
} from '../core/foreign.ts';
import { readJsonBody } from '../core/json-body.ts';

const id = requiredText(maxChars.highlevelId);

/** Addresses of an email; HighLevel's own examples show one bare string too. */
const addresses = unknownField.transform((value) => {
  const entries = toList(value).filter((entry) => entry !== null && entry !== '');
  const read = entries.flatMap((entry) => toText(entry) ?? toText(toObject(entry).email) ?? []);
  return { read, unread: entries.length - read.length };
});

/** Text of the user; `isUnread` where it is not text. */
const content = unknownField.transform((value) => ({ text: toText(value), isUnread: isUnreadText(value) }));

const schemaMismatch = 'The webhook lacks what is needed to handle it.';

const deliverySchema = z.looseObject({
  locationId: id,
  messageId: id,
  contactId: shortId(maxChars.highlevelId),
  conversationId: shortId(maxChars.highlevelId),
  conversationProviderId: shortId(maxChars.highlevelId),
  userId: shortId(maxChars.highlevelId),
  type: text,
  message: content,
  phone: text,
  emailTo: addresses,
  emailFrom: text,
  html: content,
  subject: content,
  attachments: unknownField.transform(readAttachments),
  emailMessageId: shortId(maxChars.externalId),
  replyToAltId: shortId(maxChars.externalId),
});

/** Fields of a webhook at a Delivery URL that the app uses; the others stay in the raw body. */
export interface DeliveryWebhook {
  readonly locationId: string;
  readonly highlevelMessageId: string;
  readonly contactId: string | null;
  readonly conversationId: string | null;
  readonly userId: string | null;
  readonly messageType: 'sms' | 'email';
  readonly to: string | null;
  readonly from: string | null;
  readonly text: string | null;
  readonly html: string | null;
  readonly subject: string | null;
  readonly attachments: readonly string[];
  /** Attachments without a readable address: with any, the message is not complete. */
  readonly unreadableAttachmentCount: number;
  /** True where a part of the user's text, or one of the recipients, is unreadable: then the message is not complete either. */
  readonly isContentUnreadable: boolean;
  readonly emailMessageId: string | null;
  readonly replyToExternalId: string | null;
}

/**
 * Reads a delivery webhook. Only `locationId` and `messageId` are needed (platform.md 3.2); the provider decides whether it is an email, as
 * `type` can be `Custom` for either.
 *
 * @throws AppError `payload_invalid`
 */
export function readDeliveryWebhook(body: Buffer, isEmailProvider: boolean): DeliveryWebhook {
  const fields = readJsonBody(deliverySchema, body, schemaMismatch);
  const isEmail = isEmailProvider || (!fields.phone && fields.emailTo.read.length > 0);
  return {
    locationId: fields.locationId,
    highlevelMessageId: fields.messageId,
    contactId: fields.contactId || null,
    conversationId: fields.conversationId || null,
    userId: fields.userId || null,
    messageType: isEmail ? 'email' : 'sms',
    to: (isEmail ? fields.emailTo.read.join(', ') : fields.phone) || null,
    from: fields.emailFrom || null,
    text: fields.message.text ?? null,
    html: fields.html.text ?? null,
    subject: fields.subject.text ?? null,
    attachments: fields.attachments.urls,
    unreadableAttachmentCount: fields.attachments.unreadCount,
    isContentUnreadable:
      [fields.message, fields.html, fields.subject].some(({ isUnread }) => isUnread) || (isEmail && fields.emailTo.unread > 0),
    emailMessageId: fields.emailMessageId || null,
    replyToExternalId: fields.replyToAltId || null,
  };
}

/** Before HighLevel had a marketplace: an older timestamp is invalid. */
const minTimestamp = new Date('2020-01-01');

const appEventSchema = z.looseObject({
  type: shortId(maxChars.highlevelId),
  appId: shortId(maxChars.highlevelId),
  companyId: shortId(maxChars.highlevelId),
  locationId: shortId(maxChars.highlevelId),
  webhookId: shortId(maxChars.highlevelId),
  id: shortId(maxChars.highlevelId),
  userId: shortId(maxChars.highlevelId),
  whitelabelDetails: nestedObject(z.looseObject({ domain: text })),
  currentPlanId: text,
  newPlanId: text,
  previousStatus: text,
  newStatus: text,
  timestamp: time.transform((said) => (said && said >= minTimestamp ? said : undefined)),
});

/** An app event: INSTALL, UNINSTALL and the like (platform.md 5.6). */
export interface AppEventWebhook {
  /** HighLevel's webhookId, else the body's SHA-256: real payloads often omit it (platform.md 1.5). */
  readonly id: string;
  readonly type: string | null;
  readonly appId: string | null;
  readonly companyId: string | null;
  readonly locationId: string | null;
  /** Id of the subject of a platform event such as LocationUpdate. */
  readonly subjectId: string | null;
  readonly userId: string | null;
  /** Domain on which the agency shows HighLevel to its clients. */
  readonly whiteLabelDomain: string | null;
  /** A plan, or a payment's status, before and after. */
  readonly before: string | null;
  readonly after: string | null;
  readonly occurredAt: Date | null;
}

/** Reads an app event of any type. @throws AppError `payload_invalid` */
export function readAppEvent(body: Buffer): AppEventWebhook {
  const fields = readJsonBody(appEventSchema, body, schemaMismatch);
  return {
    id: fields.webhookId || createHash('sha256').update(body).digest('hex'),
    type: fields.type || null,
    appId: fields.appId || null,
    companyId: fields.companyId || null,
    locationId: fields.locationId || null,
    subjectId: fields.id || null,
    userId: fields.userId || null,
    whiteLabelDomain: fields.whitelabelDetails.domain || null,
    before: fields.currentPlanId || fields.previousStatus || null,
    after: fields.newPlanId || fields.newStatus || null,
    occurredAt: fields.timestamp ?? null,
  };
}
