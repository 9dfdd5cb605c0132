import { toStatusError } from './errors.ts';
import { hashMedia, type VendorMessage, type VendorPerson, type WhatsAppVendorState } from './state.ts';
import type { VendorUpdate } from './webhooks.ts';

/** Content of a message that a contact sends. */
export interface ReceivedMessage {
  id: string;
  at: number;
  text?: string | undefined;
  media?: { id: string; type: 'image' | 'video' | 'audio' | 'document' | 'sticker' } | undefined;
  replyTo?: string | null | undefined;
  /** Type and content of any other kind of message. */
  raw?: Record<string, unknown> | undefined;
}

function toValue({ business }: WhatsAppVendorState) {
  return {
    messaging_product: 'whatsapp',
    metadata: { display_phone_number: business.displayNumber, phone_number_id: business.phoneNumberId },
  };
}

/** Builds the update of a message's status. */
export function toStatusUpdate(
  state: WhatsAppVendorState,
  message: VendorMessage,
  person: VendorPerson,
  status: string,
  at: number,
  error?: { code: number; details?: string },
): VendorUpdate {
  const { waId, userId, isNumberHidden } = person;
  return {
    field: 'messages',
    value: {
      ...toValue(state),
      contacts: [{ ...(isNumberHidden ? {} : { wa_id: waId }), user_id: userId }],
      statuses: [
        {
          id: message.id,
          status,
          timestamp: toSeconds(at),
          ...(isNumberHidden ? {} : { recipient_id: waId }),
          recipient_user_id: userId,
          ...(message.callbackData === null ? {} : { biz_opaque_callback_data: message.callbackData }),
          ...(error ? { errors: [toStatusError(error.code, error.details)] } : {}),
        },
      ],
    },
  };
}

/** Builds the update of a message from a contact. */
export function toMessageUpdate(state: WhatsAppVendorState, person: VendorPerson, message: ReceivedMessage): VendorUpdate {
  const { waId, userId, isNumberHidden, name } = person;
  return {
    field: 'messages',
    value: {
      ...toValue(state),
      contacts: [{ profile: { name }, ...(isNumberHidden ? {} : { wa_id: waId }), user_id: userId }],
      messages: [
        {
          ...(message.replyTo ? { context: { from: state.business.displayNumber, id: message.replyTo } } : {}),
          ...(isNumberHidden ? {} : { from: waId }),
          from_user_id: userId,
          id: message.id,
          timestamp: toSeconds(message.at),
          ...toContent(state, message),
        },
      ],
    },
  };
}

function toContent(state: WhatsAppVendorState, { text, media, raw }: ReceivedMessage): Record<string, unknown> {
  if (raw) return raw;
  const file = media && state.media[media.id];
  if (!media || !file) return { type: 'text', text: { body: text ?? '' } };
  const content = {
    ...(text ? { caption: text } : {}),
    mime_type: file.contentType,
    sha256: hashMedia(file),
    id: media.id,
    ...(media.type === 'document' ? { filename: file.name } : {}),
  };
  return { type: media.type, [media.type]: content };
}

/** Builds the update of a contact's choice about marketing. */
export function toPreferenceUpdate(
  state: WhatsAppVendorState,
  { waId, userId, isNumberHidden }: VendorPerson,
  value: 'stop' | 'resume',
  at: number,
): VendorUpdate {
  return {
    field: 'user_preferences',
    value: {
      ...toValue(state),
      contacts: [{ user_id: userId }],
      user_preferences: [
        {
          ...(isNumberHidden ? {} : { wa_id: waId }),
          user_id: userId,
          detail: `User requested to ${value} marketing messages`,
          category: 'marketing_messages',
          value,
          // A number, unlike the timestamps of messages.
          timestamp: Math.floor(at / 1_000),
        },
      ],
    },
  };
}

function toSeconds(at: number): string {
  return String(Math.floor(at / 1_000));
}
