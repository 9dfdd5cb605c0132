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

/** What the user wrote; `isUnread` where it is no text. */
const content = unknownField.transform((value) => ({ text: toText(value), isUnread: isUnreadText(value) }));

const wrongShape = 'The webhook lacks what is needed to handle it.';

const delivery = z.looseObject({
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

/** What HighLevel posts to a Delivery URL, as we use it; whatever else it says stays in the raw body. */
export interface DeliveryWebhook {
  readonly locationId: string;
  readonly highlevelMessageId: string;
  readonly contactId: string | null;
  readonly conversationId: string | null;
  readonly userId: string | null;
  readonly medium: 'sms' | 'email';
  readonly to: string | null;
  readonly from: string | null;
  readonly text: string | null;
  readonly html: string | null;
  readonly subject: string | null;
  readonly attachments: readonly string[];
  /** How many attachments have no address that can be read: then the message is not complete. */
  readonly unreadAttachments: number;
  /** Whether some of what the user wrote, or one of the recipients, can't be read: then the message is not complete either. */
  readonly isContentUnread: boolean;
  readonly emailMessageId: string | null;
  readonly replyToExternalId: string | null;
}

/**
 * Reads a delivery webhook. Only `locationId` and `messageId` are needed (platform.md 3.2); whether it is an email is told by its
 * provider, as `type` can be `Custom` for either.
 *
 * @throws AppError `payload_invalid`
 */
export function readDeliveryWebhook(body: Buffer, providerIsEmail: boolean): DeliveryWebhook {
  const said = readJsonBody(delivery, body, wrongShape);
  const isEmail = providerIsEmail || (!said.phone && said.emailTo.read.length > 0);
  return {
    locationId: said.locationId,
    highlevelMessageId: said.messageId,
    contactId: said.contactId || null,
    conversationId: said.conversationId || null,
    userId: said.userId || null,
    medium: isEmail ? 'email' : 'sms',
    to: (isEmail ? said.emailTo.read.join(', ') : said.phone) || null,
    from: said.emailFrom || null,
    text: said.message.text ?? null,
    html: said.html.text ?? null,
    subject: said.subject.text ?? null,
    attachments: said.attachments.urls,
    unreadAttachments: said.attachments.unreadCount,
    isContentUnread:
      [said.message, said.html, said.subject].some(({ isUnread }) => isUnread) || (isEmail && said.emailTo.unread > 0),
    emailMessageId: said.emailMessageId || null,
    replyToExternalId: said.replyToAltId || null,
  };
}

/** Before HighLevel had a marketplace: whatever claims to be older is no time at all. */
const firstYear = new Date('2020-01-01');

const event = z.looseObject({
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
  timestamp: time.transform((said) => (said && said >= firstYear ? said : undefined)),
});

/** INSTALL, UNINSTALL and the like (platform.md 5.6). */
export interface AppEventWebhook {
  /** HighLevel's webhookId, else the body's SHA-256: real payloads often omit it (platform.md 1.5). */
  readonly id: string;
  readonly type: string | null;
  readonly appId: string | null;
  readonly companyId: string | null;
  readonly locationId: string | null;
  /** The id of the thing that a platform event such as LocationUpdate is about. */
  readonly subjectId: string | null;
  readonly userId: string | null;
  /** Where the agency shows HighLevel to its clients. */
  readonly whiteLabelDomain: string | null;
  /** A plan, or a payment's status, before and after. */
  readonly before: string | null;
  readonly after: string | null;
  readonly occurredAt: Date | null;
}

/** Reads an app event of any type. @throws AppError `payload_invalid` */
export function readAppEvent(body: Buffer): AppEventWebhook {
  const said = readJsonBody(event, body, wrongShape);
  return {
    id: said.webhookId || createHash('sha256').update(body).digest('hex'),
    type: said.type || null,
    appId: said.appId || null,
    companyId: said.companyId || null,
    locationId: said.locationId || null,
    subjectId: said.id || null,
    userId: said.userId || null,
    whiteLabelDomain: said.whitelabelDetails.domain || null,
    before: said.currentPlanId || said.previousStatus || null,
    after: said.newPlanId || said.newStatus || null,
    occurredAt: said.timestamp ?? null,
  };
}
