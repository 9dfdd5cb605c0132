import type { OutboundMessage, SendOutcome } from '../../src/channels/channel.ts';
import { createEmailChannel } from '../../src/channels/email/email.ts';
import { createChannelWorld } from '../support/channel-context.ts';
import { createTestClock } from '../support/test-clock.ts';
import { message as smsMessage } from './contract.ts';
import { type SmtpBehaviour, startSmtpServer } from './email-smtp-server.ts';

const password = 'a-secret-password';
const channel = createEmailChannel({ allowPrivateTargets: true });
let server: Awaited<ReturnType<typeof startSmtpServer>>;
let world: ReturnType<typeof createChannelWorld>;
let clock: ReturnType<typeof createTestClock>;

beforeAll(async () => {
  server = await startSmtpServer();
});
afterAll(() => server.close());
beforeEach(() => {
  clock = createTestClock();
  world = createChannelWorld({ clock });
  server.behave({});
  server.mails.length = 0;
  server.commands.length = 0;
});
afterEach(() => {
  expect(world.logLines.join('\n')).not.toContain(password);
  world.close();
});

const id = '0199aaaa-0000-7000-8000-000000000001';
const message: OutboundMessage = {
  ...smsMessage,
  ...{
    id,
    idempotencyKey: id,
    messageType: 'email',
    to: 'maya@example.com',
    subject: 'Hello',
    html: '<p>Hi <b>Maya</b></p>',
    text: null,
  },
};
const config = (changes: object = {}) => ({
  from: 'Harbour Dental <hello@harbour.example>',
  smtp: { host: '127.0.0.1', port: server.port, security: 'none', username: 'hello', password },
  ...changes,
});

async function send(
  behaviour: SmtpBehaviour = {},
  changes: Partial<OutboundMessage> = {},
  settings: object = {},
): Promise<SendOutcome> {
  server.behave(behaviour);
  const context = world.createContext(channel.configSchema.parse(config(settings)));
  const outcome = await world.settle(channel.send(context, { ...message, ...changes }));
  expect(JSON.stringify(outcome)).not.toContain(password);
  return outcome;
}

test('an email has our Message-ID, the sender’s name, a text part and one line to unsubscribe', async () => {
  const outcome = await send({}, {}, { oneClickUnsubscribe: true, unsubscribeSecret: 'whsec_1' });
  expect(outcome).toMatchObject({
    kind: 'accepted',
    externalIds: [`${id}@harbour.example`],
    response: '250 2.0.0 queued as 1',
  });
  const [mail] = server.mails;
  expect(mail?.recipients).toEqual(['maya@example.com']);
  expect(mail?.raw).toContain(`Message-ID: <${id}@harbour.example>\r\n`);
  expect(mail?.raw).toContain('From: Harbour Dental <hello@harbour.example>');
  expect(mail?.raw).toContain('Content-Type: text/plain');
  expect(mail?.raw).toContain('List-Unsubscribe-Post: List-Unsubscribe=One-Click');
});

test('a reply names the message that it replies to, and itself', async () => {
  await send({}, { replyToExternalId: 'their-id@example.com' });
  expect(server.mails[0]?.raw).toContain('In-Reply-To: <their-id@example.com>');
  expect(server.mails[0]?.raw.replace(/\r\n /g, ' ')).toContain(`References: <their-id@example.com> <${id}@harbour.example>`);
});

test.each([
  ['Ana <ana@harbour.example>', 'Ana <hello@harbour.example>'],
  ['Ana <SUPPORT@harbour.example>', 'Ana <support@harbour.example>'],
  ['billing@partner.example', 'Harbour Dental <billing@partner.example>'],
  ['Bob <my-billing@partner.example>', 'Bob <hello@harbour.example>'],
  ['support@harbour.example <eve@evil.example>', '"support@harbour.example" <hello@harbour.example>'],
])('an email of %s comes from %s, and its envelope from the mailbox', async (from, expected) => {
  await send({}, { from }, { senders: ['Support <support@harbour.example>', 'billing@partner.example'] });
  expect(server.mails[0]?.raw).toContain(`\r\nFrom: ${expected}\r\n`);
  expect(server.mails[0]?.raw).not.toContain('Reply-To:');
  expect(server.commands.find((line) => line.startsWith('MAIL'))).toMatch(/^MAIL FROM:<hello@harbour\.example>/);
});

