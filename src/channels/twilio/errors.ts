import type { SendOutcome } from '../channel.ts';

/**
 * Treatment of an error code.
 *
 * - `rejected`: final for this message.
 * - `opted_out`: final, and the contact wants no messages.
 * - `busy`: not sent; a later attempt may succeed.
 * - `account`: about the account or its credentials, so that every message would fail.
 * - `sender`: about the sender. Where the message has named it, final for this message; else it is as `account`.
 * - `unknown`: the message may have been sent.
 */
export type ErrorClass = 'rejected' | 'opted_out' | 'busy' | 'account' | 'sender' | 'unknown';

interface ErrorRow {
  readonly class: ErrorClass;
  readonly message: string;
  readonly retryAfterMs?: number;
  /** In a status callback it means that no message of the account, or of the sender, is sent any more: the connection is held. */
  readonly holds?: true;
}

const row = (errorClass: ErrorClass, message: string, rest: Omit<ErrorRow, 'class' | 'message'> = {}): ErrorRow => ({
  class: errorClass,
  message,
  ...rest,
});
const rejected = (message: string) => row('rejected', message);
const optedOut = (message: string) => row('opted_out', message);
const busy = (message: string, retryAfterMs?: number) =>
  row('busy', message, retryAfterMs === undefined ? {} : { retryAfterMs });
const account = (message: string) => row('account', message);
const sender = (message: string) => row('sender', message);
const lostSender = (message: string) => row('sender', message, { holds: true });

/**
 * Error codes of Twilio: of its responses (14107 to 21712) and of its status callbacks (30001 and above). Codes about one destination, such
 * as 21408 for a country, 21606 or 21703, stay with their message although they name the sender or the account: other messages pass.
 */
const errors: Readonly<Record<string, ErrorRow>> = {
  14107: busy('Too many messages between two numbers within 30 seconds.', 30_000),
  20003: account('Twilio does not accept the credentials, or they lack the permission to send.'),
  20005: account('The Twilio account is not active.'),
  20006: account('The credentials have no access to this Twilio account.'),
  20008: account('These are test credentials of Twilio, which cannot do this.'),
  20403: account('Twilio forbids this account to send.'),
  20404: account('Twilio knows no such account.'),
  20429: busy('Too many concurrent requests of this Twilio account.'),
  20500: row('unknown', 'Twilio had an internal error, and may have sent the message.'),
  20503: row('unknown', 'Twilio was unavailable, and may have sent the message.'),
  21211: rejected('The recipient’s number is not valid.'),
  21212: sender('The sender’s number is not valid.'),
  21214: rejected('The recipient’s number cannot be reached.'),
  21217: rejected('The recipient’s number does not appear to be valid.'),
  21408: rejected('The Twilio account may not send to this country: enable it in the Messaging geo permissions.'),
  21601: sender('The sender is not an SMS number of this Twilio account.'),
  21602: rejected('The message has no text.'),
  21603: sender('The message has no sender.'),
  21604: rejected('The message has no recipient.'),
  21606: rejected('The sender cannot send to this recipient, or is not a number of this Twilio account.'),
  21607: sender('A trial account can only send from its sandbox number.'),
  21608: rejected('A trial account can only send to numbers that are verified with Twilio.'),
  21609: account('Twilio cannot call this app’s address for status callbacks: check APP_URL.'),
  21610: optedOut('The contact has opted out of messages from this sender.'),
  21611: busy('Too many messages of this sender are waiting at Twilio.'),
  21612: rejected('Twilio has no route from this sender to this recipient.'),
  21614: rejected('The recipient’s number is not a mobile number.'),
  21617: rejected('The text is longer than 1,600 characters.'),
  21619: rejected('The message has neither text nor a file.'),
  21620: rejected('The address of an attachment is not valid.'),
  21622: rejected('The Twilio account cannot send pictures.'),
  21623: rejected('The message has more than ten files.'),
  21652: rejected('The subject is too long.'),
  21653: rejected('The message has too many recipients.'),
  21654: rejected('The template has no ContentSid.'),
  21655: rejected('The template’s ContentSid is not valid.'),
  21656: rejected('The template’s variables are not valid.'),
  21657: sender('The sender is not valid.'),
  21658: rejected('A field of the message is too long.'),
  21701: sender('The Messaging Service does not exist.'),
  21702: sender('The Messaging Service is not available.'),
  21703: rejected('The Messaging Service has no sender that can reach this recipient.'),
  21704: sender('The Messaging Service has no senders.'),
  21705: sender('The Messaging Service is not valid.'),
  21708: sender('The message lacks a name as its sender.'),
  21709: sender('The Messaging Service does not allow this name as a sender.'),
  21711: sender('The sender does not belong to the Messaging Service.'),
  21712: sender('The sender belongs to another Messaging Service.'),
  30001: busy('The message waited too long at Twilio: too many messages of this sender.'),
  30002: row('account', 'The Twilio account was suspended.', { holds: true }),
  30003: rejected('The phone is switched off or cannot be reached.'),
  30004: rejected('The recipient’s phone or carrier blocks the message.'),
  30005: rejected('The recipient’s number is unknown.'),
  30006: rejected('The recipient’s number is a landline, or its carrier cannot be reached.'),
  30007: rejected('The carrier filtered the message as unwanted.'),
  30008: rejected('The message failed for an unknown reason.'),
  30011: rejected('The recipient’s number cannot receive pictures.'),
  30017: busy('The carrier’s network was congested.'),
  30018: sender('The recipient’s country requires a registered sender.'),
  30019: rejected('The content is larger than the carrier allows.'),
  30022: busy('The sender exceeded the rate of its 10DLC campaign.'),
  30023: busy('The sender reached the daily limit of its 10DLC campaign.'),
  30024: sender('The carrier does not know the sender yet.'),
  30025: busy('The sender has used half of its daily limit at T-Mobile.'),
  30026: busy('The sender has used most of its daily limit at T-Mobile.'),
  30027: busy('The sender reached its daily limit at T-Mobile.'),
  30032: sender('The toll-free number is not verified.'),
  30033: sender('The 10DLC campaign of the sender is suspended.'),
  30034: sender('The sender is not registered for 10DLC, which US numbers require.'),
  30035: sender('The sender’s 10DLC registration is not finished.'),
  30036: rejected('The message expired before it could be delivered.'),
  30410: busy('The carrier did not respond in time.'),
  30450: rejected('Twilio blocks this recipient as a protection against fraud.'),
  30610: rejected('The message was not sent, as it fell into the recipient’s quiet hours.'),
  30640: rejected('The message was not delivered.'),
  63001: lostSender('WhatsApp does not accept the sender’s credentials.'),
  63002: sender('The channel does not know the sender.'),
  63003: rejected('The recipient has no such channel.'),
  63005: rejected('The channel did not accept the content.'),
  63007: lostSender('Twilio knows no WhatsApp sender with this number.'),
  63008: sender('The sender’s channel is not set up correctly in Twilio.'),
  63009: busy('WhatsApp had an internal error.'),
  63010: busy('Twilio had an internal error.'),
  63012: busy('WhatsApp had an internal error.'),
  63013: rejected('The message violates a policy of WhatsApp.'),
  63014: optedOut('The contact has blocked the sender.'),
  63015: rejected('The contact has not joined the WhatsApp sandbox.'),
  63016: rejected('The contact has not written in the last 24 hours: WhatsApp then takes templates only.'),
  63017: busy('Too many messages in a short time.'),
  63018: busy('Too many WhatsApp messages in a short time.'),
  63019: rejected('Twilio could not download an attachment.'),
  63020: lostSender('The WhatsApp sender’s business account at Meta has a problem.'),
  63021: rejected('WhatsApp did not accept the content.'),
  63022: lostSender('The WhatsApp sender’s name has no valid certificate.'),
  63024: rejected('The recipient is not valid for WhatsApp.'),
  63026: rejected('WhatsApp considers the content unwanted.'),
  63027: rejected('The template does not exist in this language.'),
  63028: rejected('The template needs another number of parameters.'),
  63031: rejected('Sender and recipient are the same.'),
  63032: rejected('WhatsApp does not deliver business messages to this contact.'),
  63033: optedOut('The contact has blocked the sender.'),
  63034: rejected('An attachment is larger than WhatsApp allows.'),
  63038: busy('The account reached its daily limit.'),
  63040: rejected('WhatsApp rejected the template.'),
  63041: rejected('WhatsApp paused the template.'),
  63042: rejected('WhatsApp disabled the template.'),
  63051: lostSender('WhatsApp locked the business account of the sender.'),
};

