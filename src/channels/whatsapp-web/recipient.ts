import type { OutboundMessage } from '../channel.ts';
import { isPerson, type Jid, parseJid } from './jid.ts';

const phone = /^\+?([1-9]\d{4,14})$/;

/**
 * Chooses the recipient of a message: the address by which WhatsApp knows the contact, else the contact's number. `isKnown`: WhatsApp has
 * named the address itself.
 *
 * @returns null for an address that WhatsApp can't have
 */
export function findRecipient({
  to,
  vendorAddress,
}: Pick<OutboundMessage, 'to' | 'vendorAddress'>): (Jid & { readonly isKnown: boolean }) | null {
  for (const [address, isKnown] of [
    [vendorAddress, true],
    [to, false],
  ] as const) {
    const found = parseJid(address);
    if (found && isPerson(found)) return { ...found, isKnown: true };
    const digits = phone.exec(address ?? '')?.[1];
    if (digits) return { kind: 'phone', user: digits, isKnown };
  }
  return null;
}
