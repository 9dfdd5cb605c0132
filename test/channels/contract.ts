import type { ChannelContext, OutboundMessage, SendOutcome, WebhookRequest } from '../../src/channels/channel.ts';
import { type ChannelWorld, createChannelWorld } from '../support/channel-context.ts';
import { png } from '../support/sample-files.ts';
import { testProgramContract } from './program-contract.ts';
import type { VendorSend, VendorUnderTest } from './vendor-under-test.ts';

/** A message as the program passes it to a channel. */
export const message: OutboundMessage = {
  id: '01890000-0000-7000-8000-000000000001',
  idempotencyKey: '01890000-0000-7000-8000-000000000001',
  locationId: 'loc',
  contactId: 'contact',
  conversationId: null,
  messageType: 'sms',
  to: '+12025550143',
  vendorAddress: null,
  from: null,
  text: 'hello',
  html: null,
  subject: null,
  attachments: [],
  replyToExternalId: null,
  lastInboundAt: null,
  isOptedOutOfMarketing: false,
  acceptedParts: [],
};

/** A message that no send has the id of. */
const unsentId = '01890000-0000-7000-8000-0000000000ff';

/** Tests the contract of every channel against a simulated vendor: alone, and inside the program. */
export function testChannelContract(name: string, startVendor: () => Promise<VendorUnderTest>): void {
  describe(`${name}: the channel`, () => {
    let vendor: VendorUnderTest;
    let world: ChannelWorld;
    /** The contact's address. */
    let contact: string;
    /** What must not hold a secret: outcomes, errors and log lines. */
    const traces: string[] = [];
    let count = 0;

    beforeAll(async () => {
      vendor = await startVendor();
      contact = vendor.contact ?? message.to;
    });
    afterAll(async () => {
      await vendor.close();
      expect(vendor.violations).toEqual([]);
    });
    beforeEach(() => {
      world = createChannelWorld();
      vendor.behave('accept');
    });
    afterEach(() => {
      traces.push(...world.logLines);
      world.close();
      expectNoSecret(traces.splice(0).join('\n'), vendor);
      expectCredentialsAtVendorOnly(world, vendor);
    });

    /** A message of its own each time: ids are not repeated among the sentences. */
    function createMessage(changes: Partial<OutboundMessage> = {}): OutboundMessage {
      count += 1;
      const id = `01890000-0000-7000-8000-${String(count).padStart(12, '0')}`;
      const lastInboundAt = new Date(world.clock.now());
      const { messageType = 'sms' } = vendor;
      return { ...message, messageType, to: contact, id, idempotencyKey: id, lastInboundAt, ...changes };
    }
    const createContext = (config = vendor.config, from = world, signal?: AbortSignal) =>
      from.createContext(vendor.channel.configSchema.parse(config), signal);
    async function send(outbound = createMessage(), context: ChannelContext<object> = createContext()): Promise<SendOutcome> {
      const outcome = await world.settle(vendor.channel.send(context, outbound));
      traces.push(JSON.stringify(outcome));
      return outcome;
    }
    async function receive(request: WebhookRequest) {
      const { webhooks } = vendor.channel;
      if (!webhooks) throw new Error('This channel has no webhooks.');
      try {
        return (await world.settle(Promise.resolve(webhooks.receive(createContext(), request)))).events;
      } catch (error) {
        traces.push(String((error as Error).stack));
        throw error;
      }
    }
    const findNewSends = (before: number) => vendor.listSends().slice(before);

    test('an accepted message has the vendor’s ids, and arrives once with its text', async () => {
      const before = vendor.listSends().length;
      const outcome = await send();
      expect(['accepted', 'delivered']).toContain(outcome.kind);
      const sends = findNewSends(before);
      expect(sends).toMatchObject([{ to: contact, text: 'hello' }]);
      if (vendor.has.receipts) {
        expect(outcome).toMatchObject({ externalIds: sends.map(({ externalId }) => externalId) });
      }
    });

    test('a repeat of a message doubles nothing, where the vendor recognises it', async () => {
      const before = vendor.listSends().length;
      const outbound = createMessage();
      await send(outbound);
      await send(outbound);
      const { capabilities, getCapabilities } = vendor.channel;
      const { idempotent } = getCapabilities?.(createContext().connection.config) ?? capabilities;
      expect(findNewSends(before)).toHaveLength(idempotent ? 1 : 2);
    });

    test('attachments arrive with the message', async () => {
      if (!vendor.has.attachments) return;
      const files = await startFiles();
      const before = vendor.listSends().length;
      const outcome = await send(createMessage({ attachments: [files.url] }));
      expect(['accepted', 'delivered']).toContain(outcome.kind);
      expect(findNewSends(before).flatMap(({ attachments }) => attachments)).toHaveLength(1);
      await files.close();
    });

    test('a refused recipient is a rejection with a code and a text', async () => {
      const before = vendor.listSends().length;
      vendor.behave('reject');
      const outcome = await send();
      expect(outcome).toMatchObject({ kind: 'rejected', code: expect.any(String), message: expect.stringMatching(/\w/) });
      expect(findNewSends(before)).toEqual([]);
    });

    test('a contact who has opted out is reported as such', async () => {
      if (!vendor.has.optOuts) return;
      vendor.behave('opted_out');
      expect(await send()).toMatchObject({ kind: 'rejected', optedOut: expect.stringMatching(/^(all|marketing)$/) });
    });

    test('a vendor that is busy is unavailable, for the time that it names', async () => {
      vendor.behave('throttle');
      expect(await send()).toMatchObject({ kind: 'unavailable' });
      if (!vendor.has.throttleTime) return;
      vendor.behave({ throttleMs: 7_000 });
      expect(await send()).toMatchObject({ kind: 'unavailable', retryAfterMs: 7_000 });
    });

    test('an error of the vendor’s server is retried, or unknown', async () => {
      vendor.behave('server_error');
      expect(['unavailable', 'unknown']).toContain((await send()).kind);
    });

    test('a vendor that does not respond leaves an unknown outcome', async () => {
      vendor.behave('hang');
      expect(await send()).toMatchObject({ kind: 'unknown' });
    });

    test('a send that is stopped while it waits ends, and is unknown', async () => {
      vendor.behave('hang');
      const stopping = new AbortController();
      const before = vendor.countRequests();
      const sent = send(createMessage(), createContext(vendor.config, world, stopping.signal));
      while (vendor.countRequests() === before) await new Promise((done) => setTimeout(done, 5));
      stopping.abort();
      expect(await sent).toMatchObject({ kind: 'unknown' });
    });

    test('a connection that breaks after the request leaves an unknown outcome, which a look-up resolves', async () => {
      vendor.behave('cut_after_request');
      const before = vendor.listSends().length;
      const outbound = createMessage({ text: 'a text of its own' });
      const since = new Date(Date.now() - 1_000);
      expect(await send(outbound)).toMatchObject({ kind: 'unknown' });
      vendor.behave('accept');
      if (!vendor.has.lookUp) return;
      const [sent] = findNewSends(before);
      const found = await world.settle(vendor.channel.lookUpSend?.(createContext(), outbound, since) ?? Promise.resolve(null));
      expect(found).toMatchObject({ externalIds: [sent?.externalId] });
      const unsent = createMessage({
        text: 'a text that was never sent',
        to: vendor.messageType === 'email' ? 'other@example.com' : '+12025550199',
      });
      expect(
        await world.settle(vendor.channel.lookUpSend?.(createContext(), unsent, since) ?? Promise.resolve(null)),
      ).toBeNull();
    });

    test('wrong credentials are a problem of the connection, not of the message', async () => {
      if (vendor.has.credentials === false) return;
      vendor.behave('wrong_credentials');
      expect(await send()).toMatchObject({ kind: 'connection_error', message: expect.stringMatching(/\w/) });
    });

    test('the config is verified with the vendor, and a wrong one is refused with its problems', async () => {
      const { setup } = vendor.channel;
      if (!setup || vendor.has.credentials === false) return;
      expect(await world.settle(setup.verify(createContext()))).toMatchObject({ kind: 'verified' });
      const refused = await world.settle(setup.verify(createContext(vendor.wrongConfig)));
      traces.push(JSON.stringify(refused));
      expect(refused).toMatchObject({ kind: 'rejected', problems: [expect.objectContaining({ code: expect.any(String) })] });
    });

    test('a receipt names its message and its state; a forged one is refused', async () => {
      if (!vendor.has.receipts) return;
      const before = vendor.listSends().length;
      const outbound = createMessage();
      await send(outbound);
      const [sent] = findNewSends(before) as [VendorSend];
      const states = ['delivered', ...(vendor.has.read ? (['read'] as const) : []), 'failed'] as const;
      for (const state of states) {
        const request = vendor.receipt(world.webhookUrl, sent, outbound.id, state);
        const receipts = (await receive(request)).flatMap((event) => (event.kind === 'receipt' ? [event.receipt] : []));
        expect(receipts).toMatchObject([{ state }]);
        const { messageId, externalId, error } = receipts[0] as (typeof receipts)[0];
        expect(messageId === outbound.id || externalId === sent.externalId).toBe(true);
        if (state === 'failed') expect(error).toMatchObject({ code: expect.any(String), message: expect.stringMatching(/\w/) });
      }
      if (vendor.push) return;
      const forged = vendor.forge(vendor.receipt(world.webhookUrl, sent, outbound.id, 'delivered'));
      await expect(receive(forged)).rejects.toMatchObject({ code: 'signature_invalid' });
    });

    test('a message of a contact is read with its text; a forged one is refused', async () => {
      const request = vendor.inbound(world.webhookUrl, { externalId: `in-${unsentId}`, from: contact, text: 'hi there' });
      const inbound = (await receive(request)).flatMap((event) => (event.kind === 'inbound' ? [event.inbound] : []));
      const externalId = vendor.toExternalId?.(`in-${unsentId}`) ?? `in-${unsentId}`;
      expect(inbound).toMatchObject([{ externalId, from: contact, text: 'hi there', sentExternally: false }]);
      if (!vendor.push) await expect(receive(vendor.forge(request))).rejects.toMatchObject({ code: 'signature_invalid' });
    });

    test('a picture of a contact is fetched, with the credentials where the vendor asks for them', async () => {
      if (vendor.has.inboundFiles === false) return;
      const picture = { data: png, contentType: 'image/png' };
      const request = vendor.inbound(world.webhookUrl, { externalId: 'in-picture', from: contact, text: '', picture });
      const [event] = await receive(request);
      const [attachment] = event?.kind === 'inbound' ? event.inbound.attachments : [];
      if (!attachment) throw new Error('The message has no attachment.');
      const context = createContext();
      const fetched =
        'url' in attachment
          ? context.fetchFile(attachment.url)
          : (vendor.channel.fetchAttachment?.(context, attachment.ref) ?? Promise.reject(new Error('It can’t be fetched.')));
      expect(await world.settle(fetched)).toMatchObject({ kind: 'fetched', bytes: png.length, contentType: 'image/png' });
      expect('ref' in attachment).toBe(vendor.has.authenticatedMedia);
    });

    test('STOP and START are opt-outs and opt-ins, where the vendor manages them', async () => {
      if (!vendor.has.optOuts) return;
      for (const optedOut of [true, false]) {
        const events = await receive(vendor.optOut(world.webhookUrl, contact, optedOut));
        const optOuts = events.flatMap((event) => (event.kind === 'opt_out' ? [event.optOut] : []));
        const texts = events.flatMap((event) => (event.kind === 'inbound' ? [event.inbound.text] : []));
        if (optOuts.length > 0) expect(optOuts).toMatchObject([{ address: contact, optedOut }]);
        // Otherwise the program recognises the words.
        else expect([vendor.channel.capabilities.managesOptOuts, texts]).toEqual([false, [optedOut ? 'STOP' : 'START']]);
      }
    });

    test('with the guard closed no request reaches a private address', async () => {
      const guarded = createChannelWorld({ allowPrivateTargets: false, clock: world.clock });
      const before = vendor.countRequests();
      const outcome = await send(createMessage(), createContext(vendor.config, guarded));
      expect(['accepted', 'delivered', 'unknown']).not.toContain(outcome.kind);
      expect(vendor.countRequests()).toBe(before);
      guarded.close();
    });
  });

  testProgramContract(name, startVendor);
}

/** Serves a picture that a message refers to. */
async function startFiles() {
  const { listen } = await import('../support/http.ts');
  const { url, close } = await listen((_request, response) => response.setHeader('content-type', 'image/png').end(png));
  return { url: `${url}/picture.png`, close };
}

/** Fails when a text holds a secret of the connection. */
function expectNoSecret(text: string, { secrets }: VendorUnderTest): void {
  expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
}

/** Fails when a request with a secret went to another host than the vendor's. */
function expectCredentialsAtVendorOnly({ requests }: ChannelWorld, { config, secrets }: VendorUnderTest): void {
  const origins = new Set(
    Object.values(config).flatMap((value) => (URL.canParse(String(value)) ? new URL(String(value)).origin : [])),
  );
  const leaks = requests
    .filter(({ url, content }) => secrets.some((secret) => url.includes(secret) || content.includes(secret)))
    .filter(({ url }) => origins.size > 0 && !origins.has(new URL(url).origin));
  expect(leaks.map(({ url }) => url)).toEqual([]);
}
