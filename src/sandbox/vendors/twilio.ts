import type { Axios } from 'axios';
import type { Response, Router } from 'express';
import type { Clock } from '../../core/clock.ts';
import type { RandomSource } from '../../core/ids.ts';
import { type ApiCall, createApi, respondError } from './twilio/api.ts';
import { createWebhookPoster, type Fields, signWebhook } from './twilio/callbacks.ts';
import { renderMessage } from './twilio/render.ts';
import { checkSend } from './twilio/rules.ts';
import { createDemoState, createSidGenerator, findService, type SimMessage, type TwilioState } from './twilio/state.ts';

/** A fault of the next sends, until another is set. `cut`, `error_after_accepting` and `hang_after_accepting` have accepted the message. */
export type TwilioFault =
  | { kind: 'error'; status: number; code: number; message?: string; retryAfterSeconds?: number }
  | { kind: 'error_after_accepting' | 'hang' | 'hang_after_accepting' | 'drop' | 'cut' };

export interface InboundText {
  from: string;
  to: string;
  text?: string;
  /** Chosen by a test, or made. */
  sid?: string;
  media?: readonly { data: Buffer; contentType: string }[];
  /** Further fields, such as those of a location or a button. */
  fields?: Fields;
}

export type SimulatedTwilio = ReturnType<typeof createTwilio>;

const stopWords = ['STOP', 'STOPALL', 'UNSUBSCRIBE', 'CANCEL', 'END', 'QUIT', 'REVOKE', 'OPTOUT'];
const startWords = ['START', 'YES', 'UNSTOP'];
const helpWords = ['HELP', 'INFO'];

/**
 * Creates a simulated Twilio: it accepts requests as strictly as Twilio, calls back with signed webhooks, keeps opt-outs and breaks on
 * request. A message stays `sent` until its phone, or a test, delivers it.
 */
