import { isUnsubscribeLink } from '../../src/channels/mail/unsubscribe.ts';
import { classifyError } from '../../src/channels/mailgun/errors.ts';
import { isTrustedHost } from '../../src/channels/mailgun/media.ts';
import { listen } from '../support/http.ts';
import { png } from '../support/sample-files.ts';
import { mailMessage, startMailgunWorld } from './mailgun-world.ts';

const id = mailMessage.id;

test('an email has a subject, a text made from its HTML, and a Message-ID made from its key', async () => {
  await using world = await startMailgunWorld();
  const outcome = await world.send();
  expect(outcome).toMatchObject({ kind: 'accepted', externalIds: [`${id}@${world.domain.name}`] });
  expect(world.mailgun.state.messages).toMatchObject([
    {
      ...{ from: `Harbour Dental <hello@${world.domain.name}>`, to: ['maya@example.com'], subject: 'Hi', text: 'Hello Maya' },
      ...{ html: '<p>Hello <b>Maya</b></p>', headers: { 'Message-Id': `<${id}@${world.domain.name}>` }, files: [] },
    },
  ]);
});

test('a reply names the message that it replies to, and the name of its user', async () => {
  await using world = await startMailgunWorld();
  await world.send({ replyToExternalId: 'CAx@mail.example', from: 'Ana Sol <ana@agency.example>', subject: null });
  expect(world.mailgun.state.messages).toMatchObject([
    {
      ...{ from: `Ana Sol <hello@${world.domain.name}>`, subject: '(no subject)' },
      headers: { 'In-Reply-To': '<CAx@mail.example>', References: '<CAx@mail.example>' },
    },
  ]);
});

test('an email from another address of the domain has its replies sent to the connection’s', async () => {
  await using world = await startMailgunWorld();
  await world.send({ from: `Ana <ana@${world.domain.name}>` });
  expect(world.mailgun.state.messages).toMatchObject([
    { from: `Ana <ana@${world.domain.name}>`, headers: { 'Reply-To': `Harbour Dental <hello@${world.domain.name}>` } },
  ]);
});

test('line breaks in a subject or a name add no header', async () => {
  await using world = await startMailgunWorld();
  await world.send({ subject: 'Hi\r\nBcc: other@example.com', to: '"Maya\r\nBcc: b@c.d" <maya@example.com>, bob@example.com' });
  expect(world.mailgun.state.messages).toMatchObject([{ subject: 'Hi Bcc: other@example.com', to: ['bob@example.com'] }]);
});

test('one invalid address of several is refused alone', async () => {
  await using world = await startMailgunWorld();
  const outcome = await world.send({ to: '"Doe, Jane" <jane@example.com>, bob@, maya@example.com' });
  expect(outcome).toMatchObject({ kind: 'accepted', rejectedRecipients: [{ address: 'bob@', code: 'invalid_address' }] });
  expect(world.mailgun.state.messages[0]?.to).toEqual(['"Doe, Jane" <jane@example.com>', 'maya@example.com']);
  expect(await world.send({ to: 'bob@' })).toMatchObject({ kind: 'rejected', code: 'invalid_address' });
});

test('files go along with their names; an email above the limit is refused before Mailgun', async () => {
  await using world = await startMailgunWorld();
  const files = await listen((_request, response) => response.setHeader('content-type', 'image/png').end(png));
  await world.send({ html: null, attachments: [`${files.url}/a`, `${files.url}/b`] });
  expect(world.mailgun.state.messages[0]).toMatchObject({
    text: expect.stringMatching(/^attachment\.png\s+attachment\.png$/),
    files: [
      { name: 'attachment.png', contentType: 'image/png', bytes: png.length },
      { name: 'attachment.png', contentType: 'image/png', bytes: png.length },
    ],
  });
  expect(await world.send({ html: 'x'.repeat(26_000_000), text: 'x' })).toMatchObject({ kind: 'rejected', code: 'too_large' });
  await files.close();
  expect(await world.send({ attachments: [`${files.url}/gone`] })).toMatchObject({ kind: 'unavailable' });
  expect(world.mailgun.state.messages).toHaveLength(1);
});

test('one-click unsubscribe is added to a first email to one contact, where it is chosen', async () => {
  await using world = await startMailgunWorld();
  const on = { oneClickUnsubscribe: true };
  await world.send({}, on);
  await world.send({ replyToExternalId: 'a@b.c' }, on);
  await world.send({ to: 'a@example.com, b@example.com' }, on);
  await world.send();
  const headers = world.mailgun.state.messages.map((one) => one.headers['List-Unsubscribe']);
  expect(headers.slice(1)).toEqual([undefined, undefined, undefined]);
  const query = new URL((headers[0] ?? '').slice(1, -1)).searchParams;
  const link = { address: query.get('address') ?? '', proof: query.get('proof') ?? '' };
  const { connection } = world.createContext(on);
  const secrets = world.channel.listUnsubscribeSecrets?.(connection.config) ?? [];
  expect([link.address, isUnsubscribeLink(connection.id, secrets, link)]).toEqual(['maya@example.com', true]);
});

