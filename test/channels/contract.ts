import type { Channel, ChannelConnection, OutboundMessage } from '../../src/channels/channel.ts';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import { type Breakage, startBrokenNetwork } from '../support/broken-network.ts';
import { createTestClock } from '../support/test-clock.ts';
import { startVendor, type Vendor } from '../support/vendor.ts';

/** A channel under test: its factory, and its config for a vendor at an address. */
export interface ChannelUnderTest {
  name: string;
  create(vendor: { url: string; secret: string }): { channel: Channel; config: object };
}

export const message: OutboundMessage = {
  id: '01890000-0000-7000-8000-000000000001',
  idempotencyKey: '01890000-0000-7000-8000-000000000001-1790000000000',
  locationId: 'loc',
  contactId: 'contact',
  conversationId: null,
  messageType: 'sms',
  to: '+12025550143',
  from: null,
  text: 'hello',
  html: null,
  subject: null,
  attachments: ['https://files.example.com/1', 'https://files.example.com/2'],
  replyToExternalId: null,
};

const megabytes = 'x'.repeat(3 * 1024 * 1024);

/** Tests the contract of every channel over HTTP. */
export function testChannelContract(channelUnderTest: ChannelUnderTest): void {
  const http = createHttpClient({ timeoutMs: 1_000, allowPrivateTargets: true });
  const fetchAttachment = () => Promise.reject(new Error('This channel takes addresses.'));
  const clock = createTestClock();
  const createTools = (signal = new AbortController().signal) => ({ http, fetchAttachment, clock, signal });
  const connectTo = (url: string, secret: string) => {
    const { channel, config } = channelUnderTest.create({ url, secret });
    const connection: ChannelConnection<object> = { id: 'c', config, webhookUrl: 'http://patchbay.example/channels/c' };
    return { channel, connection, send: (signal?: AbortSignal) => channel.send(createTools(signal), connection, message) };
  };
  let vendor: Vendor;
  beforeAll(async () => {
    vendor = await startVendor();
  });
  afterAll(() => vendor.close());
  const connectToVendor = () => connectTo(vendor.url, vendor.secret);

  describe(channelUnderTest.name, () => {
    test.each([
      [{ body: { status: 'delivered', externalId: 'x' } }, { kind: 'delivered', externalId: 'x' }],
      [{ body: { status: 'accepted', externalId: 7 } }, { kind: 'accepted', externalId: '7' }],
      [{ status: 204 }, { kind: 'accepted' }],
      [{ status: 200, body: '<html>thanks</html>' }, { kind: 'accepted' }],
      [
        { status: 400, body: { error: { code: '21610', message: 'opted out' } } },
        { kind: 'rejected', code: '21610', message: 'opted out' },
      ],
      [{ status: 404 }, { kind: 'rejected', code: 'http_404' }],
      [
        { status: 429, headers: { 'retry-after': '7' } },
        { kind: 'unavailable', retryAfterMs: 7_000 },
      ],
      [{ status: 408 }, { kind: 'unavailable' }],
      [{ status: 425 }, { kind: 'unavailable' }],
      [
        { status: 503, body: 'down' },
        { kind: 'unavailable', code: 'http_503' },
      ],
      [
        { status: 400, body: megabytes },
        { kind: 'rejected', code: 'http_400' },
      ],
      [{ status: 200, body: megabytes }, { kind: 'accepted' }],
      [
        { status: 503, body: megabytes },
        { kind: 'unavailable', code: 'http_503' },
      ],
      ['cut' as const, { kind: 'unknown' }],
      ['hang' as const, { kind: 'unknown' }],
    ])('the response %.200j is the outcome %j', async (response, outcome) => {
      vendor.respondWith(response);
      expect(await connectToVendor().send()).toMatchObject(outcome);
    });

    test.each<[Breakage, string]>([
      ['refuse', 'unavailable'],
      ['accept_and_hang', 'unknown'],
      ['cut_after_request', 'unknown'],
      ['cut_after_headers', 'unknown'],
      ['cut_after_rejection', 'rejected'],
    ])('a network that breaks by "%s" is %s', async (breakage, kind) => {
      await using network = await startBrokenNetwork(breakage);
      expect(await connectTo(network.url, vendor.secret).send()).toMatchObject({ kind });
    });

    test('every request is signed, carries the same id on a repeat, and all attachments', async () => {
      vendor.respondWith({});
      const before = vendor.requests.length;
      await connectToVendor().send();
      await connectToVendor().send();
      const [first, second] = vendor.requests.slice(before);
      expect(first?.headers['webhook-id']).toBe(message.idempotencyKey);
      expect(second?.headers['webhook-id']).toBe(message.idempotencyKey);
      expect(first?.body).toMatchObject({ id: message.id, attachments: message.attachments });
      expect(vendor.wrongSignatures).toEqual([]);
    });

    test('a send that is stopped while it waits ends as unknown', async () => {
      const stopping = new AbortController();
      vendor.respondWith(() => {
        stopping.abort();
        return 'hang';
      });
      expect(await connectToVendor().send(stopping.signal)).toMatchObject({ kind: 'unknown' });
    });

    test('a vendor that responds byte by byte is timed out', async () => {
      await using network = await startBrokenNetwork('drip');
      const sent = connectTo(network.url, vendor.secret).send();
      await network.isDropping;
      await clock.tick(60_000);
      expect(await sent).toMatchObject({ kind: 'unknown', message: expect.stringContaining('no response in time') });
    });

    test('no secret in an outcome, for any response of the vendor', async () => {
      vendor.respondWith({ status: 500, body: { error: { code: vendor.secret, message: `echo ${vendor.secret}` } } });
      expect(JSON.stringify(await connectToVendor().send())).not.toContain(vendor.secret.replace('whsec_', ''));
    });

    test('a webhook is read only with a valid signature over the raw bytes, not too old', () => {
      const { channel, connection } = connectToVendor();
      const read = ({ headers, body }: { headers: Record<string, string>; body: string }, event = 'status') =>
        channel.receiveWebhook(connection, event, { headers, body: Buffer.from(body) });
      const content = { id: message.id, status: 'delivered' };
      const good = vendor.signWebhook(content);

      expect(read(good)).toMatchObject({ kind: 'receipt', receipt: { messageId: message.id, state: 'delivered' } });
      const wrong = [
        { ...good, body: `${good.body} ` },
        { ...good, headers: {} },
        vendor.signWebhook(content, new Date(Date.now() - 6 * 60_000)),
        vendor.signWebhook(content, new Date(), `whsec_${Buffer.alloc(32).toString('base64')}`),
      ];
      for (const callback of wrong) {
        expect(() => read(callback as typeof good)).toThrow(expect.objectContaining({ code: 'signature_invalid' }));
      }
      expect(() => read(good, 'unheard-of')).toThrow(expect.objectContaining({ code: 'not_found' }));
    });

    test.each([
      ['status', { status: 'delivered' }],
      ['status', { id: message.id, status: 'sent' }],
      ['status', []],
      ['inbound', { externalId: 'x', from: '+1' }],
      ['inbound', { from: '+1', text: 'hi' }],
      ['inbound', { externalId: 'x', from: '+1', attachments: ['javascript:alert(1)'] }],
    ])('a %s webhook of the wrong shape %j is rejected with its problems', (event, content) => {
      const { channel, connection } = connectToVendor();
      const { headers, body } = vendor.signWebhook(content);
      expect(() => channel.receiveWebhook(connection, event, { headers, body: Buffer.from(body) })).toThrow(
        expect.objectContaining({ code: 'payload_invalid', details: expect.arrayContaining([expect.any(String)]) }),
      );
    });
  });
}
