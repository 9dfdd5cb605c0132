import { randomBytes } from 'node:crypto';
import type { ChannelEvent } from '../../src/channels/channel.ts';
import { encodeForm } from '../../src/sandbox/vendors/mailgun/webhooks.ts';
import { pdf, png } from '../support/sample-files.ts';
import { toFormRequest } from './mailgun-vendor.ts';
import { type MailgunWorld, mailMessage, startMailgunWorld } from './mailgun-world.ts';

const id = mailMessage.id;

async function register(world: MailgunWorld, config = {}) {
  expect(
    await world.settle(world.channel.setup?.registerWebhooks?.(world.createContext(config), false) ?? Promise.reject()),
  ).toEqual({
    kind: 'registered',
  });
}

/** Reads all webhooks that Mailgun has posted since. */
async function readPosts(world: MailgunWorld, config = {}): Promise<ChannelEvent[]> {
  const events: ChannelEvent[] = [];
  for (const { request } of world.posts.splice(0)) {
    const result = await world.receive(request, config);
    expect(result.response).toEqual({ status: 200 });
    events.push(...result.events);
  }
  return events;
}

test('each recipient has receipts of its own; temporary failures and other programs’ emails are no news', async () => {
  await using world = await startMailgunWorld();
  await register(world);
  await world.send({ to: 'a@example.com, b@example.com' });
  const externalId = `${id}@${world.domain.name}`;
  await world.mailgun.deliver(externalId, 'a@example.com');
  await world.mailgun.fail(externalId, { code: 450, message: 'later', severity: 'temporary', recipient: 'b@example.com' });
  await world.mailgun.fail(externalId, { code: 550, message: '5.1.1 No such user', recipient: 'b@example.com' });
  expect(await readPosts(world)).toMatchObject([
    { kind: 'receipt', receipt: { messageId: id, externalId, state: 'delivered', recipient: 'a@example.com' } },
    { receipt: { state: 'failed', recipient: 'b@example.com', error: { code: '550', message: '5.1.1 No such user' } } },
  ]);
  const sign = (event: string, fields: Record<string, unknown>, messageId = externalId) => {
    const { body, headers } = world.mailgun.signEvent({ event, domain: world.domain.name, messageId, fields });
    return { method: 'POST', path: 'webhook', query: new URLSearchParams(), headers, body } as const;
  };
  for (const [event, fields, messageId] of [
    ['delivered', { recipient: 'a@example.com' }, 'CAx@mail.example'],
    ['delivered', { recipient: 'a@example.com', flags: { 'is-routed': true } }],
    ['opened', { recipient: 'a@example.com' }],
    ['clicked', { recipient: 'a@example.com' }],
    ['stored', {}],
  ] as const) {
    expect((await world.receive(sign(event, fields, messageId))).events).toEqual([]);
  }
  const openedIsRead = { openedIsRead: true };
  expect((await world.receive(sign('opened', { recipient: 'a@example.com' }), openedIsRead)).events).toMatchObject([
    { receipt: { state: 'read' } },
  ]);
  expect((await world.receive(sign('opened', { 'client-info': { bot: 'apple' } }), openedIsRead)).events).toEqual([]);
  expect(
    (
      await world.receive(
        sign('rejected', {
          reject: { reason: 'spam' },
          message: { headers: { 'message-id': externalId, to: 'A <a@example.com>' } },
        }),
      )
    ).events,
  ).toMatchObject([{ receipt: { state: 'failed', recipient: 'a@example.com', error: { message: 'spam' } } }]);
  expect((await world.receive(sign('accepted', { recipient: 'a@example.com' }))).events).toMatchObject([
    { receipt: { state: 'accepted' } },
  ]);
});

