import { toMailKey } from '../../core/address.ts';
import type { OutboundMessage } from '../channel.ts';
import type { Mailbox, RefusedRecipient } from '../mail/addresses.ts';

/** What earlier attempts have settled: some recipients were reached, some refused for good. The others are still open. */
export interface SettledRecipients {
  readonly reachedCount: number;
  readonly refused: readonly RefusedRecipient[];
  isSettled(address: string): boolean;
}

/** Reads what earlier attempts have settled. */
export function readSettledRecipients({
  settledRecipients = [],
}: Pick<OutboundMessage, 'settledRecipients'>): SettledRecipients {
  const settled = new Set(settledRecipients.map(({ address }) => toMailKey(address)));
  const refused = settledRecipients.flatMap(({ address, refusal }) => (refusal ? [{ address, ...refusal }] : []));
  return {
    reachedCount: settledRecipients.length - refused.length,
    refused,
    isSettled: (address) => settled.has(toMailKey(address)),
  };
}

/** Lists the recipients that no attempt has settled. */
export function listOpenRecipients(mailboxes: readonly Mailbox[], { isSettled }: SettledRecipients): Mailbox[] {
  return mailboxes.filter(({ address }) => !isSettled(address));
}
