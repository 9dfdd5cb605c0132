import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { pdf, png } from '../support/sample-files.ts';
import { createMessage, startWhatsAppWorld, waitFor } from './whatsapp-cloud-world.ts';

const dayMs = 24 * 60 * 60 * 1000;
const wamid = expect.stringMatching(/^wamid\./);

test('a text is sent with our id, the recipient’s plus and the reply, and accepted with WhatsApp’s id', async () => {
  await using world = await startWhatsAppWorld();
  const message = createMessage({ text: 'see https://x.example', replyToExternalId: 'wamid.0', lastInboundAt: new Date() });
  const outcome = await world.channel.send(world.context, message);
  expect(outcome).toMatchObject({ kind: 'accepted', externalIds: [wamid] });
  expect(world.listSendBodies()).toEqual([
    {
      messaging_product: 'whatsapp',
      recipient_type: 'individual',
      to: '+16505551234',
      context: { message_id: 'wamid.0' },
      type: 'text',
      text: { body: 'see https://x.example', preview_url: true },
      biz_opaque_callback_data: `${message.id}:0/1`,
    },
  ]);
});

test.each([
  [{ to: '+16505551234', vendorAddress: '551187654321' }, { to: '+551187654321' }],
  [{ to: '+16505551234', vendorAddress: 'US.13491208655302741918' }, { recipient: 'US.13491208655302741918' }],
  [{ to: 'US.ENT.abc123', vendorAddress: null }, { recipient: 'US.ENT.abc123' }],
  [{ to: '16505551234', vendorAddress: null }, { to: '+16505551234' }],
])('%j is sent to %j', async (address, recipient) => {
  await using world = await startWhatsAppWorld();
  expect(await world.send(address)).toMatchObject({ kind: 'accepted' });
  expect(world.listSendBodies()[0]).toMatchObject(recipient);
});

test.each([
  [{ to: 'maya@example.com' }, 'address_invalid'],
  [{ text: ' ' }, 'message_empty'],
  [{ text: 'x'.repeat(4_097) }, 'text_too_long'],
  [{ text: '{{template:hello' }, 'template_invalid'],
])('%j is refused before any request as %s', async (message, code) => {
  await using world = await startWhatsAppWorld();
  expect(await world.send(message)).toMatchObject({ kind: 'rejected', code, message: expect.stringMatching(/\S/) });
  expect(world.requests).toEqual([]);
});

test('the first picture carries the text; each part says which one it is', async () => {
  await using world = await startWhatsAppWorld();
  const attachments = [world.serveFile('a.png', png, 'image/png'), world.serveFile('b.pdf', pdf, 'application/octet-stream')];
  const message = createMessage({ text: 'look', attachments, lastInboundAt: new Date() });
  const outcome = await world.channel.send(world.context, message);
  expect(outcome).toMatchObject({ kind: 'accepted', externalIds: [wamid, wamid] });
  expect(world.listSendBodies()).toMatchObject([
    { type: 'image', image: { id: expect.any(String), caption: 'look' }, biz_opaque_callback_data: `${message.id}:0/2` },
    { type: 'document', document: { filename: 'attachment.pdf' }, biz_opaque_callback_data: `${message.id}:1/2` },
  ]);
  const sent = world.vendor.listMessages().flatMap(({ media }) => media);
  expect(sent.map((id) => world.vendor.state.media[id]?.contentType)).toEqual(['image/png', 'application/pdf']);
});

test('a text that is too long for a caption comes first', async () => {
  await using world = await startWhatsAppWorld();
  await world.send({ text: 'x'.repeat(1_025), attachments: [world.serveFile('a.png', png, 'image/png')] });
  expect(world.listSendBodies().map(({ type }) => type)).toEqual(['text', 'image']);
  expect(world.listSendBodies()[1]).not.toHaveProperty('image.caption');
});

