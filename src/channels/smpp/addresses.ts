import { isSender, type SmppConfig } from './config.ts';

/** An address with its type and numbering plan (SMPP 5.0, 4.7.1 and 4.7.2). */
export interface TypedAddress {
  readonly ton: number;
  readonly npi: number;
  readonly address: string;
}

const unknown = { ton: 0, npi: 0 };
const international = { ton: 1, npi: 1 };
const networkSpecific = { ton: 3, npi: 0 };
const alphanumeric = { ton: 5, npi: 0 };
const maxShortCodeDigits = 8;

/**
 * Chooses the sender of a message. The message may name its own; text that can be none, such as the name of a user, is not one.
 *
 * @returns `isOwnSender`: the connection has another sender, so that a problem of this one is no other message's
 */
export function chooseSender(
  { sourceAddress }: Pick<SmppConfig, 'sourceAddress'>,
  from: string | null,
): { sender: string | null; isOwnSender: boolean } {
  const own = from !== null && isSender(from) ? from : null;
  return { sender: own ?? sourceAddress ?? null, isOwnSender: own !== null && own !== sourceAddress };
}

/** Types the sender of a message by its form, unless the config says it otherwise. */
export function toSource(
  sender: string | null,
  config: { sourceTon?: number | undefined; sourceNpi?: number | undefined },
): TypedAddress {
  const type = classifySender(sender);
  const address = type === international ? (sender ?? '').replace(/^\+/, '') : (sender ?? '');
  return { ton: config.sourceTon ?? type.ton, npi: config.sourceNpi ?? type.npi, address };
}

function classifySender(sender: string | null): { ton: number; npi: number } {
  if (!sender) return unknown;
  if (!/^\+?\d+$/.test(sender)) return alphanumeric;
  return sender.startsWith('+') || sender.length > maxShortCodeDigits ? international : networkSpecific;
}

/** Types the recipient of a message: carriers take international numbers without the plus sign. */
export function toDestination(to: string, config: { destinationTon: number; destinationNpi: number }): TypedAddress {
  return { ton: config.destinationTon, npi: config.destinationNpi, address: to.replace(/^\+/, '') };
}

/**
 * Writes an address of the carrier as the program does: with a plus sign where it is international. Some carriers call every address that: a short
 * code has no plus sign, and one that begins with `00` or `0` is read as it is written.
 */
export function fromTyped({ ton, address }: TypedAddress): string {
  return ton === international.ton && /^[1-9]\d{6,}$/.test(address) ? `+${address}` : address;
}
