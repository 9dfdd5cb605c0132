import type { AppConnection, PhoneReply, PhoneText, SandboxPhone } from '../phone.ts';
import { hasOptedOut, type TwilioState } from '../vendors/twilio/state.ts';
import { createTwilio, type SimulatedTwilio } from '../vendors/twilio.ts';
import type { CarrierSetup } from './carrier-setup.ts';

/** Code of a phone that is switched off. */
const unreachableCode = 30003;

/** Twilio's own responses to STOP and START. */
const notices = {
  stop: 'You have successfully been unsubscribed. You will not receive any more messages from this number. Reply START to resubscribe.',
  start:
    'You have successfully been re-subscribed to messages from this number. Reply HELP for help. Reply STOP to unsubscribe.',
};

/** Connects the phone with a simulated Twilio. */
export function addTwilio(
  phone: SandboxPhone,
  deps: CarrierSetup<TwilioState> & {
    /** Another origin at which the same router serves files. */
    getStorageUrl: () => string;
  },
): SimulatedTwilio {
  const twilio = createTwilio({
    ...deps,
    url: deps.getUrl,
    storageUrl: deps.getStorageUrl,
    isOptedOut: (contact) => phone.state.mode === 'blocked' && !contact.startsWith('whatsapp:'),
    onMessage: ({ sid: id, to, body: text, mediaUrls: attachments }) =>
      phone.receive({ id, number: stripPrefix(to), text, attachments, carrier: 'twilio', app: getApp(to) }),
  });
  phone.addCarrier('twilio', {
    deliver: ({ id }) => twilio.deliver(id),
    // SMS has no reports of reading.
    markRead: ({ id, app }: PhoneText) => (app === 'WhatsApp' ? twilio.markRead(id) : undefined),
    fail: ({ id }) => twilio.fail(id, unreachableCode),
    sendReply: (reply, connection) => sendReply(twilio, phone, deps.getUrl(), reply, connection),
    setAccountRefused(isRefused) {
      twilio.state.account.status = isRefused ? 'suspended' : 'active';
      deps.onChange();
    },
    isAccountRefused: () => twilio.state.account.status !== 'active',
  });
  return twilio;
}

function sendReply(
  { state, receive }: SimulatedTwilio,
  phone: SandboxPhone,
  url: string,
  { number, text, picture }: PhoneReply,
  connection: AppConnection,
): string | null {
  if (connection.config.baseUrl !== url) return 'This location uses another Twilio than the simulated one.';
  const to = findSender(state, number, connection);
  if (!to) return 'The connection has no number to reply to.';
  const app = getApp(to);
  const from = app === 'WhatsApp' ? `whatsapp:${number}` : number;
  enterWebhook(state, to, connection.callbackUrls.inbound ?? '');
  const wasOptedOut = hasOptedOut(state, to, from);
  const media = picture ? [{ data: picture.read(), contentType: picture.contentType }] : [];
  void receive({ from, to, text, media });
  const isOptedOut = hasOptedOut(state, to, from);
  // Twilio responds to each STOP and START of an SMS itself.
  if (isOptedOut !== wasOptedOut) {
    phone.showNotice({ number, text: isOptedOut ? notices.stop : notices.start, app, carrier: 'twilio' });
  }
  return null;
}

/** Finds the sender to which a reply goes: that of the contact's last message, else that of the connection. */
function findSender(state: TwilioState, number: string, { config }: AppConnection): string | null {
  const senders = state.services.find(({ sid }) => sid === config.messagingServiceSid)?.pool ?? [];
  const own = typeof config.from === 'string' ? [config.from] : senders;
  const last = state.messages.findLast(
    ({ direction, to, from }) => direction === 'outbound-api' && stripPrefix(to) === number && own.includes(from ?? ''),
  );
  return last?.from ?? own[0] ?? null;
}

/** Enters the address of a WhatsApp sender, as a person does in Twilio's console: no API registers it. */
function enterWebhook(state: TwilioState, to: string, address: string): void {
  const sender = state.channelSenders.find((one) => one.address === to);
  if (sender && sender.webhookUrl === '') sender.webhookUrl = address;
}

function getApp(address: string): 'SMS' | 'WhatsApp' {
  return address.startsWith('whatsapp:') ? 'WhatsApp' : 'SMS';
}

function stripPrefix(address: string): string {
  return address.replace(/^whatsapp:/, '');
}
