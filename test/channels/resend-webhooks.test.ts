import { toStandardHeaders } from '../../src/channels/resend/webhooks.ts';
import { requireSignature } from '../../src/runtime/standard-webhooks.ts';
import { png } from '../support/sample-files.ts';
import { mailMessage } from './mailgun-world.ts';
import { toEventRequest } from './resend-vendor.ts';
import { type ResendWorld, startResendWorld } from './resend-world.ts';

const { id } = mailMessage;

test('the signature is that of Standard Webhooks, under the names of Resend’s library', () => {
  // The example of that library's documentation.
  const headers = {
    'svix-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'svix-timestamp': '1614265330',
    'svix-signature': 'v1,bm9ldHUjKzFob2VudXRob2VodWUzMjRvdWVvdW9ldQo= v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  };
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
  const [body, at] = [Buffer.from('{"test": 2432232314}'), 1_614_265_330_000];
  requireSignature([secret], toStandardHeaders(headers), body, at);
  const check =
    (changed: object, content = body, now = at) =>
    () =>
      requireSignature([secret], toStandardHeaders({ ...headers, ...changed }), content, now);
  for (const wrong of [
    check({}, Buffer.from('{"test": 2432232315}')),
    check({}, body, at + 301_000),
    check({ 'svix-id': 'msg_x' }),
    check({ 'svix-timestamp': '1614265331' }),
    check({ 'svix-signature': undefined }),
  ]) {
    expect(wrong).toThrow(expect.objectContaining({ code: 'signature_invalid' }));
  }
});

async function register(world: ResendWorld): Promise<void> {
  const result = world.channel.setup?.registerWebhooks?.(world.createContext(), true) ?? Promise.reject();
  expect(await world.settle(result)).toEqual({ kind: 'registered' });
}

async function readPosts(world: ResendWorld, config = {}) {
  const events = [];
  for (const request of world.posts.splice(0)) events.push(...(await world.receive(request, config)));
  return events;
}

test('each email of a message has receipts of its own, which are no parts', async () => {
  await using world = await startResendWorld();
  await register(world);
  await world.send({ to: 'a@example.com, b@example.com' });
  await world.clock.tick(10);
  const [a, b] = world.resend.state.emails.map((email) => email.id) as [string, string];
  await world.resend.deliver(a);
  await world.resend.bounce(b, { type: 'Permanent', subType: 'General', message: 'No such user' });
  expect(
    (await readPosts(world)).filter((event) => event.kind === 'receipt' && event.receipt.state !== 'accepted'),
  ).toMatchObject([
    { receipt: { messageId: id, externalId: a, state: 'delivered', recipient: 'a@example.com', part: { index: 0, count: 1 } } },
    {
      receipt: {
        externalId: b,
        state: 'failed',
        recipient: 'b@example.com',
        error: { code: 'Permanent/General', message: 'No such user' },
      },
    },
  ]);
});

test('complaints are opt-outs, and the suppression list’s failures say what to do', async () => {
  await using world = await startResendWorld();
  await register(world);
  await world.send();
  await world.clock.tick(10);
  await world.resend.complain(world.resend.state.emails[0]?.id ?? '');
  expect((await readPosts(world)).at(-1)).toMatchObject({
    kind: 'opt_out',
    optOut: { address: 'maya@example.com', category: 'all' },
  });
  await world.send({ idempotencyKey: `${id}-2` });
  await world.clock.tick(10);
  expect(await readPosts(world)).toMatchObject([
    { receipt: { state: 'failed', error: { code: 'suppressed', message: expect.stringContaining('Suppressions') } } },
  ]);
});

test('events of other programs, of other connections and of other kinds are no news', async () => {
  await using world = await startResendWorld();
  await world.send();
  const [email] = world.resend.state.emails;
  if (!email) throw new Error('The email was not sent.');
  const receive = (event: Parameters<typeof toEventRequest>[0], config = {}) => world.receive(toEventRequest(event), config);
  expect(await receive(world.resend.signSent(email, 'delivered'))).toHaveLength(1);
  expect(await receive(world.resend.signSent({ ...email, tags: [] }, 'delivered'))).toEqual([]);
  const tags = email.tags.map((tag) => (tag.name === 'patchbay_connection' ? { ...tag, value: 'other' } : tag));
  expect(await receive(world.resend.signSent({ ...email, tags }, 'delivered'))).toEqual([]);
  expect(await receive(world.resend.signSent(email, 'delivery_delayed'))).toEqual([]);
  expect(await receive(world.resend.signSent(email, 'opened'))).toEqual([]);
  expect(await receive(world.resend.signSent(email, 'opened'), { openedIsRead: true })).toMatchObject([
    { receipt: { state: 'read' } },
  ]);
  expect(await receive(world.resend.sign({ type: 'contact.updated', data: { email: 'a@b.c', unsubscribed: true } }))).toEqual(
    [],
  );
  await expect(receive(world.resend.sign({}))).rejects.toMatchObject({ code: 'payload_invalid' });
  const request = toEventRequest(world.resend.signSent(email, 'delivered'));
  await expect(world.receive({ ...request, path: 'inbound' })).rejects.toMatchObject({ code: 'not_found' });
  await expect(world.receive({ ...request, method: 'GET' })).rejects.toMatchObject({ code: 'method_not_allowed' });
});

test('a received email is fetched, with its thread and its files; the key stays with Resend', async () => {
  await using world = await startResendWorld();
  await register(world);
  await world.resend.receive({
    ...{
      from: 'Maya Ray <maya@example.com>',
      to: 'Hello@harbour.example',
      subject: 'Re: Hi',
      text: 'Yes',
      messageId: 'CAx@mail.example',
    },
    headers: { 'in-reply-to': '<0102@email.amazonses.com>', references: `<${id}@harbour.example> <0102@email.amazonses.com>` },
    files: [{ name: 'card.png', contentType: 'image/png', data: png }],
  });
  const [event] = await readPosts(world);
  expect(event).toMatchObject({
    kind: 'inbound',
    inbound: {
      ...{
        externalId: 'CAx@mail.example',
        from: 'maya@example.com',
        name: 'Maya Ray',
        to: 'hello@harbour.example',
        text: 'Yes',
      },
      ...{ subject: 'Re: Hi', replyToExternalId: id, attachments: [{ name: 'card.png', contentType: 'image/png' }] },
    },
  });
  const [file] = event?.kind === 'inbound' ? event.inbound.attachments : [];
  if (!file || !('ref' in file)) throw new Error('The file has no reference.');
  const fetchFile = (ref: string) =>
    world.settle(world.channel.fetchAttachment?.(world.createContext(), ref) ?? Promise.reject());
  expect(await fetchFile(file.ref)).toMatchObject({ kind: 'fetched', bytes: png.length });
  expect(await fetchFile(`${file.ref.split('/')[0]}/00000000-0000-4000-8000-000000000000`)).toMatchObject({ kind: 'missing' });
  expect(await fetchFile('../../domains')).toMatchObject({ kind: 'rejected' });
});

test('an email to another address of the account, a bounce and an own email make no message', async () => {
  await using world = await startResendWorld();
  const receive = (mail: Partial<Parameters<typeof world.resend.receive>[0]>) =>
    world.receive(
      toEventRequest(world.resend.signReceived({ from: 'maya@example.com', to: 'hello@harbour.example', text: 'x', ...mail })),
    );
  expect(await receive({})).toHaveLength(1);
  expect(await receive({ to: 'other@harbour.example' })).toEqual([]);
  expect(await receive({ from: 'mailer-daemon@example.com' })).toEqual([]);
  expect(await receive({ from: 'hello@harbour.example' })).toEqual([]);
  expect(await receive({ headers: { 'auto-submitted': 'auto-replied' } })).toEqual([]);
});

test('with a sending key the content of an email is missing, and its text says so; an outage is repeated', async () => {
  await using world = await startResendWorld();
  const request = toEventRequest(
    world.resend.signReceived({ from: 'maya@example.com', to: 'hello@harbour.example', text: 'secret', subject: 'Hi' }),
  );
  expect(await world.receive(request, { apiKey: world.resend.state.account.sendingKey })).toMatchObject([
    { inbound: { from: 'maya@example.com', subject: 'Hi', text: expect.stringContaining('sending access only') } },
  ]);
  await expect(world.receive(request, { baseUrl: 'http://127.0.0.1:1' })).rejects.toMatchObject({ code: 'vendor_unavailable' });
  await expect(world.receive(request, { apiKey: 're_wrong' })).rejects.toMatchObject({ code: 'vendor_unavailable' });
});