test('a file that WhatsApp does not take becomes an address in a text', async () => {
  await using world = await startWhatsAppWorld();
  const gif = world.serveFile('a.gif', Buffer.from('GIF89a\x01\x00\x01\x00\x00\x00\x00;', 'latin1'), 'image/gif');
  const page = world.serveFile('a.html', Buffer.from('<!DOCTYPE html>'), 'text/html');
  expect(await world.send({ text: 'look', attachments: [gif, page] })).toMatchObject({ kind: 'accepted' });
  expect(world.listSendBodies()).toMatchObject([{ text: { body: 'look' } }, { text: { body: gif } }, { text: { body: page } }]);
});

test('a document that is too large to upload goes by its address, which Meta fetches', async () => {
  await using world = await startWhatsAppWorld();
  const large = world.serveFile('terms.pdf', Buffer.alloc(21 * 1024 * 1024, pdf), 'application/pdf');
  await world.send({ text: 'read', attachments: [large] });
  expect(world.listSendBodies()).toMatchObject([{ document: { link: large, filename: 'terms.pdf', caption: 'read' } }]);
});

test('a missing attachment sends no part; one that may come later is no failure', async () => {
  await using world = await startWhatsAppWorld();
  const picture = world.serveFile('a.png', png, 'image/png');
  const missing = await world.send({ attachments: [picture, `${world.url}/files/none.png`] });
  expect(missing).toMatchObject({ kind: 'rejected', code: 'media_gone' });
  const late = await world.send({ attachments: [picture, world.serveFile('late.png', png, 'image/png', 503)] });
  expect(late).toMatchObject({ kind: 'unavailable' });
  expect(world.listSendBodies()).toEqual([]);
});

test('a failure after the first part keeps its id, and the next attempt continues after it', async () => {
  await using world = await startWhatsAppWorld();
  const attachments = ['a.png', 'b.png'].map((name) => world.serveFile(name, png, 'image/png'));
  const message = createMessage({ text: 'look', attachments, lastInboundAt: new Date() });
  const { listMessages, setFault } = world.vendor;
  const fetchBytes = world.context.fetchBytes;
  // The second part meets a limit.
  const http = new Proxy(world.context.http, {
    get(target, name, receiver) {
      if (name !== 'request') return Reflect.get(target, name, receiver);
      return async (config: { url: string }) => {
        const response = await target.request(config);
        if (config.url.endsWith('/messages')) setFault({ kind: 'error', code: 130429 });
        return response;
      };
    },
  });
  const first = await world.channel.send({ ...world.context, http }, message);
  expect(first).toMatchObject({ kind: 'unavailable', message: expect.stringContaining('Part 2 of 2'), acceptedParts: [wamid] });
  setFault(null);
  const acceptedParts = 'acceptedParts' in first ? (first.acceptedParts ?? []) : [];
  const second = await world.channel.send({ ...world.context, fetchBytes }, { ...message, acceptedParts });
  expect(second).toMatchObject({ kind: 'accepted', externalIds: [acceptedParts[0], wamid] });
  expect(listMessages().map(({ callbackData }) => callbackData)).toEqual([`${message.id}:0/2`, `${message.id}:1/2`]);
});

test.each([
  [{ kind: 'error', code: 130429, status: 429 } as const, { kind: 'unavailable', code: '130429' }],
  [{ kind: 'error', code: 131016, status: 500 } as const, { kind: 'unavailable', code: '131016' }],
  [{ kind: 'server_error' } as const, { kind: 'unknown', code: 'http_500' }],
  [{ kind: 'cut_after_accepting' } as const, { kind: 'unknown', code: 'no_response' }],
  [{ kind: 'expired_token' } as const, { kind: 'connection_error', code: '190' }],
])('%j is %j', async (fault, outcome) => {
  await using world = await startWhatsAppWorld();
  world.vendor.setFault(fault);
  expect(await world.send({})).toMatchObject(outcome);
});

test('no response in time is unknown, and a server that is not there is not', async () => {
  await using world = await startWhatsAppWorld();
  world.vendor.setFault({ kind: 'hang' });
  const signal = AbortSignal.timeout(100);
  expect(await world.send({}, { ...world.context, signal })).toMatchObject({ kind: 'unknown' });
  const closed = createServer();
  await new Promise<void>((done) => closed.listen(0, '127.0.0.1', done));
  const { port } = closed.address() as AddressInfo;
  await new Promise((done) => closed.close(done));
  expect(await world.send({}, world.withConfig({ baseUrl: `http://127.0.0.1:${port}` }))).toMatchObject({
    kind: 'unavailable',
  });
});

