import type { Clock } from '../../core/clock.ts';
import type { RandomSource } from '../../core/ids.ts';
import { type ImapBehaviour, startImapServer } from './mailbox/imap-server.ts';
import { type SentMail, startSmtpServer } from './mailbox/smtp-server.ts';
import { addMail, createDemoState, type MailboxState } from './mailbox/state.ts';

export type SimulatedMailbox = ReturnType<typeof createMailbox>;

/**
 * Creates a simulated mail host with one mailbox: an SMTP and an IMAP server on this machine, as strict as real ones. Both need a sign-in; STARTTLS
 * is left out, as nothing leaves the machine.
 */
export function createMailbox(options: {
  clock: Clock;
  random: RandomSource;
  state?: MailboxState | undefined;
  onChange?: () => void;
  /** Called for each mail that the SMTP server has accepted. */
  onMail?: (mail: SentMail) => void;
  imap?: ImapBehaviour;
}) {
  const { clock, random, onChange: notifyChange = () => undefined } = options;
  const state = options.state ?? createDemoState(random);
  let servers: { smtp: Awaited<ReturnType<typeof startSmtpServer>>; imap: Awaited<ReturnType<typeof startImapServer>> } | null =
    null;

  return {
    state,
    /** Starts both servers. @param smtpPort 0 for any; IMAP gets the next one */
    async start(smtpPort: number): Promise<{ smtpPort: number; imapPort: number }> {
      const imap = await startImapServer(smtpPort === 0 ? 0 : smtpPort + 1, state, options.imap);
      const smtp = await startSmtpServer(smtpPort, state, (mail) => options.onMail?.(mail));
      servers = { smtp, imap };
      return { smtpPort: smtp.port, imapPort: imap.port };
    },
    /** Puts a mail into the inbox, in CRLF lines and UTF-8. */
    receive(raw: string): void {
      addMail(state, raw, clock.now());
      servers?.imap.notify();
      notifyChange();
    },
    createMessageId: () => `<${random(12).toString('hex')}@mail.example>`,
    async close(): Promise<void> {
      await Promise.all([servers?.smtp.close(), servers?.imap.close()]);
    },
  };
}