export function createTwilio(options: {
  clock: Clock;
  random: RandomSource;
  /** For webhooks. */
  http: Axios;
  /** Address of its router. */
  url: () => string;
  /** Storage of files, by default at the same address. */
  storageUrl?: () => string;
  state?: TwilioState | undefined;
  onChange?: () => void;
  /** Returns whether a contact has opted out, besides those of Twilio's own list. */
  isOptedOut?: (contact: string) => boolean;
  /** Called for each accepted message. */
  onMessage?: (message: SimMessage) => void;
  /** Chooses the fault of one send, before that of `setFault`. */
  pickFault?: (form: URLSearchParams) => TwilioFault | null;
  /** Called for each request, accepted or not. */
  onCall?: (call: ApiCall) => void;
}) {
  const { clock, random, http, url, onChange: notifyChange = () => undefined } = options;
  const state: TwilioState = options.state ?? createDemoState(random);
  const newSid = createSidGenerator(random);
  const problems: { code: number; url: string }[] = [];
  const post = createWebhookPoster({ clock, random, http, onProblem: (problem) => problems.push(problem) });
  let fixedFault: TwilioFault | null = null;

  function setStatus(message: SimMessage, status: string, errorCode: number | null = null): void {
    const at = clock.now();
    Object.assign(message, { status, errorCode, updatedAt: at });
    if (status === 'sent') {
      message.sentAt = at;
      message.from ??= state.services.find(({ sid }) => sid === message.messagingServiceSid)?.pool[0] ?? null;
    }
    notifyChange();
    if (message.statusCallback) void post(state.account.authToken, message.statusCallback, toStatusFields(state, message));
  }

  function accept(form: URLSearchParams, sender: { from: string | null; messagingServiceSid: string | null }): SimMessage {
    const mediaUrls = form.getAll('MediaUrl');
    const at = clock.now();
    const message: SimMessage = {
      ...{ sid: newSid(mediaUrls.length > 0 ? 'MM' : 'SM'), ...sender, to: form.get('To') ?? '', body: form.get('Body') ?? '' },
      ...{ mediaUrls, direction: 'outbound-api', status: sender.from === null ? 'accepted' : 'queued', errorCode: null },
      ...{ statusCallback: form.get('StatusCallback') || null, createdAt: at, updatedAt: at, sentAt: null },
    };
    state.messages.push(message);
    setStatus(message, message.status);
    clock.setTimeout(() => {
      if (message.status === 'queued' || message.status === 'accepted') setStatus(message, 'sent');
    }, 0);
    options.onMessage?.(message);
    return message;
  }

  function send(form: URLSearchParams, response: Response): void {
    const fault = options.pickFault?.(form) ?? fixedFault;
    if (fault?.kind === 'hang') return;
    if (fault?.kind === 'drop') return void response.socket?.destroy();
    if (fault?.kind === 'error') {
      if (fault.retryAfterSeconds !== undefined) response.set('retry-after', String(fault.retryAfterSeconds));
      return void respondError(response, fault.status, fault.code, fault.message ?? 'A fault of the simulator');
    }
    const checked = checkSend(state, form);
    if ('code' in checked) return void respondError(response, checked.status, checked.code, checked.message);
    if (options.isOptedOut?.(form.get('To') ?? '')) {
      return void respondError(response, 400, 21610, 'Attempt to send to unsubscribed recipient.');
    }
    const message = accept(form, checked);
    if (fault?.kind === 'hang_after_accepting') return;
    if (fault?.kind === 'cut') return void response.socket?.destroy();
    if (fault) return void respondError(response, 500, 20500, 'Internal Server Error');
    response.status(201).json(renderMessage(state, message));
  }

  /** Finds a message and moves it on, if it is not at its end yet. */
  function move(sid: string, status: string, errorCode: number | null = null): void {
    const message = state.messages.find((one) => one.sid === sid);
    if (message && !['read', 'failed', 'undelivered'].includes(message.status)) setStatus(message, status, errorCode);
  }

  /** Builds the fields of an inbound message, and records it with its files and its opt-out. */
  function recordInbound(inbound: InboundText): Fields {
    const sid = inbound.sid ?? newSid(inbound.media?.length ? 'MM' : 'SM');
    const service = findService(state, inbound.to);
    const media = (inbound.media ?? []).map(({ data, contentType }) => ({
      ...{ sid: newSid('ME'), messageSid: sid, contentType, data: data.toString('base64') },
    }));
    state.media.push(...media);
    const optOutType = recordOptOut(state, inbound);
    const at = clock.now();
    state.messages.push({
      ...{ sid, from: inbound.from, to: inbound.to, body: inbound.text ?? '', mediaUrls: media.map((file) => file.sid) },
      ...{ direction: 'inbound', status: 'received', errorCode: null, messagingServiceSid: service?.sid ?? null },
      ...{ statusCallback: null, createdAt: at, updatedAt: at, sentAt: at },
    });
    notifyChange();
    const mediaUrl = (file: { sid: string }) =>
      `${url()}/2010-04-01/Accounts/${state.account.sid}/Messages/${sid}/Media/${file.sid}`;
    return {
      ...{ ToCountry: 'US', ToState: '', SmsMessageSid: sid, NumMedia: String(media.length), ToCity: '', FromZip: '' },
      ...{ SmsSid: sid, FromState: 'DC', SmsStatus: 'received', FromCity: '', Body: inbound.text ?? '', FromCountry: 'US' },
      ...{ To: inbound.to, ToZip: '', NumSegments: '1', MessageSid: sid, AccountSid: state.account.sid, From: inbound.from },
      ApiVersion: '2010-04-01',
      ...(service ? { MessagingServiceSid: service.sid } : {}),
      ...(optOutType && service?.hasAdvancedOptOut ? { OptOutType: optOutType } : {}),
      ...Object.fromEntries(media.map((file, index) => [`MediaUrl${index}`, mediaUrl(file)])),
      ...Object.fromEntries(media.map((file, index) => [`MediaContentType${index}`, file.contentType])),
      ...(inbound.from.startsWith('whatsapp:') ? { WaId: inbound.from.replace(/\D/g, ''), ProfileName: 'Maya' } : {}),
      ...inbound.fields,
    };
  }

  const router: Router = createApi({
    ...{ state, url, storageUrl: options.storageUrl ?? url, send, onChange: notifyChange },
    onCall: options.onCall ?? (() => undefined),
  });

  return {
    state,
    router,
    /** Errors of webhooks, as the account's log lists them. */
    problems,
    setFault(next: TwilioFault | null) {
      fixedFault = next;
    },
    deliver: (sid: string) => move(sid, 'delivered'),
    markRead: (sid: string) => move(sid, 'read'),
    fail: (sid: string, code: number) => move(sid, code >= 63000 ? 'failed' : 'undelivered', code),
    /** Receives a message from a contact and posts it to the address of its number, service or WhatsApp sender. */
    receive(inbound: InboundText): Promise<void> {
      const fields = recordInbound(inbound);
      const address = findInboundAddress(state, inbound.to);
      return address ? post(state.account.authToken, address, fields) : Promise.resolve();
    },
    /** Signs the webhook of an inbound message without posting it. */
    signInbound: (address: string, inbound: InboundText) =>
      signWebhook(state.account.authToken, address, recordInbound(inbound)),
    /** Signs any webhook without posting it. */
    sign: (address: string, fields: Fields) => signWebhook(state.account.authToken, address, fields),
    toStatusFields: (message: SimMessage) => toStatusFields(state, message),
  };
}

