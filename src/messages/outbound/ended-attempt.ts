import type { OutboundMessage, SendOutcome } from '../../channels/channel.ts';
import type { Connection } from '../../connections/connection.ts';
import { normalizeAddress } from '../../core/address.ts';
import { maxChars } from '../../core/bounds.ts';
import type { WorkMessage } from '../model/message.ts';
import { parseRecipients } from '../model/recipients.ts';
import type { ContactAddress, EndedAttempt } from '../settlement/settlement.ts';

/** Builds the attempt of a settlement. @param concluded the outcome for the message */
export function toEndedAttempt(
  id: string,
  { to, messageType }: OutboundMessage,
  { id: connectionId, capabilities }: Connection,
  outcome: SendOutcome,
  concluded: SendOutcome = outcome,
): EndedAttempt {
  if (messageType !== 'email') return { id, connectionId, outcome };
  const { receipts: hasReceipts, quietPeriodMs } = capabilities;
  const isSent = concluded.kind === 'accepted' || concluded.kind === 'delivered';
  const { rejectedRecipients } = concluded;
  const email = {
    ...{ hasReceipts, isSent, isToSeveral: parseRecipients(to).length > 1 },
    ...(hasReceipts && quietPeriodMs !== undefined ? { quietPeriodMs } : {}),
    ...(rejectedRecipients ? { rejectedRecipients } : {}),
  };
  return { id, connectionId, outcome, email };
}

/** Returns the contact of the address that a message went to, so that a reply from there is posted into the same conversation. */
export function toContactAddress(message: WorkMessage, to: string, { kind }: SendOutcome): ContactAddress | null {
  const { locationId, contactId, isTest } = message;
  const isAccepted = kind === 'accepted' || kind === 'delivered';
  const { address, kind: addressKind } = normalizeAddress(to);
  // An email to several recipients does not say which of them is the contact.
  const isSingle = (addressKind !== 'other' || !to.includes('@')) && address.length <= maxChars.address;
  return isAccepted && contactId && !isTest && isSingle ? { locationId, address, contactId } : null;
}
