import { type Breakage, startBrokenNetwork } from '../support/broken-network.ts';
import { createChannelWorld } from '../support/channel-context.ts';
import { startVendor, type Vendor } from '../support/vendor.ts';
import { message as contractMessage } from './contract.ts';
import type { GatewayChannel } from './gateway-vendor.ts';

const message = { ...contractMessage, attachments: ['https://files.example.com/1', 'https://files.example.com/2'] };
const megabytes = 'x'.repeat(3 * 1024 * 1024);

/** Tests what only the gateway protocol promises: its responses, its signatures and the shapes of its webhooks. */
export function testGatewayProtocol({ name, create }: GatewayChannel): void {
  const world = createChannelWorld({ timeoutMs: 1_000 });
  const { clock } = world;
  const connectTo = (url: string, secret: string, signal?: AbortSignal) => {
    const { channel, config } = create({ url, secret });
    const context = world.createContext(channel.configSchema.parse(config), signal);
    return { channel, context, send: () => channel.send(context, message) };
  };
  let vendor: Vendor;
  beforeAll(async () => {
    vendor = await startVendor();
  });
  afterAll(() => {
    world.close();
    return vendor.close();
  });
  const connectToVendor = () => connectTo(vendor.url, vendor.secret);
  type Webhook = { headers: Record<string, string>; body: string };
  const receive = async ({ headers, body }: Webhook, path = 'status') => {
    const { channel, context } = connectToVendor();
    const query = new URLSearchParams();
    const result = await channel.webhooks?.receive(context, { method: 'POST', path, query, headers, body: Buffer.from(body) });
    return result?.events;
  };

  describe(`${name}: the protocol`, () => {
    test.each([
      [{ body: { status: 'delivered', externalId: 'x' } }, { kind: 'delivered', externalIds: ['x'] }],
      [{ body: { status: 'accepted', externalId: 7 } }, { kind: 'accepted', externalIds: ['7'] }],
      [{ status: 204 }, { kind: 'accepted', externalIds: [] }],
      [{ status: 200, body: '<html>thanks</html>' }, { kind: 'accepted' }],
      [
        { status: 400, body: { error: { code: '21610', message: 'opted out' } } },
        { kind: 'rejected', code: '21610', message: 'opted out' },
      ],
      [{ status: 404 }, { kind: 'rejected', code: 'http_404' }],
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

    test('a vendor that responds byte by byte is timed out', async () => {
      await using network = await startBrokenNetwork('drip');
      const sent = connectTo(network.url, vendor.secret).send();
      await network.isDropping;
      await clock.tick(60_000);
      expect(await sent).toMatchObject({ kind: 'unknown', message: expect.stringContaining('no response in time') });
    });

    test('a response that echoes the secret leaves it out of the outcome', async () => {
      vendor.respondWith({ status: 500, body: { error: { code: vendor.secret, message: `echo ${vendor.secret}` } } });
      expect(JSON.stringify(await connectToVendor().send())).not.toContain(vendor.secret.replace('whsec_', ''));
    });

    test('a webhook is read only with a valid signature over the raw bytes, not too old', async () => {
      const content = { id: message.id, status: 'delivered' };
      const good = vendor.signWebhook(content);
      expect(await receive(good)).toMatchObject([{ kind: 'receipt', receipt: { messageId: message.id, state: 'delivered' } }]);
      const wrong: Webhook[] = [
        { ...good, body: `${good.body} ` },
        { ...good, headers: {} },
        vendor.signWebhook(content, new Date(Date.now() - 6 * 60_000)),
        vendor.signWebhook(content, new Date(), `whsec_${Buffer.alloc(32).toString('base64')}`),
      ];
      for (const webhook of wrong) await expect(receive(webhook)).rejects.toMatchObject({ code: 'signature_invalid' });
      await expect(receive(good, 'unheard-of')).rejects.toMatchObject({ code: 'not_found' });
    });

    test.each([
      ['status', { status: 'delivered' }],
      ['status', { id: message.id, status: 'sent' }],
      ['status', []],
      ['inbound', { externalId: 'x', from: '+1' }],
      ['inbound', { from: '+1', text: 'hi' }],
      ['inbound', { externalId: 'x', from: '+1', attachments: ['javascript:alert(1)'] }],
    ])('a %s webhook of the wrong shape %j is rejected with its problems', async (path, content) => {
      await expect(receive(vendor.signWebhook(content), path)).rejects.toMatchObject({
        code: 'payload_invalid',
        details: expect.arrayContaining([expect.any(String)]),
      });
    });
  });
}
