import type { AppConnection, PhoneReply, SandboxPhone } from '../phone.ts';
import type { TelnyxState } from '../vendors/telnyx/state.ts';
import { createTelnyx, type SimulatedTelnyx } from '../vendors/telnyx.ts';
import type { CarrierSetup } from './carrier-setup.ts';

/** Error of a phone that is switched off. */
const unreachable = { code: '40006', title: 'Recipient server unavailable' };

/** Telnyx's own responses to STOP and START. */
const notices = {
  stop: 'You have successfully been unsubscribed and will not receive any more messages from this number. Reply START to resubscribe.',
  start: 'You have successfully been re-subscribed to messages from this number. Reply STOP to unsubscribe.',
};

/** Connects the phone with a simulated Telnyx. */
export function addTelnyx(phone: SandboxPhone, deps: CarrierSetup<TelnyxState>): SimulatedTelnyx {
  const telnyx = createTelnyx({
    ...deps,
    url: deps.getUrl,
    isOptedOut: () => phone.state.mode === 'blocked',
    onMessage: ({ id, to: number, text, mediaUrls: attachments }) =>
      phone.receive({ id, number, text, attachments, carrier: 'telnyx', app: 'SMS' }),
  });
  phone.addCarrier('telnyx', {
    deliver: ({ id }) => telnyx.deliver(id),
    // SMS has no reports of reading.
    markRead: () => undefined,
    fail: ({ id }) => telnyx.fail(id, unreachable),
    sendReply: (reply, connection) => sendReply(telnyx, phone, deps.getUrl(), reply, connection),
    setAccountRefused(isRefused) {
      telnyx.state.account.isActive = !isRefused;
      deps.onChange();
    },
    isAccountRefused: () => !telnyx.state.account.isActive,
  });
  return telnyx;
}

function sendReply(
  { state, receive }: SimulatedTelnyx,
  phone: SandboxPhone,
  url: string,
  { number, text, picture }: PhoneReply,
  { config }: AppConnection,
): string | null {
  if (config.baseUrl !== url) return 'This location uses another Telnyx than the simulated one.';
  const pooled = state.numbers.filter(({ profileId }) => profileId !== null && profileId === config.messagingProfileId);
  const own = typeof config.from === 'string' ? [config.from] : pooled.map(({ phoneNumber }) => phoneNumber);
  const last = state.messages.findLast(
    ({ direction, to, from }) => direction === 'outbound' && to === number && own.includes(from),
  );
  const to = last?.from ?? own[0];
  if (to === undefined) return 'The connection has no number to reply to.';
  const profile = state.profiles.find(
    ({ id }) => id === state.numbers.find(({ phoneNumber }) => phoneNumber === to)?.profileId,
  );
  if (!profile?.webhookUrl) return 'The messaging profile has no webhook address yet.';
  const isOptedOut = () => state.optOuts.some(({ profileId, contact }) => profileId === profile.id && contact === number);
  const wasOptedOut = isOptedOut();
  const media = picture ? [{ data: picture.read(), contentType: picture.contentType }] : [];
  void receive({ from: number, to, text, media });
  if (isOptedOut() !== wasOptedOut) {
    phone.showNotice({ number, text: isOptedOut() ? notices.stop : notices.start, app: 'SMS', carrier: 'telnyx' });
  }
  return null;
}