test.each([
  [
    { status: 400, message: "'to' parameter is not a valid address" },
    { kind: 'rejected', isAuthoritative: true, code: 'http_400' },
  ],
  [{ status: 400, html: '<html>proxy</html>' }, { kind: 'unavailable' }],
  [
    { status: 401, html: 'Forbidden' },
    { kind: 'connection_error', message: expect.stringContaining('API key') },
  ],
  [{ status: 402, message: 'Payment required' }, { kind: 'connection_error' }],
  [
    { status: 403, message: 'Domain x is not allowed to send: recipient limit exceeded, try again after' },
    { kind: 'unavailable' },
  ],
  [{ status: 403, message: 'Please activate your Mailgun account' }, { kind: 'connection_error' }],
  [{ status: 403, message: 'Sandbox subdomains are for test purposes only' }, { kind: 'rejected' }],
  [{ status: 404, message: 'Domain not found: x' }, { kind: 'connection_error' }],
  [
    { status: 413, html: 'too large' },
    { kind: 'rejected', message: expect.stringContaining('25 MB') },
  ],
  [
    { status: 429, message: 'slow down', retryAfterSeconds: 3 },
    { kind: 'unavailable', retryAfterMs: 3_000 },
  ],
  [{ status: 408, message: 'late' }, { kind: 'unknown' }],
  [{ status: 500, message: 'Internal Server Error' }, { kind: 'unknown' }],
  [{ status: 503, html: 'down' }, { kind: 'unknown' }],
])('the error %j is the outcome %j', async (fault, outcome) => {
  await using world = await startMailgunWorld();
  world.mailgun.setFault({ kind: 'error', ...fault });
  expect(await world.send()).toMatchObject(outcome);
  expect(world.mailgun.state.messages).toEqual([]);
});

test('the greeting of an unknown address is a problem of the connection, and an echoed key is removed', async () => {
  await using world = await startMailgunWorld();
  world.mailgun.setFault({ kind: 'greeting' });
  expect(await world.send()).toMatchObject({ kind: 'connection_error', code: 'wrong_address' });
  const { apiKey } = world.mailgun.state.account;
  world.mailgun.setFault({ kind: 'error', status: 400, message: `bad key ${apiKey}` });
  expect(JSON.stringify(await world.send())).not.toContain(apiKey);
  world.mailgun.setFault({ kind: 'drop' });
  expect(await world.send()).toMatchObject({ kind: 'unknown' });
});

test('every status has a class, and no status of the server is a definite refusal', () => {
  for (let status = 400; status < 600; status += 1) {
    const errorClass = classifyError({ status, body: { message: 'no' }, retryAfterMs: undefined });
    if (status >= 500) expect(errorClass).toBe('unknown');
    else expect(['rejected', 'account', 'busy', 'unknown']).toContain(errorClass);
  }
});

test('a lost response is resolved by the Message-ID; a sending key can’t ask', async () => {
  await using world = await startMailgunWorld();
  const lookUp = (changes = {}, config = {}) =>
    world.settle(
      world.channel.lookUpSend?.(world.createContext(config), { ...mailMessage, ...changes }, new Date(0)) ??
        Promise.resolve(null),
    );
  world.mailgun.setFault({ kind: 'error_after_accepting' });
  expect(await world.send()).toMatchObject({ kind: 'unknown' });
  expect(await lookUp()).toEqual({ kind: 'accepted', externalIds: [`${id}@${world.domain.name}`] });
  expect(await lookUp({ idempotencyKey: `${id}-2` })).toBeNull();
  expect(await lookUp({}, { apiKey: world.mailgun.state.sendingKeys[0]?.key ?? '' })).toBeNull();
});

test('a lost receipt is looked up: of several recipients only a state that all share, or a delivery', async () => {
  await using world = await startMailgunWorld();
  const lookUp = () =>
    world.settle(world.channel.lookUpReceipt?.(world.createContext(), `${id}@${world.domain.name}`) ?? Promise.resolve(null));
  expect(await lookUp()).toBeNull();
  await world.send({ to: 'a@example.com, b@example.com' });
  expect(await lookUp()).toBeNull();
  const externalId = `${id}@${world.domain.name}`;
  const failure = { code: 550, message: '5.1.1 No such user' };
  await world.mailgun.fail(externalId, { ...failure, severity: 'temporary', recipient: 'a@example.com' });
  await world.mailgun.fail(externalId, { ...failure, recipient: 'a@example.com' });
  expect(await lookUp()).toBeNull();
  await world.mailgun.fail(externalId, { ...failure, recipient: 'b@example.com' });
  expect(await lookUp()).toMatchObject({
    messageId: id,
    externalId,
    state: 'failed',
    recipient: undefined,
    error: { code: '550' },
  });
  await world.mailgun.deliver(externalId, 'b@example.com');
  expect(await lookUp()).toMatchObject({ state: 'delivered', recipient: 'b@example.com' });
});

test('the API key goes to Mailgun’s hosts and the base URL only', () => {
  const base = 'https://api.mailgun.net';
  for (const url of [
    'https://api.mailgun.net/v3/x',
    'https://sw.api.mailgun.net/x',
    'https://storage-us-east4.api.mailgun.net/x',
  ]) {
    expect(isTrustedHost(url, base)).toBe(true);
  }
  for (const url of [
    'http://api.mailgun.net/x',
    'https://evil-mailgun.net/x',
    'https://mailgun.net.example/x',
    'https://u:p@api.mailgun.net/x',
  ]) {
    expect(isTrustedHost(url, base)).toBe(false);
  }
});