test('complaints and unsubscribes are opt-outs, and so is a later send that Mailgun’s lists stop, with what to do', async () => {
  await using world = await startMailgunWorld();
  await register(world);
  await world.send();
  await world.clock.tick(10);
  const externalId = `${id}@${world.domain.name}`;
  await world.mailgun.unsubscribe(externalId);
  await world.mailgun.complain(externalId, 'other@example.com');
  expect(await readPosts(world)).toMatchObject([
    { kind: 'opt_out', optOut: { address: 'maya@example.com', optedOut: true, category: 'all', reason: 'unsubscribed' } },
    { kind: 'opt_out', optOut: { address: 'other@example.com', reason: 'marked as spam' } },
  ]);
  world.mailgun.state.suppressions.push({ list: 'bounce', address: 'gone@example.com' });
  await world.send({ to: 'maya@example.com, gone@example.com' });
  await world.clock.tick(10);
  expect(await readPosts(world)).toMatchObject([
    {
      receipt: {
        state: 'failed',
        recipient: 'maya@example.com',
        error: { code: '606', message: expect.stringContaining('Unsubscribes') },
      },
    },
    { kind: 'opt_out', optOut: { address: 'maya@example.com' } },
    {
      receipt: {
        state: 'failed',
        recipient: 'gone@example.com',
        error: { code: '605', message: expect.stringContaining('Bounces') },
      },
    },
  ]);
});

test('an email of a contact is read with its name, thread and files; the files need the key', async () => {
  await using world = await startMailgunWorld();
  await register(world);
  await world.mailgun.receive({
    ...{
      from: 'Maya Ray <maya@example.com>',
      to: `hello@${world.domain.name}`,
      subject: 'Re: Hi',
      text: 'Yes',
      html: '<p>Yes</p>',
    },
    ...{ messageId: 'CAx@mail.example', headers: [['In-Reply-To', `<${id}@${world.domain.name}>`]] },
    files: [{ name: 'card.png', contentType: 'image/png', data: png }],
  });
  const [event] = await readPosts(world);
  expect(event).toMatchObject({
    kind: 'inbound',
    inbound: {
      ...{ externalId: 'CAx@mail.example', from: 'maya@example.com', name: 'Maya Ray', to: `hello@${world.domain.name}` },
      ...{
        text: 'Yes',
        html: '<p>Yes</p>',
        subject: 'Re: Hi',
        replyToExternalId: `${id}@${world.domain.name}`,
        sentExternally: false,
      },
      attachments: [{ name: 'card.png', contentType: 'image/png' }],
    },
  });
  const [file] = event?.kind === 'inbound' ? event.inbound.attachments : [];
  if (!file || !('ref' in file)) throw new Error('The file has no reference.');
  const { fetchAttachment } = world.channel;
  expect(await world.settle(fetchAttachment?.(world.createContext(), file.ref) ?? Promise.reject())).toMatchObject({
    kind: 'fetched',
  });
  expect(await fetchAttachment?.(world.createContext(), 'file:///etc/passwd')).toMatchObject({ kind: 'rejected' });
});

