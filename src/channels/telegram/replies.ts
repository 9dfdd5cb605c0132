import type { ContactLinkResult, WebhookResponse } from '../channel.ts';
import type { Update } from './read-update.ts';

/** Texts that the bot writes itself, by the language of the person's app. */
const texts = {
  en: {
    confirm_phone: 'To connect this chat with you, please share your phone number with the button below.',
    share: 'Share my phone number',
    refused: 'This link was used before or has expired. You can write to us here all the same.',
  },
  es: {
    confirm_phone: 'Para vincular este chat con usted, comparta su número de teléfono con el botón de abajo.',
    share: 'Compartir mi número de teléfono',
    refused: 'Este enlace ya se usó o ha caducado. De todos modos puede escribirnos aquí.',
  },
} as const;

/**
 * Builds the response to an update in which a person has opened a link. Telegram runs a method that a response names, so that the reply
 * needs no call, and a response without one is empty: any other JSON could be taken for a method.
 */
export function createReply({ events, language }: Update, results: readonly ContactLinkResult[]): WebhookResponse {
  const [event] = events;
  const [result] = results;
  if (event?.kind !== 'contact_link' || (result !== 'confirm_phone' && result !== 'refused')) return { status: 200 };
  const words = texts[/^es\b/i.test(language ?? '') ? 'es' : 'en'];
  const body = {
    method: 'sendMessage',
    chat_id: Number(event.inbound.vendorAddress),
    text: words[result],
    ...(result === 'confirm_phone' ? { reply_markup: toKeyboard(words.share) } : {}),
  };
  return { status: 200, contentType: 'application/json', body: JSON.stringify(body) };
}

function toKeyboard(text: string) {
  return { keyboard: [[{ text, request_contact: true }]], resize_keyboard: true, one_time_keyboard: true };
}
