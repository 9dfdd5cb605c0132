import { randomBytes } from 'node:crypto';
import express from 'express';
import { createEvolutionChannel } from '../../src/channels/evolution/evolution.ts';
import { indexChannels } from '../../src/channels/registry.ts';
import { createWahaChannel } from '../../src/channels/waha/waha.ts';
import { systemClock } from '../../src/core/clock.ts';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import { createEvolutionVendor } from '../../src/sandbox/vendors/evolution.ts';
import { createWahaVendor } from '../../src/sandbox/vendors/waha.ts';
import { listen } from '../support/http.ts';
import { startWorld } from '../support/world.ts';

function createServer<Vendor extends { close(): void }>(vendor: Vendor, close: () => Promise<unknown>, config: object) {
  return {
    vendor,
    config,
    async [Symbol.asyncDispose]() {
      vendor.close();
      await close();
    },
  };
}

/** Starts a simulated server whose session waits for its phone. */
async function startServer(type: 'waha' | 'evolution') {
  const app = express();
  const { url, close } = await listen(app);
  const http = createHttpClient({ timeoutMs: 5_000, allowPrivateTargets: true });
  const shared = { clock: systemClock, random: randomBytes, http, getUrl: () => url };
  const scan = { link: 'scan', qrStartedAt: systemClock.now() } as const;
  if (type === 'waha') {
    const vendor = createWahaVendor({ ...shared, state: scan });
    app.use(vendor.router);
    const { apiKey, session } = vendor.state;
    return createServer(vendor, close, { baseUrl: url, apiKey, session });
  }
  const vendor = createEvolutionVendor({ ...shared, state: scan });
  app.use(vendor.router);
  const { apiKey, instance } = vendor.state;
  return createServer(vendor, close, { baseUrl: url, apiKey, instance });
}

test.each(['waha', 'evolution'] as const)(
  '%s: messages wait for the pairing, are sent after it, and wait again when the phone is logged out, which is an alert',
  async (type) => {
    await using server = await startServer(type);
    const { vendor, config } = server;
    const options = { allowPrivateTargets: true };
    const channels = () => indexChannels([createWahaChannel(options), createEvolutionChannel(options)]);
    await using world = await startWorld({ channels, watchesAlerts: true });
    const location = await world.install();
    const path = `/locations/${location.id}/channels/sms`;
    const send = (text: string) => world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text });
    const getConnection = async () => (await world.api.get(path)).body;
    const findSent = (text: string) => vendor.listMessages().find((message) => message.text === text);

    expect((await world.api.put(path, { type, config })).body).toMatchObject({ status: 'pairing' });
    await send('before');
    expect((await world.api.get(`${path}/pairing`)).body).toMatchObject({
      status: 'waiting',
      qrCode: expect.stringMatching(/^data:image\//),
    });
    expect(findSent('before')).toBeUndefined();

    vendor.scan();
    expect((await world.api.get(`${path}/pairing`)).body).toMatchObject({ status: 'paired' });
    await world.advanceUntil(() => findSent('before'));
    const isRegistered = async () => (await world.db.connection.findFirstOrThrow()).webhooksStatus === 'registered';
    await world.advanceUntil(isRegistered);
    expect(await getConnection()).toMatchObject({ status: 'active' });
    // The server and the test have clocks of their own: the receipt comes by itself.
    vendor.markRead(findSent('before')?.key ?? '');
    await world.waitFor(async () => (await world.db.message.count({ where: { state: 'read' } })) === 1);

    vendor.logOut();
    await world.waitFor(async () => (await getConnection()).status === 'held');
    expect((await getConnection()).statusReason).toMatchObject({ code: 'logged_out' });
    await world.advanceUntil(
      async () => (await world.db.alert.count({ where: { kind: 'channel_held', endedAt: null } })) === 1,
    );
    const { messageId } = await send('after');
    await world.advance(100_000);
    expect(await getConnection()).toMatchObject({ status: 'held' });
    expect((await world.getMessage(messageId)).state).toBe('pending');
    expect(findSent('after')).toBeUndefined();

    vendor.scan();
    await world.waitFor(async () => (await getConnection()).status === 'active');
    await world.advanceUntil(() => findSent('after'));
  },
);
