import { maxChars } from '../core/bounds.ts';
import { AppError } from '../core/errors.ts';
import { shortId } from '../core/foreign.ts';
import { type HighLevel, toLocationOwner } from './client.ts';
import type { Provider, ProviderKind } from './providers.ts';
import { omitEmpty } from './request-body.ts';

/** A message that HighLevel is asked to send, through one of our providers. */
export interface MessageRequest {
  locationId: string;
  provider: Provider;
  contactId: string;
  text: string | null;
  subject: string | null;
  attachments: readonly string[];
}

/** Types by kind of provider. An extra provider is `Custom` and is named; a default one is not (platform-2026-11.md 2, 3.2). */
const types: Record<ProviderKind, string> = {
  sms: 'SMS',
  'sms-extra': 'Custom',
  email: 'Email',
  'email-extra': 'Custom',
  call: 'SMS',
};

/**
 * Asks HighLevel to send a message to a contact; it then posts it to the provider's Delivery URL. HighLevel takes no idempotency key.
 *
 * @throws AppError as the client; `highlevel_do_not_disturb`; `highlevel_no_message_id` for a 2xx that names no message
 */
export async function sendMessage(highLevel: HighLevel, request: MessageRequest): Promise<{ highlevelMessageId: string }> {
  const { provider, text, subject, attachments } = request;
  const isEmail = provider.kind.startsWith('email');
  const response = await highLevel({
    operation: 'sendMessage',
    owner: toLocationOwner(request.locationId),
    providerKey: provider.key,
    body: omitEmpty({
      type: types[provider.kind],
      contactId: request.contactId,
      conversationProviderId: provider.kind.endsWith('-extra') ? provider.id : null,
      message: isEmail ? null : text,
      ...(isEmail ? { html: text === null ? null : toHtml(text), subject } : {}),
      attachments: attachments.length > 0 ? attachments : null,
    }),
  });
  const highlevelMessageId = shortId(maxChars.highlevelId).parse(response.body.messageId);
  if (highlevelMessageId !== undefined) return { highlevelMessageId };
  const error = new AppError('highlevel_no_message_id', 'The CRM accepted the message, but its response has no message id.');
  throw Object.assign(error, { response });
}

/** Converts text to HTML; text that is HTML already stays as it is. */
function toHtml(text: string): string {
  if (/<\/?[a-z][^<>]*>/i.test(text)) return text;
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return `<p>${escaped.replaceAll('\n', '<br>')}</p>`;
}
