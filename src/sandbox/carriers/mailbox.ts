import PostalMime from 'postal-mime';
import type { Clock } from '../../core/clock.ts';
import type { RandomSource } from '../../core/ids.ts';
import type { AppConnection, PhoneText, SandboxPhone } from '../phone.ts';
import { type ReceivedMail, writeContactMail, writeDeliveryReport, writeReadReceipt } from '../vendors/mailbox/mails.ts';
import type { SentMail } from '../vendors/mailbox/smtp-server.ts';
import type { MailboxState } from '../vendors/mailbox/state.ts';
import { createMailbox, type SimulatedMailbox } from '../vendors/mailbox.ts';
import { showMail, toReply } from './show-mail.ts';

/** Connects the phone with a simulated mail host. */
export function addMailbox(
  phone: SandboxPhone,
  deps: {
    clock: Clock;
    random: RandomSource;
    /** Port of the SMTP server. */
    getPort: () => number;
    state: MailboxState | undefined;
    onChange: () => void;
  },
): SimulatedMailbox {
  const { clock, random, state, onChange } = deps;
  const mailbox: SimulatedMailbox = createMailbox({ clock, random, state, onChange, onMail: (mail) => void show(mail) });
  const own = mailbox.state.account.address;
  const report = () => ({ messageId: mailbox.createMessageId(), at: clock.now() });

  async function show({ recipients, raw }: SentMail): Promise<void> {
    const mail = await PostalMime.parse(Buffer.from(raw, 'latin1'));
    const files = mail.attachments.map(({ filename }) => `[${filename ?? 'file'}]`);
    for (const { address, wantsDeliveryReport } of recipients) {
      showMail(phone, 'email', {
        ...{ id: `email-${random(10).toString('hex')}`, to: [address], text: [mail.text ?? '', ...files].join('\n') },
        ...{ messageId: mail.messageId ?? '', from: own, subject: mail.subject ?? '', wantsDeliveryReport },
        wantsReadReceipt: mail.headers.some(({ key }) => key === 'disposition-notification-to'),
      });
    }
  }

  phone.addCarrier('email', {
    deliver(text) {
      if (text.mail?.wantsDeliveryReport) sendReport(text, 'delivered');
    },
    markRead(text) {
      // A mail program confirms the reading only where the email asks for it.
      if (text.mail?.wantsReadReceipt) mailbox.receive(writeReadReceipt({ mail: toReceived(text), ...report() }));
    },
    fail: (text) => sendReport(text, 'failed'),
    sendReply(reply, { config }) {
      const problem = findProblem(config, deps.getPort());
      if (problem) return problem;
      const { last, ...content } = toReply(phone, reply, 'email');
      const replyTo = last ? toReceived(last) : null;
      mailbox.receive(writeContactMail({ ...content, ...report(), from: reply.number, name: reply.name, to: own, replyTo }));
      return null;
    },
    setAccountRefused(isRefused) {
      mailbox.state.account.isRefused = isRefused;
      onChange();
    },
    isAccountRefused: () => mailbox.state.account.isRefused,
  });

  function sendReport(text: PhoneText, action: 'delivered' | 'failed'): void {
    mailbox.receive(writeDeliveryReport({ action, mail: toReceived(text), to: own, ...report() }));
  }
  return mailbox;
}

function toReceived({ number: to, mail }: PhoneText): ReceivedMail {
  return { messageId: mail?.messageId ?? '', from: mail?.from ?? '', to, subject: mail?.subject ?? '' };
}

function findProblem({ smtp, imap }: AppConnection['config'], port: number): string | null {
  const isOurs = (smtp as { port?: number } | undefined)?.port === port;
  if (!isOurs) return 'This location uses another mailbox than the simulated one.';
  return imap ? null : 'The connection has no incoming mail (IMAP), so it receives no replies.';
}
