import { classifyError } from '../../src/channels/resend/errors.ts';
import { toRecipientKey } from '../../src/channels/resend/send.ts';
import { listen } from '../support/http.ts';
import { png } from '../support/sample-files.ts';
import { mailMessage } from './mailgun-world.ts';
import { startResendWorld } from './resend-world.ts';

const { id } = mailMessage;

test('an email has a subject, a text made from its HTML, our id among its references, and tags', async () => {
  await using world = await startResendWorld();
  const outcome = await world.send({ from: 'Ana <ana@harbour.example>', replyToExternalId: 'CAx@mail.example' });
  expect(world.resend.state.emails).toMatchObject([
    {
      ...{ from: 'Ana <ana@harbour.example>', to: ['maya@example.com'], replyTo: ['Harbour Dental <hello@harbour.example>'] },
      ...{ subject: 'Hi', text: 'Hello Maya', html: '<p>Hello <b>Maya</b></p>' },
      headers: { 'In-Reply-To': '<CAx@mail.example>', References: `<CAx@mail.example> <${id}@harbour.example>` },
      tags: [
        { name: 'patchbay_message', value: id },
        { name: 'patchbay_connection', value: '0191d4e0-0000-7000-8000-00000000000c' },
      ],
    },
  ]);
  expect(outcome).toMatchObject({ kind: 'accepted', externalIds: [world.resend.state.emails[0]?.id] });
});

test('each recipient has an email and a key of its own, the same on every attempt', async () => {
  await using world = await startResendWorld();
  const to = '"Doe, Jane" <jane@example.com>, bob@, maya@example.com';
  const outcome = await world.send({ to });
  const ids = world.resend.state.emails.map((email) => email.id);
  expect(outcome).toMatchObject({ kind: 'accepted', externalIds: ids, rejectedRecipients: [{ address: 'bob@' }] });
  expect(world.resend.state.emails.map((email) => email.to)).toEqual([
    ['"Doe, Jane" <jane@example.com>'],
    ['maya@example.com'],
  ]);
  expect(Object.keys(world.resend.state.keys)).toEqual(
    ['jane@example.com', 'maya@example.com'].map((one) => toRecipientKey(id, one)),
  );
  expect(await world.send({ to })).toMatchObject({ externalIds: ids });
  expect(world.resend.state.emails).toHaveLength(2);
  // A person's resend has another key.
  await world.send({ to, idempotencyKey: `${id}-1` });
  expect(world.resend.state.emails).toHaveLength(4);
});

test('a send that breaks off continues, and finds out again who was refused', async () => {
  await using world = await startResendWorld();
  const to = 'refused@example.com, a@example.com, b@example.com, c@example.com';
  const refuse = { kind: 'error', status: 422, name: 'validation_error', message: 'no' } as const;
  let isDown = true;
  world.pickFault(({ to: [address] }) => {
    if (address === 'refused@example.com') return refuse;
    return isDown && address === 'b@example.com' ? { kind: 'cut' } : null;
  });
  const first = await world.send({ to });
  expect(first).toMatchObject({ kind: 'unknown', acceptedParts: [expect.any(String)] });
  isDown = false;
  const acceptedParts = first.kind === 'unknown' ? (first.acceptedParts ?? []) : [];
  const second = await world.send({ to, acceptedParts });
  expect(second).toMatchObject({
    kind: 'accepted',
    rejectedRecipients: [{ address: 'refused@example.com', code: 'validation_error' }],
  });
  expect(world.resend.state.emails.map((email) => email.to[0]).sort()).toEqual([
    'a@example.com',
    'b@example.com',
    'c@example.com',
  ]);
  const ids = world.resend.state.emails.map((email) => email.id);
  expect(second.kind === 'accepted' ? [...second.externalIds].sort() : []).toEqual(ids.sort());
});

test('an email to several waits for the limit of requests; one to a single recipient is retried by the schedule', async () => {
  await using world = await startResendWorld();
  let left = 3;
  world.pickFault(() => (left-- > 0 ? { kind: 'error', status: 429, name: 'rate_limit_exceeded' } : null));
  expect(await world.send({ to: 'a@example.com, b@example.com' })).toMatchObject({ kind: 'accepted' });
  left = 1;
  expect(await world.send({ idempotencyKey: `${id}-2` })).toMatchObject({ kind: 'unavailable', retryAfterMs: 1_000 });
});

test('all recipients refused is a rejection', async () => {
  await using world = await startResendWorld();
  world.pickFault(() => ({ kind: 'error', status: 422, name: 'validation_error', message: 'no such domain' }));
  expect(await world.send({ to: 'a@example.com, b@example.com' })).toMatchObject({
    kind: 'rejected',
    code: 'validation_error',
  });
  expect(await world.send({ to: '' })).toMatchObject({ kind: 'rejected', code: 'invalid_address' });
});

