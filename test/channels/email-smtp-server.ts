import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';

/** Where the server departs from accepting a mail. */
export interface SmtpBehaviour {
  /** Replies by command, such as `RCPT TO:<a@x.org>` or `AUTH`; the longest beginning that fits counts. */
  readonly replies?: Readonly<Record<string, string>>;
  readonly greeting?: string;
  readonly maxBytes?: number;
  /** Cuts the connection: before the greeting, after a command, in the middle of the data, or after the final dot. */
  readonly cut?: 'greeting' | 'mail' | 'in_data' | 'after_dot';
  /** Says nothing after the final dot. */
  readonly isSilentAfterDot?: boolean;
  /** Returns true where the server says nothing: after a command, or after the dot of a mail. */
  isSilent?(line: string, recipients: readonly string[]): boolean;
  /** Called once the reply to a mail is written. */
  onAccepted?(mail: ReceivedMail): void;
}

export interface ReceivedMail {
  readonly recipients: readonly string[];
  readonly raw: string;
}

/** Starts an SMTP server that breaks off where a test says. `mails` are those whose end it has read, accepted or not. */
export async function startSmtpServer() {
  let behaviour: SmtpBehaviour = {};
  const mails: ReceivedMail[] = [];
  const commands: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    serve(socket);
  });

  function serve(socket: Socket): void {
    let buffer = '';
    let recipients: string[] = [];
    let isData = false;
    let refusal: string | null = null;
    const say = (text: string) => socket.write(`${text}\r\n`);
    if (behaviour.cut === 'greeting') return void socket.destroy();
    say(behaviour.greeting ?? '220 mail.test ESMTP');
    const reply = (line: string, usual: string) => {
      const fitting = Object.keys(behaviour.replies ?? {}).filter((start) =>
        line.toUpperCase().startsWith(start.toUpperCase()),
      );
      const [key] = fitting.sort((a, b) => b.length - a.length);
      const text = key === undefined ? usual : (behaviour.replies?.[key] ?? usual);
      say(text);
      return text.startsWith('2') || text.startsWith('3');
    };
    const handle = (line: string) => {
      commands.push(line);
      if (behaviour.isSilent?.(line, recipients)) return;
      // Without SMTPUTF8 (RFC 6531).
      if (/\P{ASCII}/u.test(line)) return say('501 5.5.2 syntax');
      if (refusal !== null) {
        // Servers may close a connection whose sign-in they have refused.
        socket.end(`${refusal}\r\n`);
        return;
      }
      const verb = line.slice(0, 4).toUpperCase();
      if (verb === 'EHLO')
        return say(
          `250-mail.test\r\n250-SIZE ${behaviour.maxBytes ?? 30_000_000}\r\n250-ENHANCEDSTATUSCODES\r\n250 AUTH PLAIN XOAUTH2`,
        );
      if (verb === 'AUTH') {
        const fitting = behaviour.replies?.AUTH ?? behaviour.replies?.['AUTH XOAUTH2'];
        if (line.startsWith('AUTH XOAUTH2') && fitting?.startsWith('5')) {
          // Gmail and Microsoft 365 first send what is wrong, and refuse after an empty line.
          refusal = fitting;
          return say(`334 ${Buffer.from('{"status":"400"}').toString('base64')}`);
        }
        if (!reply(line, '235 2.7.0 ok')) socket.end();
        return;
      }
      if (verb === 'MAIL') {
        recipients = [];
        if (behaviour.cut === 'mail') return socket.destroy();
        return reply(line, '250 2.1.0 ok');
      }
      if (verb === 'RCPT') {
        if (reply(line, '250 2.1.5 ok')) recipients.push(/<(.*)>/.exec(line)?.[1] ?? '');
        return;
      }
      if (verb === 'DATA') {
        isData = reply(line, '354 go on');
        if (isData && behaviour.cut === 'in_data') setTimeout(() => socket.destroy(), 20);
        return;
      }
      if (verb === 'QUIT') {
        say('221 2.0.0 bye');
        return socket.end();
      }
      return reply(line, '250 2.0.0 ok');
    };
    socket.on('data', (chunk) => {
      if (isData && behaviour.cut === 'in_data') return socket.pause();
      buffer += chunk.toString('latin1');
      for (;;) {
        if (isData) {
          const end = buffer.indexOf('\r\n.\r\n');
          if (end < 0) return;
          mails.push({ recipients, raw: buffer.slice(0, end + 2) });
          buffer = buffer.slice(end + 5);
          isData = false;
          if (behaviour.cut === 'after_dot') return void socket.destroy();
          if (behaviour.isSilentAfterDot || behaviour.isSilent?.('.', recipients)) return;
          reply('.', '250 2.0.0 queued as 1');
          const mail = mails.at(-1);
          if (mail) behaviour.onAccepted?.(mail);
          continue;
        }
        const end = buffer.indexOf('\r\n');
        if (end < 0) return;
        const line = buffer.slice(0, end);
        buffer = buffer.slice(end + 2);
        handle(line);
      }
    });
  }

  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    port: (server.address() as AddressInfo).port,
    mails,
    commands,
    behave(next: SmtpBehaviour) {
      behaviour = next;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}
