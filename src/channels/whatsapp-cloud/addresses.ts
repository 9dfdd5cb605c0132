import { toUsualSpelling } from '../../core/phone-spellings.ts';
import type { OutboundMessage } from '../channel.ts';

/** Id of a user in one business portfolio, for users who hide their number: a country, perhaps `ENT`, and up to 128 letters and digits. */
const businessScopedId = /^[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}$/;
const phone = /^\+?([1-9]\d{6,14})$/;

/** Recipient fields of a message. */
export type Recipient = { readonly to: string } | { readonly recipient: string };

/**
 * Chooses the recipient of a message: the spelling by which WhatsApp knows the contact, else the contact's number. The plus sign stays:
 * without it Meta puts the business's own country code before the number.
 *
 * @returns null for an address that WhatsApp can't have
 */
export function toRecipient({ to, vendorAddress }: Pick<OutboundMessage, 'to' | 'vendorAddress'>): Recipient | null {
  for (const address of [vendorAddress, to]) {
    if (address === null) continue;
    if (businessScopedId.test(address)) return { recipient: address };
    const digits = phone.exec(address)?.[1];
    if (digits) return { to: `+${digits}` };
  }
  return null;
}

/** Converts WhatsApp's spelling of a number to the one of the CRM; an id of a user stays as it is. */
export function toContactAddress(waId: string): string {
  const digits = waId.replace(/^\+/, '');
  return /^[1-9]\d{6,14}$/.test(digits) ? toUsualSpelling(digits) : waId;
}