test('an address can’t add a recipient or a header', async () => {
  const outcome = await send({}, { to: 'b@x.org\r\nRCPT TO:<c@x.org>', subject: 'a\r\nBcc: d@x.org' });
  expect(outcome).toMatchObject({ kind: 'rejected', code: 'invalid_address' });
  await send({}, { subject: 'a\r\nBcc: d@x.org' });
  expect(server.mails[0]?.raw).not.toMatch(/^Bcc:/m);
  expect(server.commands.filter((line) => line.startsWith('RCPT'))).toEqual(['RCPT TO:<maya@example.com>']);
});

test.each<[string, SmtpBehaviour]>([
  ['before the greeting', { cut: 'greeting' }],
  ['after MAIL', { cut: 'mail' }],
  ['in the middle of the data', { cut: 'in_data' }],
])('a connection that breaks %s has not sent the email', async (_place, behaviour) => {
  // More than the buffers of both machines hold: of a short email all may have left already, and its outcome is unknown.
  const text = behaviour.cut === 'in_data' ? 'x'.repeat(15_000_000) : 'x';
  expect(await send(behaviour, { html: null, text })).toMatchObject({ kind: 'unavailable' });
  expect(server.mails).toEqual([]);
});

test('a connection that breaks after the end of the data leaves an unknown outcome', async () => {
  expect(await send({ cut: 'after_dot' })).toMatchObject({ kind: 'unknown', code: 'no_reply' });
  expect(server.mails).toHaveLength(1);
});

test('a server has ten minutes for its reply after the end of the data; then the outcome is unknown', async () => {
  const sent = await sendWithoutReply();
  clock.jump(10 * 60 * 1000 - 1_000);
  let isSettled = false;
  void sent.outcome.then(() => {
    isSettled = true;
  });
  expect(await send({})).toMatchObject({ kind: 'accepted' });
  expect(isSettled).toBe(false);
  clock.jump(1_000);
  expect(await world.settle(sent.outcome)).toMatchObject({ kind: 'unknown', code: 'no_reply' });
});

test('a stop of the program while the reply is awaited leaves an unknown outcome', async () => {
  const sent = await sendWithoutReply();
  sent.stopping.abort();
  expect(await world.settle(sent.outcome)).toMatchObject({ kind: 'unknown' });
});

/** Sends until the server has read the end of the email, to which it does not reply. */
async function sendWithoutReply() {
  server.behave({ isSilentAfterDot: true });
  const stopping = new AbortController();
  const outcome = channel.send(world.createContext(channel.configSchema.parse(config()), stopping.signal), message);
  while (server.mails.length === 0) await new Promise((done) => setTimeout(done, 5));
  return { outcome, stopping };
}

/** A limit of the mail host: the connection waits. */
const isLimited = { kind: 'unavailable', code: 'sending_limit', retryAfterMs: 60 * 60 * 1000, isConnectionWide: true };