test('the pair limit makes its contact alone wait, longer each time', async () => {
  await using world = await startWhatsAppWorld({ hasPairLimit: true });
  for (let count = 0; count < 45; count++) expect(await world.send({})).toMatchObject({ kind: 'accepted' });
  expect(await world.send({})).toMatchObject({ kind: 'unavailable', code: '131056', retryAfterMs: 1_000 });
  expect(await world.send({})).toMatchObject({ retryAfterMs: 4_000 });
  expect(await world.send({ to: '+16505550000' })).toMatchObject({ kind: 'accepted' });
});

test('no secret is in an outcome or a log', async () => {
  await using world = await startWhatsAppWorld();
  const { accessToken, appSecret } = world.config;
  world.vendor.setFault({ kind: 'error', code: 100, details: `Bearer ${accessToken} ${appSecret}` });
  const outcome = await world.send({});
  for (const secret of [accessToken, appSecret]) expect(JSON.stringify([outcome, world.logged])).not.toContain(secret);
});

test('statuses come back with our id, and a message outside of the window fails later', async () => {
  await using world = await startWhatsAppWorld();
  expect(await world.channel.setup?.registerWebhooks?.(world.context, false)).toEqual({ kind: 'registered' });
  world.vendor.receive({ from: '+16505551234', name: 'Zoë', text: 'hi/there' });
  const message = createMessage({ lastInboundAt: new Date() });
  const outcome = await world.channel.send(world.context, message);
  const [externalId = ''] = 'externalIds' in outcome ? outcome.externalIds : [];
  world.vendor.deliver(externalId);
  world.vendor.markRead(externalId);
  await waitFor(() => world.events.length >= 4);
  expect(world.events[0]).toMatchObject({ kind: 'inbound', inbound: { name: 'Zoë', text: 'hi/there' } });
  expect(world.events.flatMap((event) => (event.kind === 'receipt' ? [event.receipt] : []))).toMatchObject(
    ['accepted', 'delivered', 'read'].map((state) => ({
      messageId: message.id,
      externalId,
      state,
      part: { index: 0, count: 1 },
    })),
  );
  const late = createMessage({ to: '+16505550000' });
  expect(await world.channel.send(world.context, late)).toMatchObject({ kind: 'accepted' });
  const failed = await waitFor(() =>
    world.events.find((event) => event.kind === 'receipt' && event.receipt.messageId === late.id),
  );
  expect(failed).toMatchObject({ receipt: { state: 'failed', error: { code: 'window_closed' } } });
});

describe('outside of the 24-hour window', () => {
  const lastInboundAt = new Date(Date.now() - dayMs);

  test('a text is refused without a request, with words that say what to do', async () => {
    await using world = await startWhatsAppWorld();
    expect(await world.send({ lastInboundAt })).toMatchObject({
      kind: 'rejected',
      code: 'window_closed',
      message: expect.stringContaining('template'),
    });
    expect(world.requests).toEqual([]);
  });

  const fallback = {
    outsideWindow: 'template' as const,
    fallbackTemplate: { name: 'message_from_team', language: 'en_US', parameter: '1' },
  };

  test('or the fallback template carries the text, and the addresses of files', async () => {
    await using world = await startWhatsAppWorld({ config: fallback });
    const attachments = ['https://x.example/a.pdf'];
    expect(await world.send({ text: 'one\n\ttwo', attachments, lastInboundAt })).toMatchObject({ kind: 'accepted' });
    expect(world.vendor.listMessages()[0]?.text).toBe(
      'Message from our team: one - two - https://x.example/a.pdf Reply here to write back.',
    );
    expect(await world.send({ text: 'x'.repeat(1_020), lastInboundAt })).toMatchObject({ code: 'template_too_long' });
  });

  test('an unknown window is tried; a refusal leads to the fallback template', async () => {
    await using world = await startWhatsAppWorld({ config: fallback });
    world.vendor.setFault({ kind: 'error', code: 131047 });
    const http = new Proxy(world.context.http, {
      get(target, name, receiver) {
        if (name !== 'request') return Reflect.get(target, name, receiver);
        return async (config: { url: string }) => {
          const response = await target.request(config);
          world.vendor.setFault(null);
          return response;
        };
      },
    });
    expect(await world.send({ lastInboundAt: null }, { ...world.context, http })).toMatchObject({ kind: 'accepted' });
    expect(world.listSendBodies().map(({ type }) => type)).toEqual(['text', 'template']);
  });

  test('a contact who has not written since the webhooks were registered a day ago is outside', async () => {
    await using world = await startWhatsAppWorld({ config: fallback });
    await world.channel.setup?.registerWebhooks?.(world.context, false);
    await world.send({ lastInboundAt: null });
    world.clock.advance(dayMs + 1);
    await world.send({ lastInboundAt: null });
    expect(world.listSendBodies().map(({ type }) => type)).toEqual(['text', 'template']);
  });
});