/** Finds what is known about an error code. */
export function findError(code: string | undefined): ErrorRow | undefined {
  return code !== undefined && Object.hasOwn(errors, code) ? errors[code] : undefined;
}

/** Error of a response: the code of Twilio, where its body had one. */
export interface ApiError {
  readonly status: number;
  readonly code: string | undefined;
  readonly message: string | undefined;
  readonly retryAfterMs: number | undefined;
}

/** Classifies an error by its code, or, as Twilio adds codes, by its HTTP status. */
export function classifyError({ status, code }: Pick<ApiError, 'status' | 'code'>): ErrorClass {
  // A limit of requests is never processed, with whichever code.
  if (status === 429) return 'busy';
  const known = findError(code);
  if (known) return known.class;
  if (status === 401 || status === 403) return 'account';
  if (status === 425) return 'busy';
  return status >= 400 && status < 500 && status !== 408 ? 'rejected' : 'unknown';
}

/**
 * Converts the error of a send to its outcome.
 *
 * @param isOwnSender the message has named its sender, so that the sender's problems are its own
 */
export function toErrorOutcome(error: ApiError, isOwnSender: boolean): SendOutcome {
  const code = error.code ?? `http_${error.status}`;
  const known = findError(error.code);
  const message = known?.message ?? error.message ?? `Twilio responded with ${error.status}.`;
  const isAuthoritative = error.code !== undefined;
  switch (classifyError(error)) {
    case 'opted_out':
      return { kind: 'rejected', code, message, isAuthoritative, optedOut: 'all' };
    case 'busy': {
      const retryAfterMs = error.retryAfterMs ?? known?.retryAfterMs;
      return { kind: 'unavailable', code, message, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
    }
    case 'account':
      return { kind: 'connection_error', code, message };
    case 'sender':
      return isOwnSender ? { kind: 'rejected', code, message, isAuthoritative } : { kind: 'connection_error', code, message };
    case 'unknown':
      return { kind: 'unknown', code, message };
    case 'rejected':
      return { kind: 'rejected', code, message, isAuthoritative };
  }
}