test.each<[string, string, object]>([
  ['.', '550 5.4.5 Daily user sending limit exceeded', isLimited],
  [
    'RCPT',
    '550-5.4.5 Daily user sending limit exceeded. For more information, go to\r\n550 5.4.5 support.google.com',
    isLimited,
  ],
  ['.', '554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed to process message', isLimited],
  ['.', '550 5.2.2 Submission quota exceeded', isLimited],
  ['.', '550 5.1.90 Your message can’t be sent because you’ve reached your daily limit', isLimited],
  ['.', '432 4.3.2 Concurrent connections limit exceeded', { kind: 'unavailable', code: 'deferred' }],
  ['AUTH', '432 4.7.12 A password transition is needed', { kind: 'connection_error', code: 'credentials' }],
  ['RCPT', '530 5.7.57 Client not authenticated to send mail', { kind: 'connection_error', code: 'credentials' }],
  ['RCPT', '550 5.7.13 User account disabled', { kind: 'connection_error', code: 'account_disabled' }],
  [
    'MAIL',
    '550 5.7.60 not allowed to send as this sender',
    { kind: 'rejected', code: 'sender_not_allowed', isAuthoritative: true },
  ],
  ['RCPT', '550 5.1.1 no such user', { kind: 'rejected', code: 'unknown_address', isAuthoritative: true }],
  ['RCPT', '450 4.2.0 greylisted', { kind: 'unavailable', code: 'deferred' }],
  ['RCPT', '552 5.2.2 over quota', { kind: 'rejected', code: 'mailbox_full' }],
  ['DATA', '451 4.3.0 later', { kind: 'unavailable' }],
  ['.', '554 5.7.1 spam', { kind: 'rejected', code: 'refused_by_policy', isAuthoritative: true }],
  ['.', '452 4.3.1 full', { kind: 'unavailable' }],
  ['.', '421 4.7.0 later', { kind: 'unavailable' }],
  ['AUTH', '535 5.7.8 wrong', { kind: 'connection_error', code: 'credentials' }],
  ['AUTH', '550 5.7.30 basic authentication is off', { kind: 'connection_error', code: 'basic_login_disabled' }],
  ['AUTH', '454 4.7.0 later', { kind: 'unavailable' }],
  ['MAIL', '530 5.7.57 not authenticated', { kind: 'connection_error' }],
])('%s with %s', async (command, reply, expected) => {
  expect(await send({ replies: { [command]: reply } })).toMatchObject(expected);
});

test('a greeting that refuses is about this host, not about the email', async () => {
  expect(await send({ greeting: '554 5.7.1 your address is listed' })).toMatchObject({ kind: 'unavailable' });
});

test('refused recipients are reported alone, and an invalid one with them', async () => {
  const replies = { 'RCPT TO:<gone@example.com>': '550 5.1.1 no such user' };
  const outcome = await send({ replies }, { to: 'maya@example.com, gone@example.com, broken' });
  expect(outcome).toMatchObject({
    kind: 'accepted',
    externalIds: [`${id}@harbour.example`],
    reachedRecipients: ['maya@example.com'],
    rejectedRecipients: [
      { address: 'broken', code: 'invalid_address' },
      { address: 'gone@example.com', code: 'unknown_address' },
    ],
  });
});

test('international domains are written in ASCII, and a recipient there that is refused was not reached', async () => {
  const replies = { 'RCPT TO:<weg@xn--bcher-kva.example>': '550 5.1.1 no such user' };
  const from = 'Hallo <hallo@zähne.example>';
  const to = 'da@bücher.example, Weg@bücher.example';
  const outcome = await send({ replies }, { to }, { from, replyTo: from, readReceipts: true });
  expect(outcome).toMatchObject({
    ...{ kind: 'accepted', externalIds: [`${id}@xn--zhne-loa.example`] },
    reachedRecipients: ['da@bücher.example'],
    rejectedRecipients: [{ address: 'Weg@xn--bcher-kva.example', code: 'unknown_address' }],
  });
  expect(server.commands).toContainEqual(expect.stringMatching(/^MAIL FROM:<hallo@xn--zhne-loa\.example>/));
  const [head = ''] = server.mails[0]?.raw.split('\r\n\r\n') ?? [];
  for (const name of ['From: Hallo <', 'Reply-To: ', 'Disposition-Notification-To: ']) {
    expect(head).toContain(`${name}hallo@xn--zhne-loa.example`);
  }
  const settledRecipients = [
    { address: 'da@bücher.example', refusal: null },
    { address: 'Weg@bücher.example', refusal: { code: 'unknown_address', message: 'no' } },
  ];
  expect(await send({ replies }, { to, settledRecipients }, { from })).toMatchObject({ kind: 'accepted' });
  expect(server.mails).toHaveLength(1);
});

