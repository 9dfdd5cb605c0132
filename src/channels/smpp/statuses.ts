import type { SendOutcome } from '../channel.ts';

/** What a status of the carrier is about. `sender`: where the message has named its sender, it is as `message`; else as `config`. */
export type StatusClass = 'ok' | 'throttled' | 'busy' | 'message' | 'sender' | 'config' | 'account';

interface Status {
  readonly name: string;
  readonly class: StatusClass;
  readonly message: string;
}

const status = (name: string, statusClass: StatusClass, message: string): Status => ({ name, class: statusClass, message });

/** Statuses (SMPP 5.0, 4.7.6) that say something about what comes next; others count against the message. */
const statuses: Readonly<Record<number, Status>> = {
  0: status('ESME_ROK', 'ok', 'The carrier accepted it.'),
  1: status('ESME_RINVMSGLEN', 'message', 'The message is too long for the carrier.'),
  2: status('ESME_RINVCMDLEN', 'message', 'The carrier could not read the message: its length is wrong.'),
  3: status('ESME_RINVCMDID', 'config', 'The carrier does not know this command.'),
  4: status('ESME_RINVBNDSTS', 'account', 'The bind may not do this: a transmitter only sends and a receiver only receives.'),
  5: status('ESME_RALYBND', 'busy', 'The account is bound already, and the carrier allows no further bind.'),
  8: status('ESME_RSYSERR', 'busy', 'The carrier reports a system error.'),
  10: status('ESME_RINVSRCADR', 'sender', 'The carrier does not accept the sender.'),
  11: status('ESME_RINVDSTADR', 'message', 'The carrier does not accept the recipient.'),
  13: status('ESME_RBINDFAIL', 'account', 'The carrier refused the bind.'),
  14: status('ESME_RINVPASWD', 'account', 'The carrier does not accept the password.'),
  15: status('ESME_RINVSYSID', 'account', 'The carrier does not accept the system ID.'),
  20: status('ESME_RMSGQFUL', 'throttled', 'The carrier’s queue is full.'),
  21: status('ESME_RINVSERTYP', 'config', 'The carrier does not accept the service type.'),
  51: status('ESME_RINVNUMDESTS', 'message', 'The carrier does not accept the number of recipients.'),
  67: status('ESME_RINVESMCLASS', 'config', 'The carrier does not accept this form of message.'),
  68: status('ESME_RCNTSUBDL', 'config', 'The carrier does not accept this form of message.'),
  69: status('ESME_RSUBMITFAIL', 'message', 'The carrier could not take the message.'),
  72: status('ESME_RINVSRCTON', 'sender', 'The carrier does not accept the type of the sender.'),
  73: status('ESME_RINVSRCNPI', 'sender', 'The carrier does not accept the numbering plan of the sender.'),
  80: status('ESME_RINVDSTTON', 'message', 'The carrier does not accept the type of the recipient.'),
  81: status('ESME_RINVDSTNPI', 'message', 'The carrier does not accept the numbering plan of the recipient.'),
  83: status('ESME_RINVSYSTYP', 'account', 'The carrier does not accept the system type.'),
  88: status('ESME_RTHROTTLED', 'throttled', 'The carrier limits the rate of messages.'),
  97: status('ESME_RINVSCHED', 'busy', 'The carrier does not accept the time of the message now.'),
  98: status('ESME_RINVEXPIRY', 'message', 'The carrier does not accept the validity period.'),
  100: status('ESME_RX_T_APPN', 'busy', 'The carrier can not take the message now.'),
  101: status('ESME_RX_P_APPN', 'message', 'The carrier refused the message for good.'),
  102: status('ESME_RX_R_APPN', 'message', 'The carrier refused the message.'),
  192: status('ESME_RINVTLVSTREAM', 'config', 'The carrier does not accept the optional fields.'),
  193: status('ESME_RTLVNOTALLWD', 'config', 'The carrier does not allow an optional field.'),
  194: status('ESME_RINVTLVLEN', 'config', 'The carrier does not accept the length of an optional field.'),
  195: status('ESME_RMISSINGTLV', 'config', 'The carrier requires an optional field that is missing.'),
  196: status('ESME_RINVTLVVAL', 'config', 'The carrier does not accept the value of an optional field.'),
  254: status('ESME_RDELIVERYFAILURE', 'message', 'The carrier could not deliver the message.'),
  255: status('ESME_RUNKNOWNERR', 'message', 'The carrier reports an unknown error.'),
};

/** Writes a status as carriers do in their documents: `0x00000058`. */
export function formatStatus(code: number): string {
  return `0x${code.toString(16).toUpperCase().padStart(8, '0')}`;
}

/** Returns what a status means. Carriers define further ones: each of those is about one message, as far as anyone can know. */
export function describeStatus(code: number): { class: StatusClass; code: string; message: string } {
  const known = statuses[code];
  const number = formatStatus(code);
  if (!known)
    return { class: 'message', code: number, message: `The carrier responded with status ${number}, which it defines itself.` };
  return { class: known.class, code: known.name, message: `${known.message} (${known.name}, ${number})` };
}

/** Delay until a message may be sent again after a status that asks for time. */
const busyDelayMs = 30_000;

/**
 * Converts the status of a refused part into an outcome. Parts that were accepted before it are kept, so that they are not sent again.
 *
 * @param throttledDelayMs pause of the whole connection
 * @param isOwnSender the message has named its sender, so that the sender's problems are its own
 */
export function toFailure(
  statusCode: number,
  throttledDelayMs: number,
  acceptedParts: readonly string[],
  isOwnSender: boolean,
): Extract<SendOutcome, { kind: 'rejected' | 'unavailable' | 'connection_error' }> {
  const { class: statusClass, code, message } = describeStatus(statusCode);
  const reason = { code, message, response: formatStatus(statusCode) };
  const parts = acceptedParts.length > 0 ? { acceptedParts } : {};
  const rejected = { kind: 'rejected', isAuthoritative: true, ...reason } as const;
  switch (statusClass) {
    case 'throttled':
      return { kind: 'unavailable', ...reason, ...parts, retryAfterMs: throttledDelayMs, isConnectionWide: true };
    case 'busy':
      return { kind: 'unavailable', ...reason, ...parts, retryAfterMs: busyDelayMs };
    case 'sender':
      return isOwnSender ? rejected : { kind: 'connection_error', ...reason, ...parts };
    case 'config':
    case 'account':
      return { kind: 'connection_error', ...reason, ...parts };
    default:
      return rejected;
  }
}