test('a repeat with another content may have been sent; after a day a key is a new one', async () => {
  await using world = await startResendWorld();
  await world.send();
  expect(await world.send({ subject: 'Other' })).toMatchObject({ kind: 'unknown', code: 'invalid_idempotent_request' });
  await world.clock.tick(24 * 60 * 60 * 1000);
  expect(await world.send({ subject: 'Other' })).toMatchObject({ kind: 'accepted' });
  expect(world.resend.state.emails).toHaveLength(2);
});

test('files go along in the request', async () => {
  await using world = await startResendWorld();
  const files = await listen((_request, response) => response.setHeader('content-type', 'image/png').end(png));
  await world.send({ attachments: [`${files.url}/a`], html: null });
  await files.close();
  expect(world.resend.state.emails).toMatchObject([
    { text: 'attachment.png', files: [{ name: 'attachment.png', contentType: 'image/png', bytes: png.length }] },
  ]);
});

test.each([
  [{ status: 401, name: 'missing_api_key' }, { kind: 'connection_error' }],
  [{ status: 401, name: 'restricted_api_key' }, { kind: 'connection_error' }],
  [{ status: 403, name: 'invalid_api_key' }, { kind: 'connection_error' }],
  [{ status: 403, name: 'validation_error', message: 'The x.example domain is not verified.' }, { kind: 'connection_error' }],
  [
    { status: 403, name: 'validation_error', message: 'You can only send testing emails to your own email address' },
    { kind: 'rejected' },
  ],
  [{ status: 422, name: 'invalid_from_address' }, { kind: 'connection_error' }],
  [
    { status: 422, name: 'invalid_attachment' },
    { kind: 'rejected', isAuthoritative: true },
  ],
  [{ status: 422, name: 'a_new_name' }, { kind: 'rejected' }],
  [
    { status: 429, name: 'daily_quota_exceeded' },
    { kind: 'unavailable', retryAfterMs: 3_600_000 },
  ],
  [
    { status: 429, name: 'rate_limit_exceeded', retryAfterSeconds: 2 },
    { kind: 'unavailable', retryAfterMs: 2_000 },
  ],
  [
    { status: 409, name: 'concurrent_idempotent_requests' },
    { kind: 'unavailable', retryAfterMs: 10_000 },
  ],
  [{ status: 500, name: 'application_error' }, { kind: 'unknown' }],
])('the error %j is the outcome %j', async (fault, outcome) => {
  await using world = await startResendWorld();
  world.resend.setFault({ kind: 'error', ...fault });
  expect(await world.send()).toMatchObject(outcome);
  expect(world.resend.state.emails).toEqual([]);
});

test('a refusal of a proxy is none of Resend’s, and an echoed key is removed', async () => {
  await using world = await startResendWorld();
  world.resend.setFault({ kind: 'html', status: 400, body: '<html>' });
  expect(await world.send()).toMatchObject({ kind: 'unavailable', code: 'http_400' });
  world.resend.setFault({ kind: 'html', status: 200, body: '<html>' });
  expect(await world.send()).toMatchObject({ kind: 'unknown', code: 'no_id' });
  const { apiKey } = world.resend.state.account;
  world.resend.setFault({ kind: 'error', status: 422, name: 'validation_error', message: `key ${apiKey}` });
  expect(JSON.stringify(await world.send())).not.toContain(apiKey);
});

test('every status has a class, and no status of the server is a definite refusal', () => {
  for (let status = 400; status < 600; status += 1) {
    const errorClass = classifyError({ status, body: { name: 'new_name' } });
    if (status >= 500) expect(errorClass).toBe('unknown');
    else expect(['rejected', 'account', 'busy', 'unknown']).toContain(errorClass);
  }
});

test('a lost receipt is looked up by Resend’s id only', async () => {
  await using world = await startResendWorld();
  await world.send();
  const [email] = world.resend.state.emails;
  const lookUp = (externalId = email?.id ?? '', config = {}) =>
    world.settle(world.channel.lookUpReceipt?.(world.createContext(config), externalId) ?? Promise.resolve(null));
  expect(await lookUp()).toBeNull();
  await world.resend.deliver(email?.id ?? '');
  expect(await lookUp()).toMatchObject({
    messageId: id,
    externalId: email?.id,
    state: 'delivered',
    recipient: 'maya@example.com',
  });
  await world.resend.open(email?.id ?? '');
  expect([await lookUp(), await lookUp(email?.id, { openedIsRead: true })]).toMatchObject([
    { state: 'delivered' },
    { state: 'read' },
  ]);
  await world.resend.bounce(email?.id ?? '', { type: 'Permanent', subType: 'General', message: 'no' });
  expect(await lookUp()).toMatchObject({ state: 'failed', error: { code: 'bounced' } });
  expect(await lookUp('../domains')).toBeNull();
  expect(await lookUp(email?.id, { apiKey: world.resend.state.account.sendingKey })).toBeNull();
});