function toStatusFields({ account }: TwilioState, message: SimMessage): Fields {
  const isChannel = message.to.startsWith('whatsapp:');
  return {
    ...{ MessageSid: message.sid, SmsSid: message.sid, AccountSid: account.sid, ApiVersion: '2010-04-01' },
    ...{ To: message.to, MessageStatus: message.status, SmsStatus: message.status },
    ...(message.from ? { From: message.from } : {}),
    ...(message.messagingServiceSid ? { MessagingServiceSid: message.messagingServiceSid } : {}),
    ...(message.errorCode === null ? {} : { ErrorCode: String(message.errorCode) }),
    ...(['delivered', 'undelivered'].includes(message.status) ? { RawDlrDoneDate: '2601010900' } : {}),
    ...(isChannel ? { ChannelPrefix: 'whatsapp', ChannelInstallSid: 'XE00000000000000000000000000000000' } : {}),
    ...(message.status === 'read' ? { EventType: 'READ' } : {}),
  };
}

/** Records the opt-out or opt-in of an SMS. @returns its kind in Twilio's words */
function recordOptOut(state: TwilioState, { from, to, text = '' }: InboundText): 'STOP' | 'START' | 'HELP' | null {
  const word = text.trim().toUpperCase();
  if (from.startsWith('whatsapp:')) return null;
  const senders = findService(state, to)?.pool ?? [to];
  if (stopWords.includes(word)) {
    state.optOuts.push({ sender: to, contact: from });
    return 'STOP';
  }
  if (startWords.includes(word)) {
    state.optOuts = state.optOuts.filter(({ sender, contact }) => contact !== from || !senders.includes(sender));
    return 'START';
  }
  return helpWords.includes(word) ? 'HELP' : null;
}

/** Finds the address for inbound messages: that of a Messaging Service overrules that of its number. */
function findInboundAddress(state: TwilioState, to: string): string {
  const service = findService(state, to);
  const number = state.numbers.find(({ phoneNumber }) => phoneNumber === to);
  if (service && !service.useInboundWebhookOnNumber) return service.inboundRequestUrl;
  return number?.smsUrl ?? state.channelSenders.find(({ address }) => address === to)?.webhookUrl ?? '';
}
