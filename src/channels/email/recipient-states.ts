import type { Mailbox, RefusedRecipient } from '../mail/addresses.ts';

/** What earlier attempts have settled: some recipients were reached, some refused for good. The others are still open. */
export interface SettledRecipients {
  readonly reached: ReadonlySet<string>;
  readonly refused: ReadonlyMap<string, string>;
}

/** Part of an email that names one recipient which it has reached. */
export interface ReachedPart {
  readonly idempotencyKey: string;
  readonly address: string;
}

const reachedPrefix = 'to';
const refusedPrefix = 'no';

/** Parses a part that names a reached recipient. @returns null for the id of an email */
export function parseReachedPart(part: string): ReachedPart | null {
  const [prefix, idempotencyKey = '', ...address] = part.split(':');
  return prefix === reachedPrefix && address.length > 0 ? { idempotencyKey, address: address.join(':') } : null;
}

/**
 * Parses the parts of earlier attempts. Beside the ids of the email they name the recipients that are settled: an attempt that was accepted for some
 * recipients and deferred for others continues with the deferred ones.
 */
export function parseSettledRecipients(parts: readonly string[]): SettledRecipients {
  const reached = parts.flatMap((part) => parseReachedPart(part)?.address ?? []);
  const refused = parts.flatMap((part): [string, string][] => {
    const [prefix, , code = '', ...address] = part.split(':');
    return prefix === refusedPrefix && address.length > 0 ? [[address.join(':'), code]] : [];
  });
  return { reached: new Set(reached), refused: new Map(refused) };
}

/** Formats settled recipients as parts. Each holds the key of the email, as ids are unique in a connection. */
export function formatSettledRecipients(
  idempotencyKey: string,
  reached: readonly string[],
  refused: readonly RefusedRecipient[],
): string[] {
  return [
    ...reached.map((address) => `${reachedPrefix}:${idempotencyKey}:${address.toLowerCase()}`),
    ...refused.map(({ address, code }) => `${refusedPrefix}:${idempotencyKey}:${code}:${address.toLowerCase()}`),
  ];
}

/** Lists the recipients that no attempt has settled. */
export function listOpenRecipients(mailboxes: readonly Mailbox[], { reached, refused }: SettledRecipients): Mailbox[] {
  return mailboxes.filter(({ address }) => !reached.has(address.toLowerCase()) && !refused.has(address.toLowerCase()));
}

/** Lists the recipients that earlier attempts were refused. */
export function listEarlierRefusals({ refused }: SettledRecipients): RefusedRecipient[] {
  return [...refused].map(([address, code]) => ({
    address,
    code,
    message: `The mail server refused ${address} in an earlier attempt.`,
  }));
}
