import { createEmailChannel } from '../../src/channels/email/email.ts';
import { indexChannels } from '../../src/channels/registry.ts';
import { findMissingMailServers, type MailServers, startMailServers } from '../support/mail-servers.ts';
import { startWorld, type World } from '../support/world.ts';
import { startSmtpServer } from './email-smtp-server.ts';

/** Mailboxes inside the whole program: HighLevel at one end, a real Postfix and a real Dovecot at the other. */

const missing = findMissingMailServers();
const withServers = missing === null ? describe : describe.skip;
if (missing !== null) process.stdout.write(`Email through a real Postfix and Dovecot is not tested: ${missing}.\n`);

const stepMs = 20;
const oldMail = 'From: anna@inbox.test\r\nSubject: Old {n}\r\nMessage-ID: <old-{n}@inbox.test>\r\n\r\nold\r\n';
let world: World;
let location: Awaited<ReturnType<World['install']>>;
let servers: MailServers;
let server: Awaited<ReturnType<typeof startSmtpServer>>;

beforeAll(async () => {
  server = await startSmtpServer();
  const channels = () => indexChannels([createEmailChannel({ allowPrivateTargets: true })]);
  [world, servers] = await Promise.all([
    startWorld({ channels }),
    missing === null ? startMailServers(['shop', 'anna', 'many'], server.port) : (null as unknown as MailServers),
  ]);
  location = await world.install();
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await servers?.close();
  await server.close();
});

async function connect(providerKey: string, config: object): Promise<string> {
  const response = await world.api.put(`/locations/${location.id}/channels/${providerKey}`, { type: 'email', config });
  expect([response.status, JSON.stringify(response.body).includes('mailbox-password')]).toEqual([200, false]);
  return String(response.body.connectionId);
}

/** Connects a mailbox of the real servers and waits until it is read. */
async function connectMailbox(providerKey: string, name: string): Promise<void> {
  const connectionId = await connect(providerKey, {
    from: `Shop <${name}@inbox.test>`,
    smtp: { host: '127.0.0.1', port: servers.smtpPort, security: 'none', username: name, password: servers.password },
    imap: { host: '127.0.0.1', port: servers.imapPort, security: 'none' },
    unverifiedSenders: 'deliver',
    deliveryReports: true,
  });
  const hasCursor = async () => (await world.db.connection.findUnique({ where: { id: connectionId } }))?.state !== null;
  await world.advanceUntil(hasCursor, 'the mailbox is open', stepMs);
}

const connectSmtp = (providerKey: string) =>
  connect(providerKey, {
    from: 'Shop <shop@inbox.test>',
    smtp: { host: '127.0.0.1', port: server.port, security: 'none', username: 'shop', password: 'mailbox-password' },
  });

async function send(to: readonly string[], providerKey = 'mail'): Promise<string> {
  const content = { contactId: location.contact.id, providerKey, text: 'hello', emailTo: [...to] };
  return (await world.highlevel.sendMessage(location.id, content)).messageId;
}

const listStatuses = (id: string) => world.highlevel.listStatuses(id);
const listRecipients = (id: string) => world.highlevel.findMessage(id)?.recipients ?? {};
const countInbound = (fields: object = {}) => world.db.message.count({ where: { direction: 'inbound', ...fields } });

const deliver = (text: string, headers = '', name = 'shop') =>
  servers.deliver(
    name,
    `From: Anna <anna@inbox.test>\r\nTo: ${name}@inbox.test\r\nSubject: Re: Hi\r\nMessage-ID: <${text}@inbox.test>\r\n${headers}\r\n${text}\r\n`,
  );

async function waitForPost(text: string) {
  const where = { externalId: `${text}@inbox.test` };
  await world.advanceUntil(
    async () => (await countInbound({ ...where, state: 'delivered' })) === 1,
    `${text} is posted`,
    stepMs,
  );
  return world.db.message.findFirstOrThrow({ where });
}

test('an email that the server defers is sent once when it takes it', async () => {
  await connectSmtp('letters');
  server.behave({ replies: { 'RCPT TO': '450 4.2.0 greylisted' } });
  const before = server.mails.length;
  const id = await send(['maya@example.com'], 'letters');
  await world.advanceUntil(() => server.commands.includes('RCPT TO:<maya@example.com>'), 'it was offered', stepMs);
  server.behave({});
  await world.advanceUntilReported(id);
  expect(listStatuses(id)).toEqual(['delivered']);
  expect(server.mails).toHaveLength(before + 1);
});

test('an email whose confirmation is lost is not sent again, but held for a person', async () => {
  await connectSmtp('letters');
  server.behave({ cut: 'after_dot' });
  const before = server.mails.length;
  const id = await send(['maya@example.com'], 'letters');
  const isHeld = async () => (await world.getMessage(id)).heldForReviewAt !== null;
  await world.advanceUntil(isHeld, 'it is held', 60_000);
  expect(server.mails).toHaveLength(before + 1);
});