test('after a partial deferral only the open recipients are tried again', async () => {
  const to = 'maya@example.com, grey@example.com, gone@example.com';
  const gone = { 'RCPT TO:<gone@example.com>': '550 5.1.1 no such user' };
  const first = await send({ replies: { ...gone, 'RCPT TO:<grey@example.com>': '450 4.2.0 greylisted' } }, { to });
  const refusal = { code: 'unknown_address', message: expect.stringContaining('no such user') };
  expect(first).toMatchObject({
    ...{ kind: 'unavailable', code: 'deferred', reachedRecipients: ['maya@example.com'] },
    rejectedRecipients: [{ address: 'gone@example.com', ...refusal }],
  });
  const settledRecipients = [
    { address: 'Maya@example.com', refusal: null },
    { address: 'gone@example.com', refusal: { code: 'unknown_address', message: 'no such user' } },
  ];
  const second = await send({}, { to, settledRecipients });
  expect(second).toMatchObject({ kind: 'accepted', reachedRecipients: ['grey@example.com'] });
  expect(second).not.toHaveProperty('rejectedRecipients');
  expect(server.mails.map(({ recipients }) => recipients)).toEqual([['maya@example.com'], ['grey@example.com']]);
  expect(server.mails[1]?.raw).toMatch(/To: maya@example.com, grey@example.com/);
});

test('a sign-in that is asked for at a recipient concerns the account, unless another recipient was accepted', async () => {
  const to = 'maya@example.com, far@example.com, gone@example.com';
  const gone = { 'RCPT TO:<gone@example.com>': '550 5.1.1 no such user' };
  const signIn = '530 5.7.57 Client not authenticated to send mail';
  expect(await send({ replies: { RCPT: signIn, ...gone } }, { to })).toMatchObject({
    ...{ kind: 'connection_error', code: 'credentials' },
    rejectedRecipients: [{ address: 'gone@example.com', code: 'unknown_address' }],
  });
  const outcome = await send({ replies: { 'RCPT TO:<far@example.com>': signIn, ...gone } }, { to });
  expect(outcome).toMatchObject({
    ...{ kind: 'unavailable', code: 'credentials', reachedRecipients: ['maya@example.com'] },
    rejectedRecipients: [{ address: 'gone@example.com' }],
  });
});

test('an email above the limit of the server is refused before it is offered', async () => {
  expect(await send({ maxBytes: 10_000 }, { html: 'x'.repeat(20_000) })).toMatchObject({ kind: 'rejected', code: 'too_large' });
  expect(server.commands.filter((line) => line.startsWith('MAIL'))).toEqual([]);
});

test('the id of a server that replaces ours is kept beside it', async () => {
  const outcome = await send({
    replies: {
      '.': '250 2.0.0 OK <abc.123@ab.eurprd01.prod.outlook.com> [Hostname=X] 1 bytes in 0.1, 1 KB/sec Queued mail for delivery',
    },
  });
  expect(outcome).toMatchObject({
    externalIds: [`${id}@harbour.example`],
    aliases: ['abc.123@ab.eurprd01.prod.outlook.com'],
  });
});

test('the config is verified with a sign-in, and a wrong password is a problem of its field', async () => {
  const context = world.createContext(channel.configSchema.parse(config()));
  expect(await world.settle(channel.setup?.verify(context) ?? Promise.resolve(null))).toMatchObject({
    kind: 'verified',
    account: 'hello@harbour.example',
  });
  server.behave({ replies: { AUTH: '535 5.7.8 wrong' } });
  expect(await world.settle(channel.setup?.verify(context) ?? Promise.resolve(null))).toMatchObject({
    kind: 'rejected',
    problems: [{ field: 'smtp.password', code: 'credentials' }],
  });
});

test('with the guard closed no connection reaches a private address or another port', async () => {
  const guarded = createChannelWorld({ allowPrivateTargets: false });
  const context = guarded.createContext(channel.configSchema.parse(config()));
  const outcome = await guarded.settle(channel.send(context, message));
  expect(outcome).toMatchObject({ kind: 'unavailable', message: expect.stringContaining('private') });
  await expect(context.openSocket({ host: 'localhost', port: 25 })).rejects.toMatchObject({ code: 'private_address' });
  await expect(context.openSocket({ host: '1.1.1.1', port: 22 })).rejects.toMatchObject({ code: 'private_address' });
  expect(server.commands).toEqual([]);
  guarded.close();
});
