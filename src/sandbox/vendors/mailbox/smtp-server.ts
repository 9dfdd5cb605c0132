import { type LineHandler, startLineServer } from './line-server.ts';
import { isAccepted, type MailboxState } from './state.ts';

/** A mail that the server has accepted. */
export interface SentMail {
  recipients: readonly { address: string; wantsDeliveryReport: boolean }[];
  /** Its bytes, one a character. */
  raw: string;
}

const maxBytes = 25 * 1024 * 1024;
/** In ASCII, as it does not offer SMTPUTF8. */
const addressForm = /^<([!-;=?A-~]+@[!-;=?A-~]+)>(?: .*)?$/;

/** Starts the SMTP server of the mailbox: it sends after a sign-in alone, and from the account's own address. */
export function startSmtpServer(port: number, state: MailboxState, accept: (mail: SentMail) => void) {
  return startLineServer(port, (say, end) => {
    say('220 mail.harbour.example ESMTP\r\n');
    return createSession(state, accept, (text) => say(`${text}\r\n`), end);
  });
}

function createSession(
  state: MailboxState,
  accept: (mail: SentMail) => void,
  say: (text: string) => void,
  end: () => void,
): LineHandler {
  let isSignedIn = false;
  let isSigningIn = false;
  let sender: string | null = null;
  let recipients: SentMail['recipients'][number][] = [];
  let isData = false;
  const reset = () => {
    [sender, recipients, isData] = [null, [], false];
  };

  function signIn(plain: string) {
    isSigningIn = false;
    isSignedIn = isAccepted(state, plain);
    say(isSignedIn ? '235 2.7.0 Authentication successful' : '535 5.7.8 Error: authentication failed');
  }

  function startMail(given: string) {
    const address = addressForm.exec(given)?.[1]?.toLowerCase();
    if (!isSignedIn) return say('530 5.7.0 Authentication required');
    if (sender !== null) return say('503 5.5.1 Error: nested MAIL command');
    if (address === undefined) return say('501 5.1.7 Bad sender address syntax');
    if (address !== state.account.address) return say('553 5.7.1 Sender address rejected: not owned by user');
    if (Number(/ SIZE=(\d+)/i.exec(given)?.[1] ?? 0) > maxBytes) return say('552 5.3.4 Message size exceeds fixed limit');
    sender = address;
    say('250 2.1.0 Ok');
  }

  function addRecipient(given: string) {
    const address = addressForm.exec(given)?.[1];
    if (sender === null) return say('503 5.5.1 Error: need MAIL command');
    if (address === undefined) return say('501 5.1.3 Bad recipient address syntax');
    recipients.push({ address, wantsDeliveryReport: / NOTIFY=\S*SUCCESS/i.test(given) });
    say('250 2.1.5 Ok');
  }

  return {
    readLine(line) {
      if (isSigningIn) return signIn(line);
      const [verb = '', ...rest] = line.split(' ');
      const parameter = rest.join(' ');
      switch (verb.toUpperCase()) {
        case 'EHLO':
          reset();
          return say(
            ['mail.harbour.example', `SIZE ${maxBytes}`, 'ENHANCEDSTATUSCODES', '8BITMIME', 'DSN', 'AUTH PLAIN']
              .map((name, index, all) => `250${index === all.length - 1 ? ' ' : '-'}${name}`)
              .join('\r\n'),
          );
        case 'HELO':
          return say('250 mail.harbour.example');
        case 'AUTH':
          if (rest[0]?.toUpperCase() !== 'PLAIN') return say('504 5.5.4 Unrecognized authentication type');
          if (rest[1]) return signIn(rest[1]);
          isSigningIn = true;
          return say('334 ');
        case 'MAIL':
          return startMail(parameter.replace(/^FROM:\s*/i, ''));
        case 'RCPT':
          return addRecipient(parameter.replace(/^TO:\s*/i, ''));
        case 'DATA':
          if (recipients.length === 0) return say('554 5.5.1 Error: no valid recipients');
          isData = true;
          return say('354 End data with <CR><LF>.<CR><LF>');
        case 'RSET':
          reset();
          return say('250 2.0.0 Ok');
        case 'NOOP':
          return say('250 2.0.0 Ok');
        case 'QUIT':
          say('221 2.0.0 Bye');
          return end();
        default:
          return say('500 5.5.2 Error: command not recognized');
      }
    },
    findEnd(received) {
      if (!isData) return undefined;
      const at = received.startsWith('.\r\n') ? 0 : received.indexOf('\r\n.\r\n');
      return at < 0 ? -1 : at + (at === 0 && received.startsWith('.\r\n') ? 3 : 5);
    },
    readBlock(block) {
      const raw = block.replace(/\.\r\n$/, '').replace(/^\.\./gm, '.');
      const mail = { recipients, raw };
      reset();
      if (raw.length > maxBytes) return say('552 5.3.4 Message size exceeds fixed limit');
      if (!/^message-id:/im.test(raw.split('\r\n\r\n', 1)[0] ?? ''))
        return say('550 5.7.1 Messages missing a valid Message-ID');
      accept(mail);
      say('250 2.0.0 Ok: queued');
    },
  };
}
