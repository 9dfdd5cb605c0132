import { randomBytes } from 'node:crypto';
import type { AccessTokenResult, ChannelEvent, InboundContent, OpenSession } from '../../src/channels/channel.ts';
import { createEmailChannel } from '../../src/channels/email/email.ts';
import { createMailbox, type SimulatedMailbox } from '../../src/sandbox/vendors/mailbox.ts';
import { createChannelWorld } from '../support/channel-context.ts';
import { createTestClock } from '../support/test-clock.ts';

/** An IMAP server that departs from its usual responses, and the sessions of a mailbox there. */

let respond: (command: string) => string | null | undefined;
let acceptsToken: (token: string) => boolean;
let mailbox: SimulatedMailbox;
let imapPort: number;
let world: ReturnType<typeof createChannelWorld>;
let channel: ReturnType<typeof createEmailChannel>;
/** Responses to requests for a token, in order (the first two are of the opening), and the tokens that were refused before each. */
let tokens: AccessTokenResult[];
let refusedTokens: (string | undefined)[];
let state: unknown;
const sessions: OpenSession[] = [];

beforeEach(async () => {
  [respond, acceptsToken, state, tokens, refusedTokens] = [() => undefined, () => false, null, [], []];
  channel = createEmailChannel({ allowPrivateTargets: true });
  const clock = createTestClock();
  const getAccessToken = async (refused?: string): Promise<AccessTokenResult> => {
    refusedTokens.push(refused);
    const token = tokens.shift();
    if (!token) throw new Error('No further token was expected.');
    return token;
  };
  const getPairing = () => Promise.reject(new Error('This sign-in is done.'));
  world = createChannelWorld({ clock, signIn: { getAccessToken, getPairing } });
  mailbox = createMailbox({
    clock,
    random: randomBytes,
    imap: { respond: (command) => respond(command), acceptsToken: (token) => acceptsToken(token) },
  });
  ({ imapPort } = await mailbox.start(0));
});
afterEach(async () => {
  await Promise.all(sessions.splice(0).map((session) => session.close()));
  await mailbox.close();
  world.close();
});

function createContext(changes: object = {}) {
  const { address, password } = mailbox.state.account;
  const server = { host: '127.0.0.1', security: 'none' };
  const config = {
    from: address,
    smtp: { ...server, port: 1, password },
    imap: { ...server, port: imapPort },
    unverifiedSenders: 'deliver',
    ...changes,
  };
  const context = world.createContext(channel.configSchema.parse(config));
  return { ...context, state: { get: async <T>() => state as T | null, set: async () => undefined } };
}

/** Opens the session once. */
async function open(changes: object = {}) {
  const inbound: InboundContent[] = [];
  const session = await channel.session?.open(createContext(changes), async (events: readonly ChannelEvent[], next) => {
    inbound.push(...events.flatMap((event) => (event.kind === 'inbound' ? [event.inbound] : [])));
    if (next !== undefined) state = structuredClone(next);
  });
  if (!session) throw new Error('The channel has no session.');
  sessions.push(session);
  return { session, inbound };
}

const oauth = {
  oauth: { tokenUrl: 'https://token.example', clientId: 'c', clientSecret: 's', refreshToken: 'r' },
};
const toToken = (accessToken: string): AccessTokenResult => ({ kind: 'token', accessToken });

test.each([
  ['a connection that ends while the folder opens', null],
  ['a folder that is not available at present', 'NO [UNAVAILABLE] Try later'],
  ['a folder that is in use', 'NO [INUSE] Locked'],
])('%s is opened again, and is no missing folder', async (_name, response) => {
  respond = (command) => (command.startsWith('EXAMINE') ? response : undefined);
  await expect(open()).rejects.toThrow();
  expect(await channel.setup?.verify(createContext())).toMatchObject({ kind: 'unavailable' });
});

test('a folder that the mailbox does not have holds the connection', async () => {
  const changes = { imap: { host: '127.0.0.1', security: 'none', port: imapPort, folder: 'Missing' } };
  const { session } = await open(changes);
  expect(await session.closed).toMatchObject({ code: 'imap_folder' });
  expect(await channel.setup?.verify(createContext(changes))).toMatchObject({
    problems: [{ field: 'imap.folder', code: 'imap_folder' }],
  });
});

test('a token that the server refuses is renewed, and the mailbox is read with the new one', async () => {
  acceptsToken = (token) => token === 'second';
  tokens = [toToken('first'), toToken('first'), toToken('second')];
  const { session } = await open(oauth);
  expect(state).not.toBeNull();
  expect(refusedTokens).toEqual([undefined, undefined, 'first']);
  await session.close();
  expect(await session.closed).toBeNull();
});

