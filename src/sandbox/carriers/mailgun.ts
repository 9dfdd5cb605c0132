import type { SandboxPhone } from '../phone.ts';
import { findAddress } from '../vendors/mailgun/rules.ts';
import type { MailgunState } from '../vendors/mailgun/state.ts';
import { createMailgun, type SimulatedMailgun } from '../vendors/mailgun.ts';
import type { CarrierSetup } from './carrier-setup.ts';
import { showMail, toMailId, toReply } from './show-mail.ts';

const unknownMailbox = { code: 550, message: '5.1.1 The email account that you tried to reach does not exist.' };

/** Connects the phone with a simulated Mailgun. */
export function addMailgun(phone: SandboxPhone, deps: CarrierSetup<MailgunState>): SimulatedMailgun {
  const { onChange, getUrl } = deps;
  let isAccountRefused = false;
  const mailgun: SimulatedMailgun = createMailgun({
    ...deps,
    url: getUrl,
    onMessage: ({ id, from, to, subject, text }) =>
      showMail(phone, 'mailgun', {
        ...{ id, messageId: `<${id}>`, from, subject, text },
        to: to.flatMap((one) => findAddress(one) ?? []),
      }),
  });
  phone.addCarrier('mailgun', {
    deliver: (text) => void mailgun.deliver(toMailId(text), text.number),
    // Mailgun reports opened emails only where tracking is on.
    markRead: () => undefined,
    fail: (text) => void mailgun.fail(toMailId(text), { ...unknownMailbox, recipient: text.number }),
    sendReply(reply, { config }) {
      if (config.baseUrl !== getUrl()) return 'This location uses another Mailgun than the simulated one.';
      if (mailgun.state.routes.length === 0) return 'Mailgun has no route to the app yet. See the channel on the app’s page.';
      const { last, subject, text, file } = toReply(phone, reply, 'mailgun');
      const to = findAddress(String(config.from)) ?? String(config.from);
      const headers = last?.mail ? ([['In-Reply-To', last.mail.messageId]] as const) : [];
      const from = `${reply.name} <${reply.number}>`;
      void mailgun.receive({ from, to, subject, text, headers, ...(file ? { files: [file] } : {}) });
      return null;
    },
    setAccountRefused(isRefused) {
      isAccountRefused = isRefused;
      mailgun.setFault(isRefused ? { kind: 'error', status: 401, message: 'Forbidden' } : null);
      onChange();
    },
    isAccountRefused: () => isAccountRefused,
  });
  return mailgun;
}
