import type { ChannelSession, SendOutcome, WebhookRequest } from '../../src/channels/channel.ts';
import { indexChannels } from '../../src/channels/registry.ts';
import { createLogCapture } from '../support/channel-context.ts';
import { png } from '../support/sample-files.ts';
import { startWorld, type World } from '../support/world.ts';
import type { VendorSend, VendorUnderTest } from './vendor-under-test.ts';

/** A request that was posted, as far as the sentences ask. */
type Posted = PromiseLike<{ text: string }> & { expect(check: unknown): PromiseLike<{ text: string }> };

/** Runs something after each send of a session, before the program learns of its outcome. */
function observeSession(
  session: ChannelSession<object>,
  beforeOutcome: (messageId: string) => Promise<unknown>,
): ChannelSession<object> {
  return {
    ...session,
    async open(context, emit) {
      const opened = await session.open(context, emit);
      const { send } = opened;
      if (!send) return opened;
      return {
        ...opened,
        async send(message) {
          const outcome = await send(message);
          await beforeOutcome(message.id);
          return outcome;
        },
      };
    },
  };
}

/** Tests a channel inside the program: one world and one connection for all sentences. */
export function testProgramContract(name: string, startVendor: () => Promise<VendorUnderTest>): void {
  describe(`${name}: the channel in the program`, () => {
    let vendor: VendorUnderTest;
    let world: World;
    let location: Awaited<ReturnType<World['install']>>;
    let connectionId: string;
    /** The contact's address. */
    let contact: string;
    let providerKey: string;
    let responses = '';
    const { log, lines } = createLogCapture();
    /** Runs after the vendor has accepted a message and before the program learns of it. */
    let beforeOutcome: (messageId: string) => Promise<unknown>;

    beforeAll(async () => {
      vendor = await startVendor();
      providerKey = vendor.messageType === 'email' ? 'mail' : 'sms';
      const { channel } = vendor;
      const { session } = channel;
      const observed = {
        ...channel,
        ...(session ? { session: observeSession(session, (messageId) => beforeOutcome(messageId)) } : {}),
        async send(...parameters: Parameters<typeof channel.send>): Promise<SendOutcome> {
          const outcome = await channel.send(...parameters);
          await beforeOutcome(parameters[1].id);
          return outcome;
        },
      };
      world = await startWorld({ channels: () => indexChannels([observed]), services: { log } });
      location = await world.install();
      const response = await world.api.put(`/locations/${location.id}/channels/${providerKey}`, {
        type: channel.type,
        config: vendor.config,
      });
      expect(response.status).toBe(200);
      connectionId = response.body.connectionId;
      responses += response.text;
      contact = vendor.contact ?? '+12025550143';
      if (vendor.openLink) {
        const link = await world.api.post(`/locations/${location.id}/channels/${providerKey}/contact-links`, {
          contactId: location.contact.id,
        });
        await post(vendor.openLink(webhookUrl(), link.body.url)).expect(isSuccess);
      }
      // Some vendors let a contact be written to only after it has written itself.
      await post(vendor.inbound(webhookUrl(), { externalId: 'first', from: contact, text: 'hello' })).expect(isSuccess);
    });
    afterAll(async () => {
      await world[Symbol.asyncDispose]();
      await vendor.close();
      expect(vendor.violations).toEqual([]);
    });
    beforeEach(() => {
      vendor.behave('accept');
      beforeOutcome = async () => undefined;
    });

    const webhookUrl = () => `${world.url}/channels/${connectionId}`;
    const isSuccess = ({ status }: { status: number }) => expect(Math.floor(status / 100)).toBe(2);
    /** Posts a webhook, or hands over through the session what takes its place. */
    function post(request: WebhookRequest): Posted {
      const { push } = vendor;
      return push ? handOver(push(request)) : postWebhook(request);
    }
    function handOver(pushed: Promise<void>): Posted {
      let isDone = false;
      const done = pushed.then(() => {
        isDone = true;
      });
      const response = world.advanceUntil(() => isDone, 'the program has acknowledged').then(() => done);
      return Object.assign(
        response.then(() => ({ text: '' })),
        { expect: () => response.then(() => ({ text: '' })) },
      );
    }
    function postWebhook({ method, path, query, headers, body }: WebhookRequest) {
      const search = query.size > 0 ? `?${query}` : '';
      const request = world.client[method === 'GET' ? 'get' : 'post'](`/channels/${connectionId}/${path}${search}`);
      return request
        .set(headers as Record<string, string>)
        .serialize((raw) => raw as unknown as string)
        .send(body as never);
    }
    async function send(text: string): Promise<string> {
      const { messageId } = await world.highlevel.sendMessage(location.id, {
        contactId: location.contact.id,
        providerKey,
        text,
      });
      return messageId;
    }
    const findSend = (text: string) => vendor.listSends().find((sent) => sent.text === text);
    async function sendAndFind(text: string): Promise<{ highlevelId: string; id: string; sent: VendorSend }> {
      const highlevelId = await send(text);
      await world.advanceUntil(() => findSend(text), `the vendor has accepted "${text}"`);
      const { id } = await world.getMessage(highlevelId);
      return { highlevelId, id, sent: findSend(text) as VendorSend };
    }
    const receipt = ({ sent, id }: { sent: VendorSend; id: string }, state: 'delivered' | 'read' | 'failed') =>
      vendor.receipt(webhookUrl(), sent, id, state);
    const stateOf = async (highlevelId: string) => (await world.getMessage(highlevelId)).state;

    test('a receipt reports the message, also when it comes twice and out of order', async () => {
      if (!vendor.has.receipts) return;
      const message = await sendAndFind('with receipts');
      const states = vendor.has.read ? (['read', 'delivered', 'read'] as const) : (['delivered', 'delivered'] as const);
      for (const state of states) await post(receipt(message, state)).expect(isSuccess);
      await world.advanceUntil(async () => (await stateOf(message.highlevelId)) === states[0]);
      await world.advanceUntil(() => world.highlevel.listStatuses(message.highlevelId).includes(states[0]));
      await world.advance(3_000);
      expect(world.highlevel.listStatuses(message.highlevelId).at(-1)).toBe(states[0]);
    });

    test('a receipt that comes before the response of the send is kept', async () => {
      if (!vendor.has.receipts) return;
      beforeOutcome = async (id) => {
        const sent = findSend('early');
        if (sent) await post(receipt({ sent, id }, 'delivered')).expect(isSuccess);
      };
      const { highlevelId } = await sendAndFind('early');
      await world.advanceUntil(async () => (await stateOf(highlevelId)) === 'delivered');
    });

    test('a failed receipt fails the message with the vendor’s reason', async () => {
      if (!vendor.has.receipts) return;
      const message = await sendAndFind('fails later');
      await post(receipt(message, 'failed')).expect(isSuccess);
      await world.advanceUntil(async () => (await stateOf(message.highlevelId)) === 'failed');
      expect((await world.getMessage(message.highlevelId)).reason).toMatch(/\w/);
    });

    test('a forged webhook is refused and changes nothing', async () => {
      if (vendor.push) return;
      const forged = vendor.forge(vendor.inbound(webhookUrl(), { externalId: 'forged', from: contact, text: 'forged' }));
      responses += (await post(forged).expect(401)).text;
      expect(await world.db.message.count({ where: { externalId: 'forged' } })).toBe(0);
    });

    test('a message of a contact is posted once, however often the vendor repeats it', async () => {
      if (vendor.has.inboundIds === false) return;
      const request = vendor.inbound(webhookUrl(), { externalId: 'in-1', from: contact, text: 'once' });
      for (let repeats = 0; repeats < 3; repeats++) await post(request).expect(isSuccess);
      await world.advanceUntil(
        async () => (await world.db.message.count({ where: { text: 'once', state: 'delivered' } })) === 1,
      );
      expect(await world.db.message.count({ where: { text: 'once' } })).toBe(1);
    });

    test('a picture of a contact is stored and posted', async () => {
      if (vendor.has.inboundFiles === false) return;
      const picture = { data: png, contentType: 'image/png' };
      await post(vendor.inbound(webhookUrl(), { externalId: 'in-2', from: contact, text: 'look', picture })).expect(isSuccess);
      await world.advanceUntil(
        async () => (await world.db.message.count({ where: { text: 'look', state: 'delivered' } })) === 1,
      );
      expect(await world.db.attachment.findMany()).toMatchObject([{ sizeBytes: png.length, contentType: 'image/png' }]);
    });

    test('wrong credentials hold the connection and fail no message; after a resume it is sent', async () => {
      if (vendor.has.credentials === false) return;
      vendor.behave('wrong_credentials');
      const highlevelId = await send('waits for the account');
      const find = () => world.db.connection.findUniqueOrThrow({ where: { id: connectionId } });
      await world.advanceUntil(async () => (await find()).status === 'held');
      expect(await stateOf(highlevelId)).toBe('pending');
      vendor.behave('accept');
      const connection = await world.services.getConnection(connectionId);
      await world.services.resumeConnection(connection, 'operator');
      await world.advanceUntil(() => findSend('waits for the account'));
      await world.advanceUntil(async () => (await find()).status === 'active');
    });

    test('STOP is recorded as an opt-out, and START ends it', async () => {
      if (!vendor.has.optOuts) return;
      const countOpen = () => world.db.optOut.count({ where: { address: contact, liftedAt: null } });
      await post(vendor.optOut(webhookUrl(), contact, true)).expect(isSuccess);
      await world.waitFor(async () => (await countOpen()) > 0);
      // Of two at the same time the opt-out holds, and some vendors name the time in seconds, by the real clock.
      const second = Math.floor(Date.now() / 1_000);
      await world.waitFor(() => Math.floor(Date.now() / 1_000) > second);
      await world.clock.tick(1_000);
      await post(vendor.optOut(webhookUrl(), contact, false)).expect(isSuccess);
      await world.waitFor(async () => (await countOpen()) === 0);
    });

    test('no secret is in a row, a log line, an error or a response', async () => {
      responses += (await world.api.get(`/locations/${location.id}/channels/${providerKey}`)).text;
      responses += (await world.api.get(`/locations/${location.id}/messages`)).text;
      const tables = await world.db.$queryRaw<{ name: string }[]>`
        SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = 'public'`;
      const rows = await Promise.all(
        tables.map(({ name: table }) => world.db.$queryRawUnsafe(`SELECT to_jsonb(t)::text AS row FROM ${table} AS t`)),
      );
      const text = [JSON.stringify(rows), ...lines, responses].join('\n');
      expect(vendor.secrets.filter((secret) => text.includes(secret))).toEqual([]);
    });
  });
}