describe('a message that names a template', () => {
  test('is sent at any time, with the values as they were written', async () => {
    await using world = await startWhatsAppWorld();
    const text = '{{template:appointment_reminder|en_US|Zoë|Monday\nat ten}}';
    expect(await world.send({ text, lastInboundAt: null })).toMatchObject({ kind: 'accepted' });
    expect(world.vendor.listMessages()[0]?.text).toBe(
      'Hello Zoë, your appointment is on Monday - at ten. Reply here to change it.',
    );
    const named = '[[template:spring_offer|es|first_name=Zoë|offer=2 = 1]]';
    expect(await world.send({ text: named })).toMatchObject({ kind: 'accepted' });
    expect(world.vendor.listMessages()[1]?.text).toContain('Hola Zoë, hay una oferta para ti: 2 = 1.');
  });

  test.each([
    ['{{template:appointment_reminder|en_US|Zoë}}', 'template_parameters'],
    ['{{template:appointment_reminder|en_US|Zoë|x|Monday}}', 'template_parameters'],
    ['{{template:appointment_reminder|de|Zoë|Montag}}', 'template_not_found'],
    ['{{template:appointment|en_US|Zoë|Monday}}', 'template_not_found'],
  ])('%s is refused as %s', async (text, code) => {
    await using world = await startWhatsAppWorld();
    expect(await world.send({ text })).toMatchObject({ kind: 'rejected', code });
    expect(world.listSendBodies()).toEqual([]);
  });

  test('is refused where it is marketing and the contact has opted out of it; free text and service templates are not', async () => {
    await using world = await startWhatsAppWorld();
    const isOptedOutOfMarketing = true;
    const offer = '{{template:spring_offer|es|first_name=Zoë|offer=x}}';
    expect(await world.send({ text: offer, isOptedOutOfMarketing })).toMatchObject({ kind: 'rejected', code: 'opted_out' });
    const reminder = '{{template:appointment_reminder|en_US|Zoë|Monday}}';
    expect(await world.send({ text: reminder, isOptedOutOfMarketing })).toMatchObject({ kind: 'accepted' });
    expect(await world.send({ text: 'hi', isOptedOutOfMarketing })).toMatchObject({ kind: 'accepted' });
    world.vendor.setPreference('+16505551234', 'stop');
    expect(await world.send({ text: offer })).toMatchObject({ kind: 'rejected', code: '131050', optedOut: 'marketing' });
  });

  test('waits where the templates can’t be looked up, and is held where the token is wrong', async () => {
    await using world = await startWhatsAppWorld();
    const text = '{{template:appointment_reminder|en_US|Zoë|Monday}}';
    expect(await world.send({ text }, world.withConfig({ baseUrl: `${world.url}/none` }))).toMatchObject({
      kind: 'unavailable',
    });
    expect(await world.send({ text }, world.withConfig({ accessToken: 'EAA-another' }))).toMatchObject({
      kind: 'connection_error',
    });
  });
});