test.each<[string, AccessTokenResult, string | null]>([
  ['a new token that is refused too', toToken('second'), 'imap_credentials'],
  [
    'a sign-in that has ended',
    { kind: 'refused', code: 'oauth_sign_in_again', message: 'Sign in again.' },
    'oauth_sign_in_again',
  ],
  ['a service that is down', { kind: 'unavailable', code: 'oauth_unreachable', message: 'It is down.' }, null],
])('after a refused token, %s holds the connection or lets it wait', async (_name, renewed, code) => {
  tokens = [toToken('first'), toToken('first'), renewed];
  const opened = open(oauth);
  if (code === null) return expect(opened).rejects.toThrow('It is down.');
  const { session } = await opened;
  expect(await session.closed).toMatchObject({ code });
});

const receive = (name: string) => mailbox.receive(`From: Maya <maya@example.com>\r\nSubject: ${name}\r\n\r\n${name}\r\n`);

/** Opens the session until it stays open. @returns what has come, and the count of sessions */
async function readAll() {
  const received: InboundContent[] = [];
  for (let count = 1; count <= 30; count += 1) {
    const { session, inbound } = await open();
    const isDone = () => (state as { lastUid: number }).lastUid === mailbox.state.nextUid - 1;
    const ended = session.closed.then(() => true);
    while (!isDone() && !(await Promise.race([ended, new Promise((done) => setTimeout(done, 5, false))])));
    received.push(...inbound);
    await session.close();
    if (isDone()) return { received, count };
  }
  throw new Error('The mailbox was not read to its end.');
}

test('a mailbox that is numbered anew, in another order, brings no mail that was there before the first connection', async () => {
  const { state: host } = mailbox;
  const receiveAt = (name: string, seconds: number) => {
    receive(name);
    for (const mail of host.mails.slice(-1)) mail.at += seconds * 1_000;
  };
  receiveAt('oldest', 0);
  receiveAt('older', 1);
  await readAll();
  receiveAt('read', 5);
  await readAll();
  receiveAt('new', 10);
  // As after a move to another host.
  const [oldest, older, ...others] = host.mails;
  host.uidValidity += 1;
  host.mails = [oldest, ...others, older].flatMap((mail, index) => (mail ? [{ ...mail, uid: index + 1 }] : []));
  const { received } = await readAll();
  expect(received.map(({ subject }) => subject)).toEqual(['read', 'new']);
});

test('another mailbox of the same connection is read from its end, as at the first connection', async () => {
  receive('of the first');
  await readAll();
  const { state: host } = mailbox;
  host.account.address = 'info@harbour.example';
  host.uidValidity += 1;
  receive('was there');
  for (const mail of host.mails.slice(-1)) mail.at += 60_000;
  expect((await readAll()).received).toEqual([]);
  receive('comes then');
  expect((await readAll()).received).toMatchObject([{ subject: 'comes then' }]);
});

test.each([
  ['fails to deliver', 'NO [SERVERBUG] Internal error occurred.'],
  ['ends the connection for', null],
])('a mail that the server %s comes as its headers after five failures, and blocks no other', async (_name, response) => {
  await readAll();
  for (const name of ['one', 'two', 'three']) receive(name);
  respond = (command) => (/^UID FETCH 2 .*BODY\.PEEK\[\]/.test(command) ? response : undefined);
  const { received, count } = await readAll();
  expect(received.map(({ subject }) => subject)).toEqual(['one', 'two', 'three']);
  expect(received[1]?.text).toContain('could not deliver this email');
  expect(count).toBeLessThanOrEqual(7);
});

test('a mail of which the server delivers nothing is left out, while it delivers others', async () => {
  await readAll();
  for (const name of ['one', 'two', 'three']) receive(name);
  respond = (command) => (/^UID FETCH 3 .*BODY/.test(command) ? null : undefined);
  const { received } = await readAll();
  expect(received.map(({ subject }) => subject)).toEqual(['one', 'two']);
  expect(world.logLines.join('\n')).toContain('could not be fetched');
});

test('a server that delivers no mail for a time loses none of their contents', async () => {
  await readAll();
  for (const name of ['one', 'two']) receive(name);
  let failures = 0;
  respond = (command) => {
    if (!/FETCH .*BODY/.test(command) || failures >= 13) return undefined;
    failures += 1;
    return null;
  };
  const { received } = await readAll();
  expect(received.map(({ text }) => text?.trim())).toEqual(['one', 'two']);
});
