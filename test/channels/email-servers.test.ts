import type { ChannelEvent, InboundContent, OpenSession, OutboundMessage, ReceiptContent } from '../../src/channels/channel.ts';
import { createEmailChannel } from '../../src/channels/email/email.ts';
import { createChannelWorld } from '../support/channel-context.ts';
import { findMissingMailServers, type MailServers, startMailServers } from '../support/mail-servers.ts';
import { png } from '../support/sample-files.ts';
import { createTestClock } from '../support/test-clock.ts';
import { message as smsMessage } from './contract.ts';

const missing = findMissingMailServers();
const withServers = missing === null ? test : test.skip;
if (missing !== null) process.stdout.write(`Tests with a real Postfix and Dovecot are skipped: ${missing}.\n`);

const channel = createEmailChannel({ allowPrivateTargets: true });
const names = ['shop', 'anna', 'poison', 'heavy', 'files', 'verified'];
let servers: MailServers;
let world: ReturnType<typeof createChannelWorld>;
const sessions: OpenSession[] = [];
let count = 0;

beforeAll(async () => {
  if (missing !== null) return;
  servers = await startMailServers(names, 1);
});
afterAll(async () => {
  if (missing !== null) return;
  await servers.close();
});
beforeEach(() => {
  world = createChannelWorld({ clock: createTestClock(Date.now()) });
});
afterEach(async () => {
  await Promise.all(sessions.splice(0).map((session) => session.close()));
  expect(missing === null && world.logLines.join('\n').includes(servers.password)).toBe(false);
  world.close();
});

function createContext(name: string, changes: object = {}) {
  const { smtpPort, imapPort, password } = servers;
  const config = {
    from: `Shop <${name}@inbox.test>`,
    smtp: { host: '127.0.0.1', port: smtpPort, security: 'none', username: name, password },
    imap: { host: '127.0.0.1', port: imapPort, security: 'none' },
    unverifiedSenders: 'deliver',
    ...changes,
  };
  return world.createContext(channel.configSchema.parse(config));
}

/** Opens the session of a mailbox and collects its events. */
async function open(name: string, changes: object = {}, state: { value: unknown } = { value: null }) {
  const events: ChannelEvent[] = [];
  const context = createContext(name, changes);
  const withState = { ...context, state: { get: async <T>() => state.value as T | null, set: async () => undefined } };
  const session = await channel.session?.open(withState, async (more, next) => {
    events.push(...more);
    if (next !== undefined) state.value = structuredClone(next);
  });
  if (!session) throw new Error('The channel has no session.');
  sessions.push(session);
  const listInbound = () => events.flatMap((event): InboundContent[] => (event.kind === 'inbound' ? [event.inbound] : []));
  const listReceipts = () => events.flatMap((event): ReceiptContent[] => (event.kind === 'receipt' ? [event.receipt] : []));
  return { session, events, state, context: withState, listInbound, listReceipts };
}

async function waitFor(condition: () => boolean, ms = 20_000): Promise<void> {
  const end = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > end) throw new Error('It did not happen in time.');
    await new Promise((done) => setTimeout(done, 20));
  }
}

function createMessage(changes: Partial<OutboundMessage> = {}): OutboundMessage {
  count += 1;
  const id = `${Date.now()
    .toString(16)
    .padStart(12, '0')
    .replace(/^(.{8})(.{4})$/, '$1-$2')}-7000-8000-${String(count).padStart(12, '0')}`;
  return { ...smsMessage, id, idempotencyKey: id, messageType: 'email', to: 'anna@inbox.test', subject: 'Hello', ...changes };
}

const mail = (fields: string, body = 'Hello {n}') =>
  `From: Anna <anna@inbox.test>\r\nTo: shop@inbox.test\r\nSubject: Mail {n}\r\nMessage-ID: <mail-{n}@inbox.test>\r\nDate: ${new Date().toUTCString()}\r\n${fields}\r\n${body}\r\n`;

withServers('a mail that can’t be stored blocks no other', async () => {
  const events: string[] = [];
  const state: { value: unknown } = { value: null };
  const context = createContext('poison');
  const withState = { ...context, state: { get: async <T>() => state.value as T | null, set: async () => undefined } };
  const { AppError } = await import('../../src/core/errors.ts');
  const session = await channel.session?.open(withState, async (more, next) => {
    for (const event of more) {
      if (event.kind !== 'inbound') continue;
      if (event.inbound.text?.includes('poison')) throw new AppError('payload_invalid', 'It can’t be stored.');
      events.push(event.inbound.text?.trim() ?? '');
    }
    if (next !== undefined) state.value = next;
  });
  if (session) sessions.push(session);
  servers.deliver('poison', mail('', 'poison'));
  servers.deliver('poison', `${'\u0000'.repeat(50)}\r\nnot a mail`);
  servers.deliver('poison', mail('Auto-Submitted: auto-replied\r\n', 'away'));
  servers.deliver('poison', mail('', 'good'));
  await waitFor(() => events.length > 0);
  expect(events).toEqual(['good']);
});

