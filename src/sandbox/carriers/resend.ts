import type { SandboxPhone } from '../phone.ts';
import { findAddress } from '../vendors/resend/rules.ts';
import type { ResendState } from '../vendors/resend/state.ts';
import { createResend, type SimulatedResend } from '../vendors/resend.ts';
import type { CarrierSetup } from './carrier-setup.ts';
import { showMail, toMailId, toReply } from './show-mail.ts';

const unknownMailbox = { type: 'Permanent', subType: 'General', message: 'The recipient’s mailbox does not exist.' };

/** Connects the phone with a simulated Resend. */
export function addResend(
  phone: SandboxPhone,
  deps: CarrierSetup<ResendState> & {
    /** The app's address, which a person has entered for the webhook. */
    appUrl: string;
  },
): SimulatedResend {
  const { state, onChange, getUrl } = deps;
  let isAccountRefused = false;
  const resend: SimulatedResend = createResend({
    ...deps,
    url: getUrl,
    onMessage: ({ id, messageId, from, to, subject, text }) =>
      showMail(phone, 'resend', {
        ...{ id, messageId, from, subject, text: text ?? '' },
        to: to.flatMap((one) => findAddress(one) ?? []),
      }),
  });
  const [webhook] = resend.state.webhooks;
  if (!state && webhook) webhook.endpoint = `${deps.appUrl}/`;
  phone.addCarrier('resend', {
    deliver: (text) => void resend.deliver(toMailId(text)),
    // Resend reports opened emails only where tracking is on.
    markRead: () => undefined,
    fail: (text) => void resend.bounce(toMailId(text), unknownMailbox),
    sendReply(reply, { config, callbackUrls }) {
      if (config.baseUrl !== getUrl()) return 'This location uses another Resend than the simulated one.';
      if (webhook?.endpoint !== callbackUrls.webhook)
        return 'Resend has no webhook address yet. See the channel on the app’s page.';
      const { last, subject, text, file } = toReply(phone, reply, 'resend');
      const to = findAddress(String(config.from)) ?? String(config.from);
      const headers: Record<string, string> = last?.mail ? { 'in-reply-to': last.mail.messageId } : {};
      const from = `${reply.name} <${reply.number}>`;
      void resend.receive({ from, to, subject, text, headers, ...(file ? { files: [file] } : {}) });
      return null;
    },
    setAccountRefused(isRefused) {
      isAccountRefused = isRefused;
      resend.setFault(
        isRefused ? { kind: 'error', status: 403, name: 'invalid_api_key', message: 'API key is invalid.' } : null,
      );
      onChange();
    },
    isAccountRefused: () => isAccountRefused,
  });
  return resend;
}