withServers('with a real Postfix and a real Dovecot', () => {
  beforeAll(async () => {
    servers.deliver('shop', oldMail, 3);
    await connectMailbox('mail', 'shop');
  });

  test('an email is delivered when the server reports it, and read when the reply comes, which joins its thread', async () => {
    const id = await send(['anna@inbox.test']);
    await world.advanceUntil(() => listStatuses(id).includes('delivered'), 'the delivery is reported', stepMs);
    const sent = await world.getMessage(id);
    expect(servers.listMails('anna').join('\n')).toContain(`Message-ID: <${sent.id}@inbox.test>`);
    deliver('reply', `In-Reply-To: <${sent.id}@inbox.test>\r\n`);
    const posted = await waitForPost('reply');
    expect(posted).toMatchObject({
      replyToExternalId: `${sent.id}@inbox.test`,
      emailMessageId: sent.emailMessageId,
      subject: 'Re: Hi',
    });
    await world.advanceUntil(() => listStatuses(id).includes('read'), 'the reply counts as read', stepMs);
    expect(listStatuses(id)).toEqual(['delivered', 'read']);
  });

  test('a recipient that the server refuses, one whose mail bounces and one that is reached have states of their own', async () => {
    server.behave({ replies: { 'RCPT TO:<lost@': '550 5.1.1 no such user' } });
    const before = await countInbound();
    const id = await send(['anna@inbox.test', 'refused@inbox.test', 'lost@next.test']);
    await world.advanceUntil(() => Object.keys(listRecipients(id)).length === 3, 'all recipients are reported', stepMs);
    expect(listRecipients(id)).toMatchObject({
      'anna@inbox.test': { status: 'delivered' },
      'refused@inbox.test': { status: 'failed', failReason: expect.stringContaining('not wanted') },
      'lost@next.test': { status: 'failed', failReason: expect.stringContaining('no such user') },
    });
    const alone = await send(['lost@next.test']);
    await world.advanceUntil(() => listStatuses(alone).length > 0, 'the bounce is reported', stepMs);
    expect(listStatuses(alone)).toEqual(['failed']);
    expect(await countInbound()).toBe(before);
  });

  test('a delay changes nothing, and an email that is returned after it has failed', async () => {
    const id = await send(['anna@slow.test']);
    const reports = (action: string) => servers.listMails('shop').filter((raw) => raw.includes(`\nAction: ${action}`)).length;
    const failedBefore = reports('failed');
    await world.advanceUntil(() => reports('delayed') === 1, 'the delay is reported', stepMs);
    await world.advanceUntil(() => reports('failed') > failedBefore || listStatuses(id).length > 0, 'it is returned', stepMs);
    await world.advanceUntil(() => listStatuses(id).length > 0, 'the failure is reported', stepMs);
    expect(listStatuses(id)).toEqual(['failed']);
    expect(reports('failed')).toBe(failedBefore + 1);
    expect(listRecipients(id)).toMatchObject({ 'anna@slow.test': { failReason: expect.stringContaining('refused') } });
  });

  test('a mail that comes while the server restarts in the middle of IDLE is posted once', async () => {
    const before = await countInbound();
    await servers.restartImap(() => deliver('meanwhile'));
    await waitForPost('meanwhile');
    deliver('afterwards');
    await waitForPost('afterwards');
    expect(await countInbound()).toBe(before + 2);
  });

  test('a mailbox that is numbered anew brings what is new and nothing again', async () => {
    const before = await countInbound();
    const number = servers.getUidValidity('shop');
    await servers.renumber('shop');
    deliver('renumbered');
    await waitForPost('renumbered');
    expect(servers.getUidValidity('shop')).not.toBe(number);
    expect(await countInbound()).toBe(before + 1);
  });

  test('of 5,000 mails that wait at the first connection none is posted, and the next one is', async () => {
    const before = await countInbound();
    servers.deliver('many', oldMail, 5_000);
    await connectMailbox('letters', 'many');
    deliver('first', '', 'many');
    await waitForPost('first');
    expect(await countInbound()).toBe(before + 1);
  });

  test('a spam report is the opt-out of a recipient of the email that it returns, of nobody else, and an alert', async () => {
    const to = 'carla@next.test';
    const { id } = await world.getMessage(await send([to]));
    const isSent = () => server.mails.some(({ recipients }) => recipients.includes(to));
    await world.advanceUntil(isSent, 'it is sent', stepMs);
    const complain = (messageId: string, recipient: string) =>
      servers.deliver(
        'shop',
        [
          ...['From: fbl@vendor.test', 'To: shop@inbox.test', 'Subject: complaint', 'MIME-Version: 1.0'],
          ...['Content-Type: multipart/report; report-type=feedback-report; boundary=b', '', '--b'],
          ...[
            'Content-Type: message/feedback-report',
            '',
            'Feedback-Type: abuse',
            `Original-Rcpt-To: <${recipient}>`,
            '',
            '--b',
          ],
          ...['Content-Type: message/rfc822', '', `Message-ID: <${messageId}@inbox.test>`, '', 'hello', '--b--', ''],
        ].join('\r\n'),
      );
    const before = await countInbound();
    complain(id, 'stranger@next.test');
    complain('01890000-0000-7000-8000-000000000009', to);
    deliver('unrelated');
    await waitForPost('unrelated');
    expect(await world.db.optOut.findMany()).toEqual([]);
    complain(id, to.toUpperCase());
    await world.advanceUntil(async () => (await world.db.optOut.count()) > 0, 'the complaint is recorded', stepMs);
    expect(await world.db.optOut.findMany()).toMatchObject([
      { address: to, messageType: 'email', source: 'vendor', reason: 'marked as spam', liftedAt: null },
    ]);
    expect(await countInbound()).toBe(before + 1);

    const stop = world.startAlertWatcher();
    const findAlert = async () => {
      const { body } = await world.api.get('/alerts?open=true').expect(200);
      return (body.items as { kind: string; details: string }[]).find(({ kind }) => kind === 'mail_complaints');
    };
    await world.advanceUntil(findAlert, 'the alert is open');
    expect((await findAlert())?.details).toContain('1 contact marked emails as spam and 0 unsubscribed');
    await stop();
  });
});