test('files of a forwarded email can’t be kept, and its text says so', async () => {
  await using world = await startMailgunWorld();
  const mail = {
    ...{ from: 'maya@example.com', to: `hello@${world.domain.name}`, text: 'Look', html: '<p>Look</p>' },
    files: [{ name: 'a<b>.pdf', contentType: 'application/pdf', data: pdf }],
  };
  const { body, headers } = await encodeForm(world.mailgun.toForwardedFields(mail), mail.files);
  const request = { method: 'POST', path: 'inbound', query: new URLSearchParams(), headers, body } as const;
  expect((await world.receive(request)).events).toMatchObject([
    {
      inbound: {
        ...{ text: expect.stringMatching(/^Look\n\n\[Not kept: a<b>\.pdf \(1 KB\)/), attachments: [] },
        html: expect.stringContaining('a&lt;b&gt;.pdf'),
      },
    },
  ]);
  await expect(world.receive({ ...request, body: body.subarray(0, 200) })).rejects.toMatchObject({ code: 'payload_invalid' });
});

test('a large forwarded email is read, and leaves no copy of its files in the event', async () => {
  await using world = await startMailgunWorld();
  const data = Buffer.concat([pdf, randomBytes(24_000_000)]);
  const mail = {
    from: 'maya@example.com',
    to: `hello@${world.domain.name}`,
    text: 'Big',
    files: [{ name: 'big.pdf', contentType: 'application/pdf', data }],
  };
  const { body, headers } = await encodeForm(world.mailgun.toForwardedFields(mail), mail.files);
  expect(body.length).toBeLessThan(world.channel.webhooks?.maxBodyBytes ?? 0);
  const { events } = await world.receive({ method: 'POST', path: 'inbound', query: new URLSearchParams(), headers, body });
  expect(JSON.stringify(events).length).toBeLessThan(2_000);
});

test.each([
  ['an automatic reply', { headers: [['Auto-Submitted', 'auto-replied']] as const }],
  ['a bounce', { from: 'Mail Delivery System <mailer-daemon@example.com>' }],
  ['a newsletter', { headers: [['List-Id', '<news.example.com>']] as const }],
  ['an email from the connection’s own address', { from: 'HELLO@mg.harbour.example' }],
])('%s makes no message', async (_name, changes) => {
  await using world = await startMailgunWorld();
  const fields = world.mailgun.toStoredFields({
    from: 'maya@example.com',
    to: `hello@${world.domain.name}`,
    text: 'x',
    ...changes,
  });
  const result = await world.receive(toFormRequest('inbound', fields));
  expect([result.events, result.response]).toEqual([[], { status: 200 }]);
  expect(world.logLines.join()).toContain('no contact has written');
});

test('an email without a Message-ID has an id made from its content', async () => {
  await using world = await startMailgunWorld();
  const read = async (text: string) => {
    const {
      'message-headers': _,
      'Message-Id': __,
      ...fields
    } = world.mailgun.toStoredFields({ from: 'maya@example.com', to: 'hello@mg.harbour.example', text });
    const [event] = (await world.receive(toFormRequest('inbound', fields as Record<string, string>))).events;
    return event?.kind === 'inbound' ? event.inbound.externalId : null;
  };
  expect(await read('a')).toBe(await read('a'));
  expect(await read('a')).not.toBe(await read('b'));
});

test('a webhook is refused without its proof, for another path, with another method, and with a used token', async () => {
  await using world = await startMailgunWorld();
  const mail = { from: 'maya@example.com', to: `hello@${world.domain.name}`, text: 'one' };
  const fields: Record<string, string> = world.mailgun.toStoredFields(mail);
  await world.receive(toFormRequest('inbound', fields));
  await world.receive(toFormRequest('inbound', fields));
  await expect(world.receive(toFormRequest('inbound', { ...fields, 'body-plain': 'two' }))).rejects.toMatchObject({
    code: 'signature_invalid',
  });
  await expect(world.receive(toFormRequest('inbound', { ...fields, signature: '' }))).rejects.toMatchObject({
    code: 'signature_invalid',
  });
  await expect(world.receive(toFormRequest('other', fields))).rejects.toMatchObject({ code: 'not_found' });
  await expect(world.receive({ ...toFormRequest('inbound', fields), method: 'GET' })).rejects.toMatchObject({
    code: 'method_not_allowed',
  });
  await expect(world.receive(toFormRequest('webhook', fields))).rejects.toMatchObject({ code: 'payload_invalid' });
  await expect(
    world.receive({ ...toFormRequest('webhook', fields), body: Buffer.alloc(1024 * 1024 + 1) }),
  ).rejects.toMatchObject({ code: 'payload_invalid' });
});

test('with a previous signing key webhooks are still accepted', async () => {
  await using world = await startMailgunWorld();
  const request = toFormRequest(
    'inbound',
    world.mailgun.toStoredFields({ from: 'maya@example.com', to: 'hello@mg.harbour.example', text: 'x' }),
  );
  const context = world.createContext({ webhookSigningKey: 'new' });
  const previousConfig = world.createContext().connection.config;
  await expect(Promise.resolve(world.channel.webhooks?.receive(context, request))).rejects.toMatchObject({
    code: 'signature_invalid',
  });
  const both = { ...context, connection: { ...context.connection, previousConfig } };
  expect((await world.channel.webhooks?.receive(both, request))?.events).toHaveLength(1);
});

test('Mailgun repeats an inbound email until 200, and a delivery never', async () => {
  await using world = await startMailgunWorld();
  await register(world);
  world.statuses.push(503, 500);
  await world.mailgun.receive({ from: 'maya@example.com', to: `hello@${world.domain.name}`, text: 'x' });
  for (let minutes = 0; minutes < 30; minutes += 1) await world.clock.tick(60_000);
  expect(world.posts).toHaveLength(3);
  const results = await readPosts(world);
  expect(new Set(results.map((event) => JSON.stringify(event))).size).toBe(1);
  await world.send();
  world.statuses.push(503);
  await world.mailgun.deliver(`${id}@${world.domain.name}`);
  for (let minutes = 0; minutes < 30; minutes += 1) await world.clock.tick(60_000);
  expect(world.posts).toHaveLength(1);
});
