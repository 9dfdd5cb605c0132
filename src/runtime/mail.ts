import { createTransport } from 'nodemailer';

export interface Mail {
  readonly subject: string;
  readonly text: string;
  /** Becomes its Message-ID. */
  readonly id: string;
}

/** Sends a mail to the operator. @throws when the mail server did not accept it */
export type SendMail = (mail: Mail) => Promise<void>;

export interface MailOptions {
  /** smtp://user:password@host:587, or smtps:// */
  readonly smtpUrl: string;
  readonly from: string;
  /** Addresses, separated by commas. */
  readonly to: string;
}

/** Shorter than the grace period of a stopping process. */
const timeoutMs = 5_000;

/** Creates a mailer over SMTP with limited waits; a text can't make it read files or addresses. */
export function createMailer({ smtpUrl, from, to }: MailOptions): SendMail {
  const transport = createLimitedTransport(smtpUrl);
  return async ({ subject, text, id }) => {
    await transport.sendMail({ from, to, subject, text, messageId: `<${id}>` });
  };
}

/** Connects to a mail server and signs in, and sends nothing. @throws when the server refuses, or does not respond */
export async function verifyMailServer({ smtpUrl }: Pick<MailOptions, 'smtpUrl'>): Promise<void> {
  const transport = createLimitedTransport(smtpUrl);
  try {
    await transport.verify();
  } finally {
    transport.close();
  }
}

function createLimitedTransport(smtpUrl: string) {
  return createTransport({
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    dnsTimeout: timeoutMs,
    disableFileAccess: true,
    disableUrlAccess: true,
    url: smtpUrl,
  });
}
