import { maxChars } from '../../core/bounds.ts';
import type { ChannelEvent, InboundAttachment } from '../channel.ts';
import { type Person, toContactAddress } from './jid.ts';

/** A message of a contact, or of the account's own phone, as a server's event names it. */
export interface WebMessage {
  readonly key: string | undefined;
  readonly person: Person;
  readonly isOwn: boolean;
  /** Number of the account, where the event names it. */
  readonly ownPhone: string | undefined;
  readonly name: string | undefined;
  readonly text: string;
  readonly attachments: readonly InboundAttachment[];
  readonly replyTo: string | undefined;
  readonly at: Date | undefined;
}

/**
 * Converts a message to its event. One without content is left out: it is a placeholder for a message that WhatsApp could not decrypt yet,
 * and the real one comes with the same id.
 */
export function toInboundEvents(message: WebMessage): ChannelEvent[] {
  const { key, person, isOwn, ownPhone, text, attachments, replyTo, at } = message;
  const hasContent = text !== '' || attachments.length > 0;
  if (!key || key.length > maxChars.externalId || !hasContent) return [];
  const contact = toContactAddress(person);
  const content = {
    externalId: key,
    text: text || undefined,
    attachments: [...attachments],
    ...(replyTo && replyTo.length <= maxChars.externalId ? { replyToExternalId: replyTo } : {}),
    occurredAt: at,
  };
  if (isOwn) {
    // What the account itself writes is known by its recipient; the account's own number may be missing.
    const from = ownPhone === undefined ? 'whatsapp' : toContactAddress({ phone: ownPhone, lid: undefined });
    return [{ kind: 'inbound', inbound: { ...content, from, to: contact, sentExternally: true } }];
  }
  return [
    {
      kind: 'inbound',
      inbound: {
        ...content,
        from: contact,
        vendorAddress: person.phone === undefined ? `${person.lid}@lid` : `${person.phone}@c.us`,
        // The hidden id stays when the number is left out.
        ...(person.lid === undefined ? {} : { vendorUserId: `${person.lid}@lid` }),
        name: message.name?.slice(0, 200).toWellFormed(),
        sentExternally: false,
      },
    },
  ];
}
