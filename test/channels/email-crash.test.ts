import { findMissingMailServers, startMailServers } from '../support/mail-servers.ts';
import { startProduction } from '../support/production.ts';
import { adminToken } from '../support/production-settings.ts';
import { type Program, pollUntil } from '../support/program.ts';
import { startSmtpServer } from './email-smtp-server.ts';

const missing = findMissingMailServers();
const withServers = missing === null ? test : test.skip;

const headers = { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' };

/** What the contact of each address is for: where the send stands when the program is killed. */
const places = {
  envelope: 'before-data@next.test',
  filed: 'filed@next.test',
  lost: 'not-filed@next.test',
  accepted: 'accepted@next.test',
};

interface Detail {
  readonly id: string;
  readonly to: string;
  readonly status: string;
  readonly attempts: readonly { outcome: string | null; response: string | null }[];
}

/** Lists the emails as the operator's API shows them, by recipient. */
async function listEmails(program: Program, locationId: string): Promise<Map<string, Detail>> {
  const get = async (path: string) => (await fetch(`${program.url}/api${path}`, { headers })).json();
  const { items } = (await get(`/locations/${locationId}/messages?limit=50`)) as { items: { id: string }[] };
  const details = await Promise.all(items.map(({ id }) => get(`/messages/${id}`) as Promise<Detail>));
  return new Map(details.map((detail) => [detail.to, detail]));
}

withServers(
  'kill -9 around DATA loses no email, and doubles none of which it could be known that it was sent',
  async () => {
    const servers = await startMailServers(['shop'], 1);
    const smtp = await startSmtpServer();
    await using world = await startProduction({}, { key: 'mail', id: 'p1', kind: 'email' });
    const contacts = Object.values(places).map((email) => world.highlevel.addContact(world.location.id, { email }));
    const send = (email: string) =>
      world.highlevel.sendMessage(world.location.id, {
        contactId: contacts.find((contact) => contact.email === email)?.id ?? '',
        text: 'hello',
        providerKey: 'mail',
        emailTo: [email],
      });
    const settings = { CONFIRM_SEND_SECONDS: '20' };
    const hasMail = (email: string) => smtp.mails.some(({ recipients }) => recipients.includes(email));

    const program = await world.start(settings);
    await fetch(`${program.url}/oauth/callback?code=${world.highlevel.approveInstall(world.location.id)}`);
    const account = { host: '127.0.0.1', security: 'none', username: 'shop', password: servers.password };
    const connected = await fetch(`${program.url}/api/locations/${world.location.id}/channels/mail`, {
      method: 'PUT',
      headers,
      body: JSON.stringify({
        type: 'email',
        config: {
          from: 'Shop <shop@inbox.test>',
          smtp: { ...account, port: smtp.port },
          imap: { ...account, port: servers.imapPort },
        },
      }),
    });
    expect(connected.status).toBe(200);
    const killed = new Promise<void>((done) => {
      smtp.behave({
        isSilent: (line, recipients) =>
          line.startsWith(`RCPT TO:<${places.envelope}>`) ||
          (line === '.' && (recipients.includes(places.filed) || recipients.includes(places.lost))),
        // The reply is on its way to the program, which may or may not have stored it yet.
        onAccepted() {
          program.child.kill('SIGKILL');
          done();
        },
      });
    });
    for (const email of [places.envelope, places.filed, places.lost]) await send(email);
    await pollUntil(() => smtp.commands.some((line) => line.includes(places.envelope)), 'the first waits before DATA');
    await pollUntil(() => hasMail(places.filed) && hasMail(places.lost), 'two wait for the reply to their end');
    await send(places.accepted);
    await killed;
    await program.end('SIGKILL');

    smtp.behave({});
    // The server files what it has taken, as Gmail and Microsoft 365 do.
    for (const { raw, recipients } of smtp.mails) {
      if (!recipients.includes(places.lost)) servers.deliver('shop/.Sent', raw);
    }
    await using again = await world.start(settings);
    const outcomes = async () => {
      const emails = await listEmails(again, world.location.id);
      return Object.values(places).map((to) => {
        const { status, attempts } = emails.get(to) ?? { status: 'missing', attempts: [] };
        return [to, status, attempts.at(-1)?.outcome];
      });
    };
    const expected = [
      // The attempt is stored, and not how far it came: nobody can know, so a person decides.
      [places.envelope, 'unknown', 'unknown'],
      [places.filed, 'pending', 'accepted'],
      [places.lost, 'unknown', 'unknown'],
      [places.accepted, 'pending', 'accepted'],
    ];
    const text = async () => JSON.stringify(await outcomes());
    await pollUntil(async () => (await text()) === JSON.stringify(expected), 'each email has its outcome', 100_000).catch(
      () => null,
    );
    expect(await outcomes()).toEqual(expected);
    const count = (email: string) => smtp.mails.filter(({ recipients }) => recipients.includes(email)).length;
    expect(Object.values(places).map(count)).toEqual([0, 1, 1, 1]);

    // A person looks and decides: what was not sent goes out, once, and what was sent does not go out again.
    const emails = await listEmails(again, world.location.id);
    for (const [to, action] of Object.entries({ [places.envelope]: 'retry', [places.lost]: 'mark-sent' })) {
      const { status } = await fetch(`${again.url}/api/messages/${emails.get(to)?.id}/${action}`, { method: 'POST', headers });
      expect(status).toBe(202);
    }
    const countPending = async () => (await outcomes()).filter(([, status]) => status === 'pending').length;
    await pollUntil(async () => (await countPending()) === 4 && hasMail(places.envelope), 'all are sent');
    expect(Object.values(places).map(count)).toEqual([1, 1, 1, 1]);
    await Promise.all([servers.close(), smtp.close()]);
  },
  300_000,
);
