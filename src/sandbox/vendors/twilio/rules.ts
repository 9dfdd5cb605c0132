import { hasOptedOut, type TwilioState } from './state.ts';

/** Error as Twilio responds with it. */
export interface SimError {
  status: number;
  code: number;
  message: string;
}

const fail = (code: number, message: string, status = 400): SimError => ({ status, code, message });

const e164 = /^\+[1-9]\d{6,14}$/;
const shortCode = /^\d{3,8}$/;
const name = /^(?=.*[A-Za-z])[A-Za-z0-9 +\-_&]{1,11}$/;
const maxMedia = 10;

/** Sender that Twilio has chosen for a message; null while a Messaging Service has not. */
export type Accepted = { from: string | null; messagingServiceSid: string | null };

/** Checks a request to send as Twilio does, in its order. @returns the error of the first rule that it breaks */
export function checkSend(state: TwilioState, form: URLSearchParams): SimError | Accepted {
  const [to, from, service] = ['To', 'From', 'MessagingServiceSid'].map((field) => form.get(field) || null);
  if (!to) return fail(21604, "A 'To' phone number is required.");
  if (!e164.test(to.replace(/^whatsapp:/, ''))) return fail(21211, `The 'To' number ${to} is not a valid phone number.`);
  if (!from && !service) return fail(21603, "A 'From' or 'MessagingServiceSid' parameter is required.");
  return (
    checkContent(form, isChannel(to)) ??
    checkStatusCallback(form.get('StatusCallback')) ??
    checkTrial(state, to) ??
    chooseSender(state, { to, from: from ?? null, service: service ?? null })
  );
}

function isChannel(address: string): boolean {
  return address.startsWith('whatsapp:');
}

function checkContent(form: URLSearchParams, overChannel: boolean): SimError | null {
  const body = form.get('Body') ?? '';
  const media = form.getAll('MediaUrl');
  if (body === '' && media.length === 0) return fail(21619, 'A text message body or media urls must be specified.');
  if (body.length > 1600) return fail(21617, 'The concatenated message body exceeds the 1600 character limit.');
  if (media.length > (overChannel ? 1 : maxMedia)) return fail(21623, 'Number of media files exceeds allowed limit.');
  if (media.some((url) => !/^https?:/.test(url) || !URL.canParse(url))) return fail(21620, 'Invalid media URL(s).');
  return null;
}

function checkStatusCallback(url: string | null): SimError | null {
  if (url === null || url === '') return null;
  if (url.length > 4000) return fail(21658, 'Parameter exceeded character limit.');
  const isValid = URL.canParse(url) && /^https?:$/.test(new URL(url).protocol) && !new URL(url).hostname.includes('_');
  return isValid ? null : fail(21609, `The 'StatusCallback' URL ${url} is not a valid URL.`);
}

function checkTrial({ account, verifiedNumbers }: TwilioState, to: string): SimError | null {
  if (account.type !== 'Trial' || verifiedNumbers.includes(to)) return null;
  return fail(21608, `The number ${to} is unverified. Trial accounts cannot send messages to unverified numbers.`);
}

function chooseSender(
  state: TwilioState,
  { to, from, service: serviceSid }: { to: string; from: string | null; service: string | null },
): SimError | Accepted {
  const service = state.services.find(({ sid }) => sid === serviceSid);
  if (serviceSid && !service) return fail(21701, 'The Messaging Service does not exist.', 404);
  if (service && service.pool.length === 0) return fail(21704, 'The Messaging Service contains no phone numbers.');
  if (service && from && !service.pool.includes(from)) {
    return fail(21711, `The 'From' number ${from} does not belong to the Messaging Service.`);
  }
  if (from) {
    const wrong = checkSender(state, from, to);
    if (wrong) return wrong;
  }
  const candidates = from ? [from] : (service?.pool ?? []).filter((sender) => isChannel(sender) === isChannel(to));
  if (candidates.length === 0) return fail(21703, 'The Messaging Service has no sender for this recipient.');
  if (candidates.every((sender) => hasOptedOut(state, sender, to))) {
    return fail(21610, 'Attempt to send to unsubscribed recipient.');
  }
  return { from, messagingServiceSid: serviceSid };
}

function checkSender(state: TwilioState, from: string, to: string): SimError | null {
  if (isChannel(from)) {
    const isKnown = state.channelSenders.some(({ address }) => address === from);
    if (!isKnown) return fail(63007, 'Twilio could not find a Channel with the specified From address.');
    return isChannel(to) ? null : fail(21211, "The 'To' address is not an address of this channel.");
  }
  if (isChannel(to)) return fail(21212, "The 'From' address is not an address of the channel of 'To'.");
  if (name.test(from) || shortCode.test(from)) return null;
  if (!e164.test(from)) return fail(21212, `The 'From' number ${from} is not a valid phone number or shortcode.`);
  const number = state.numbers.find(({ phoneNumber }) => phoneNumber === from);
  return number?.hasSms ? null : fail(21606, `The 'From' phone number ${from} is not a valid message-capable number.`);
}