withServers('a mail that has ended its reader five times is left in the mailbox, also by other workers', async () => {
  const good: string[] = [];
  let stored: unknown = null;
  let reads = 0;
  // The process that reads the heavy mail loses its session meanwhile: it stores nothing more.
  const openOnce = async () => {
    let isLost = false;
    const context = createContext('heavy');
    const state = { get: async <T>() => structuredClone(stored) as T | null, set: async () => undefined };
    const own = createEmailChannel({ allowPrivateTargets: true });
    const session = await own.session?.open({ ...context, state }, async (events, next) => {
      const texts = events.flatMap((event) => (event.kind === 'inbound' ? [event.inbound.text?.trim() ?? ''] : []));
      if (texts.includes('heavy')) {
        reads += 1;
        isLost = true;
      }
      if (isLost) throw new Error('Another worker owns this session.');
      good.push(...texts);
      if (next !== undefined) stored = structuredClone(next);
    });
    if (!session) throw new Error('The channel has no session.');
    sessions.push(session);
    return session;
  };
  const first = await openOnce();
  servers.deliver('heavy', mail('', 'heavy'));
  servers.deliver('heavy', mail('', 'good').replaceAll('{n}', '2'));
  await first.closed;
  for (let count = 1; count < 5; count += 1) await (await openOnce()).closed;
  await openOnce();
  await waitFor(() => good.length > 0);
  expect({ good, reads }).toEqual({ good: ['good'], reads: 5 });
});

withServers('files are fetched out of the mailbox by their reference', async () => {
  const opened = await open('files');
  const boundary = 'b1';
  const part = `--${boundary}\r\nContent-Type: image/png; name="tooth.png"\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename="tooth.png"\r\n\r\n${png.toString('base64')}\r\n`;
  const body = `--${boundary}\r\nContent-Type: text/html\r\n\r\n<p onclick="x()">See</p><script>x</script>\r\n${part}--${boundary}--`;
  servers.deliver('files', mail(`MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=${boundary}\r\n`, body));
  await waitFor(() => opened.listInbound().length > 0);
  const [inbound] = opened.listInbound();
  expect(inbound?.html?.trim()).toBe('<p>See</p>');
  const [attachment] = inbound?.attachments ?? [];
  expect(attachment).toMatchObject({ name: 'tooth.png', contentType: 'image/png' });
  if (!attachment || !('ref' in attachment)) throw new Error('The message has no file.');
  const fetched = await channel.fetchAttachment?.(opened.context, attachment.ref);
  expect(fetched).toMatchObject({ kind: 'fetched', contentType: 'image/png', bytes: png.length, name: 'tooth' });
  expect(await channel.fetchAttachment?.(opened.context, '1/1/0')).toMatchObject({ code: 'media_gone' });
});

withServers('both servers are verified, over TLS with an own authority, and wrong passwords are named by field', async () => {
  const { smtpPort, imapPort, imapsPort, password, certificate } = servers;
  const tls = {
    smtp: { host: 'localhost', port: smtpPort, security: 'starttls', username: 'verified', password },
    imap: { host: 'localhost', port: imapsPort, security: 'tls' },
    caCertificate: certificate,
  };
  const verify = (changes: object) => channel.setup?.verify(createContext('verified', changes));
  expect(await verify(tls)).toMatchObject({ kind: 'verified', account: 'verified@inbox.test' });
  expect(await verify({ ...tls, imap: { ...tls.imap, port: imapPort, security: 'starttls' } })).toMatchObject({
    kind: 'verified',
  });
  expect(await verify({ ...tls, caCertificate: undefined })).toMatchObject({
    kind: 'unavailable',
    message: expect.stringContaining('certificate'),
  });
  const wrong = { ...tls.smtp, password: 'wrong-password' };
  expect(await verify({ ...tls, smtp: wrong })).toMatchObject({
    problems: [{ field: 'smtp.password' }, { field: 'imap.password' }],
  });
});

withServers('an email of unknown outcome is found among the sent mails', async () => {
  const outbound = createMessage();
  const context = createContext('anna', { from: 'anna@inbox.test' });
  const since = new Date(Date.now() - 60_000);
  expect(await channel.lookUpSend?.(context, outbound, since)).toBeNull();
  servers.deliver('anna/.Sent', mail(`X-Copy: 1\r\n`).replace('mail-{n}@inbox.test', `${outbound.id}@inbox.test`));
  expect(await channel.lookUpSend?.(context, outbound, since)).toMatchObject({
    kind: 'accepted',
    externalIds: [`${outbound.id}@inbox.test`],
  });
});

withServers('the time until which the mailbox was read is known, so that silence means no bounce', async () => {
  const opened = await open('shop');
  const before = await channel.receiptsReadUntil?.(opened.context);
  expect(before?.getTime()).toBeLessThanOrEqual(Date.now());
  expect(await channel.receiptsReadUntil?.(createContext('nobody'))).toBeNull();
});
