import type { WebhookRequest } from '../../src/channels/channel.ts';
import { isTrustedHost } from '../../src/channels/twilio/media.ts';
import type { InboundText } from '../../src/sandbox/vendors/twilio.ts';
import { png } from '../support/sample-files.ts';
import { startTwilioWorld, type TwilioWorld, toRequest, webhookUrl } from './twilio-world.ts';

const receive = async (world: TwilioWorld, request: WebhookRequest, config = {}) => {
  const result = await world.channel.webhooks?.receive(world.createContext(config), request);
  return result ?? { events: [] };
};

const inbound = async (world: TwilioWorld, text: Partial<InboundText>, config = {}) => {
  const given = { from: '+12025550143', to: world.from, ...text };
  const result = await receive(world, toRequest(world.twilio.signInbound(`${webhookUrl}/inbound`, given)), config);
  const event = result.events.find(({ kind }) => kind === 'inbound');
  return { ...result, inbound: event?.kind === 'inbound' ? event.inbound : undefined };
};

describe('inbound messages', () => {
  test('an SMS is read, and the response sends no message to the contact', async () => {
    await using world = await startTwilioWorld();
    const result = await inbound(world, { text: ' hi & <bye> 👋', sid: 'SM7' });
    expect(result.response).toEqual({ status: 200, contentType: 'text/xml', body: '<Response></Response>' });
    expect(result.inbound).toMatchObject({ externalId: 'SM7', from: '+12025550143', to: world.from, text: ' hi & <bye> 👋' });
    expect(result.inbound).toMatchObject({ attachments: [], sentExternally: false, vendorAddress: undefined });
  });

  test('a WhatsApp message has its name, its id there and the message that it replies to', async () => {
    await using world = await startTwilioWorld();
    const fields = { OriginalRepliedMessageSid: 'SM5' };
    const whatsApp = { from: 'whatsapp:+12025550143', to: world.whatsApp, text: 'hi', fields };
    expect((await inbound(world, whatsApp, { from: world.whatsApp })).inbound).toMatchObject({
      ...{ from: '+12025550143', to: '+12025550102', vendorAddress: 'whatsapp:+12025550143', name: 'Maya' },
      replyToExternalId: 'SM5',
    });
  });

  test.each([
    [{ ButtonText: 'Yes, please', ButtonPayload: 'yes' }, 'Yes, please'],
    [{ ButtonPayload: 'yes' }, 'yes'],
    [{ Latitude: '38.9', Longitude: '-77.0' }, '[Location: (38.9, -77.0)]'],
    [
      { Latitude: '38.9', Longitude: '-77.0', Label: 'Office', Address: '1 Main St', MessageType: 'location' },
      '[Location: Office, 1 Main St (38.9, -77.0)]',
    ],
    [{ MessageType: 'reaction', Body: '👍' }, '[Reaction: 👍]'],
    [{ MessageType: 'sticker' }, '[Message without text: sticker]'],
    [{ FutureField: 'x' }, '[Message without text]'],
  ])('a message without text %j reads "%s"', async (fields, text) => {
    await using world = await startTwilioWorld();
    expect((await inbound(world, { fields: fields as Record<string, string> })).inbound?.text).toBe(text);
  });

  test('files are references, fetched with the credentials, which stay behind when Twilio redirects to its storage', async () => {
    await using world = await startTwilioWorld();
    const { inbound: read } = await inbound(world, { text: '', media: [{ data: png, contentType: 'image/png' }] });
    const [attachment] = read?.attachments ?? [];
    expect(read?.text).toBeUndefined();
    expect(attachment).toMatchObject({ contentType: 'image/png' });
    const ref = attachment && 'ref' in attachment ? attachment.ref : '';
    expect(new URL(ref).origin).toBe(world.apiUrl);
    // The storage, at another origin, refuses credentials.
    const file = await world.channel.fetchAttachment?.(world.createContext(), ref);
    expect(file).toMatchObject({ kind: 'fetched', contentType: 'image/png', bytes: png.length });
    const wrong = await world.channel.fetchAttachment?.(world.createContext({ authToken: 'wrong' }), ref);
    expect(wrong).not.toMatchObject({ kind: 'fetched' });
  });

  test('the credentials go to no host but Twilio’s', async () => {
    await using world = await startTwilioWorld();
    const seen: [string, unknown][] = [];
    const context = {
      ...world.createContext(),
      fetchFile: async (url: string, headers?: object) => {
        seen.push([url, headers]);
        return { kind: 'missing' as const, code: 'x', reason: 'x' };
      },
    };
    const hosts = ['https://evil.example/x', 'http://api.twilio.com/x', 'https://api.twilio.com.evil.example/x'];
    for (const ref of [...hosts, 'https://api.twilio.com/x', `${world.apiUrl}/x`])
      await world.channel.fetchAttachment?.(context, ref);
    const credentials = { authorization: expect.stringMatching(/^Basic /) };
    expect(seen.map(([, headers]) => headers)).toEqual([undefined, undefined, undefined, credentials, credentials]);
    expect(await world.channel.fetchAttachment?.(context, 'file:///etc/passwd')).toMatchObject({ kind: 'rejected' });
    expect(isTrustedHost('https://api.dublin.ie1.twilio.com/x', 'https://api.twilio.com')).toBe(true);
    expect(isTrustedHost('https://a:b@api.twilio.com/x', 'https://api.twilio.com')).toBe(false);
    expect(isTrustedHost('https://evil.twilio.com/x', 'https://api.twilio.com')).toBe(false);
  });

  const stop = { optedOut: true, address: '+12025550143', category: 'all' };

  test.each([
    ['STOP', stop],
    [' stop ', stop],
    ['Unsubscribe', stop],
    ['optout', stop],
    ['START', { ...stop, optedOut: false }],
    ['unstop', { ...stop, optedOut: false }],
    ['HELP', undefined],
    ['stop it', undefined],
    ['please end', undefined],
  ])('the SMS "%s" is %j, and the message itself', async (text, optOut) => {
    await using world = await startTwilioWorld();
    for (const to of [world.from, world.service.pool[0] ?? '']) {
      const { events } = await inbound(world, { text, to });
      expect(events).toMatchObject([...(optOut ? [{ kind: 'opt_out', optOut }] : []), { kind: 'inbound', inbound: { text } }]);
    }
  });

  test('the word of an Advanced Opt-Out is Twilio’s to know, in any language', async () => {
    await using world = await startTwilioWorld();
    const { events } = await inbound(world, { text: 'BAJA', fields: { OptOutType: 'STOP' } });
    expect(events).toMatchObject([{ kind: 'opt_out', optOut: { optedOut: true, reason: 'BAJA' } }, { kind: 'inbound' }]);
    const help = await inbound(world, { text: 'stop', fields: { OptOutType: 'HELP' } });
    expect(help.events).toMatchObject([{ kind: 'inbound' }]);
  });

  test('over WhatsApp the words are left to the program', async () => {
    await using world = await startTwilioWorld();
    const whatsApp = { from: 'whatsapp:+12025550143', to: world.whatsApp, text: 'STOP' };
    expect((await inbound(world, whatsApp, { from: world.whatsApp })).events).toMatchObject([{ kind: 'inbound' }]);
  });

  test('a message without id or sender is refused with its problems', async () => {
    await using world = await startTwilioWorld();
    const incomplete: Record<string, string>[] = [{ From: '' }, { MessageSid: '', SmsSid: '', SmsMessageSid: '' }];
    for (const fields of incomplete) {
      await expect(inbound(world, { fields })).rejects.toMatchObject({
        code: 'payload_invalid',
        details: [expect.any(String)],
      });
    }
  });
});
