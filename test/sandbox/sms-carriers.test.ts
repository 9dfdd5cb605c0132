import { randomBytes } from 'node:crypto';
import express from 'express';
import { createAndroidSmsGatewayChannel } from '../../src/channels/android-sms-gateway/android-sms-gateway.ts';
import type { Channel } from '../../src/channels/channel.ts';
import { createTelnyxChannel } from '../../src/channels/telnyx/telnyx.ts';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import { addAndroidSmsGateway } from '../../src/sandbox/carriers/android-sms-gateway.ts';
import { addTelnyx } from '../../src/sandbox/carriers/telnyx.ts';
import { getVia } from '../../src/sandbox/carriers/via.ts';
import { createPhone } from '../../src/sandbox/phone.ts';
import { getPicture } from '../../src/sandbox/pictures.ts';
import { toAndroidExample, toTelnyxExample } from '../../src/sandbox/vendors/examples.ts';
import { message } from '../channels/contract.ts';
import { createChannelWorld } from '../support/channel-context.ts';
import { listen } from '../support/http.ts';
import { createTestClock } from '../support/test-clock.ts';

/** Phone of the sandbox's contact. */
const number = message.to;
type Type = 'telnyx' | 'android_sms_gateway';
const types: Type[] = ['telnyx', 'android_sms_gateway'];

/** Starts the phone with a vendor, its channel with the demo account, and a program that records webhooks. */
async function startPhone(type: Type) {
  const clock = createTestClock('2026-01-01T09:00:00Z');
  const http = createHttpClient({ timeoutMs: 2_000, allowPrivateTargets: true });
  const posts: { path: string; body: string }[] = [];
  const program = await listen((incoming, response) => {
    let body = '';
    incoming.on('data', (data) => {
      body += data;
    });
    incoming.on('end', () => {
      posts.push({ path: incoming.url ?? '', body });
      response.end();
    });
  });
  const phone = createPhone({ clock, random: randomBytes, onChange: () => undefined });
  const app = express();
  const vendor = await listen(app);
  const deps = { clock, random: randomBytes, http, state: undefined, onChange: () => undefined, getUrl: () => vendor.url };
  const telnyx = addTelnyx(phone, deps);
  const android = addAndroidSmsGateway(phone, deps);
  app.use(type === 'telnyx' ? telnyx.router : android.router);
  const example = type === 'telnyx' ? toTelnyxExample(telnyx.state, vendor.url) : toAndroidExample(android.state, vendor.url);
  const channel: Channel =
    type === 'telnyx'
      ? createTelnyxChannel({ allowPrivateTargets: true })
      : createAndroidSmsGatewayChannel({ allowPrivateTargets: true });
  const world = createChannelWorld({ webhookUrl: program.url, clock });
  const context = world.createContext(channel.configSchema.parse(example));
  const connection = { type, config: example, callbackUrl: program.url, callbackUrls: {} };
  return {
    ...{ clock, phone, telnyx, android, channel, context, connection, posts },
    reply: (text: string, picture?: ReturnType<typeof getPicture>) =>
      phone.sendReply({ number, name: 'Maya', text, picture }, connection, getVia(connection)),
    async waitForPost(words: string) {
      const timeoutAt = performance.now() + 5_000;
      while (!posts.some(({ body }) => body.includes(words)) && performance.now() < timeoutAt) {
        await new Promise((done) => setTimeout(done, 20));
      }
      expect(posts.map(({ body }) => body).join('\n')).toContain(words);
    },
    async [Symbol.asyncDispose]() {
      world.close();
      await Promise.all([program.close(), vendor.close()]);
    },
  };
}

test.each(types)('%s: the demo account is accepted, and its webhooks are registered', async (type) => {
  await using world = await startPhone(type);
  expect(await world.channel.setup?.verify(world.context)).toMatchObject({ kind: 'verified', warnings: [] });
  expect(world.reply('too early')).toContain('no webhook address yet');
  expect(await world.channel.setup?.registerWebhooks?.(world.context, false)).toEqual({ kind: 'registered' });
  expect(world.reply('hello')).toBeNull();
  await world.waitForPost('hello');
});

test.each(types)('%s: a message reaches the phone and is reported as delivered; in flight mode it fails', async (type) => {
  await using world = await startPhone(type);
  await world.channel.setup?.registerWebhooks?.(world.context, false);
  const send = (text: string, id: string) => world.channel.send(world.context, { ...message, id, idempotencyKey: id, text });
  expect(await send('see you', message.id)).toMatchObject({ kind: 'accepted' });
  await world.clock.tick(2_000);
  expect(world.phone.listTexts(number)).toMatchObject([{ text: 'see you', app: 'SMS', carrier: type }]);
  await world.waitForPost('elivered');
  world.phone.setMode('flight');
  expect(await send('later', message.id.replace(/1$/, '2'))).toMatchObject({ kind: 'accepted' });
  await world.clock.tick(2_000);
  expect(world.phone.listTexts(number)).toHaveLength(1);
  await world.waitForPost(type === 'telnyx' ? 'delivery_failed' : 'sms:failed');
});

test.each(types)('%s: a picture of the contact arrives, and a refused account holds', async (type) => {
  await using world = await startPhone(type);
  await world.channel.setup?.registerWebhooks?.(world.context, false);
  expect(world.reply('Look', getPicture('views/assets', 'sunset'))).toBeNull();
  await world.waitForPost('Look');
  const carrier = world.phone.findCarrier(type);
  carrier?.setAccountRefused?.(true);
  expect(carrier?.isAccountRefused?.()).toBe(true);
  expect(await world.channel.send(world.context, message)).toMatchObject({ kind: 'connection_error' });
  carrier?.setAccountRefused?.(false);
  expect(await world.channel.send(world.context, message)).toMatchObject({ kind: 'accepted' });
});

test('Telnyx keeps the opt-outs of a profile and replies to them; the Android gateway keeps none', async () => {
  await using telnyx = await startPhone('telnyx');
  await telnyx.channel.setup?.registerWebhooks?.(telnyx.context, false);
  expect(telnyx.reply('STOP')).toBeNull();
  expect(telnyx.phone.listTexts(number).at(-1)?.text).toContain('unsubscribed');
  expect(await telnyx.channel.send(telnyx.context, message)).toMatchObject({ kind: 'rejected', optedOut: 'all' });
  telnyx.reply('START');
  expect(await telnyx.channel.send(telnyx.context, message)).toMatchObject({ kind: 'accepted' });
  telnyx.phone.setMode('blocked');
  expect(await telnyx.channel.send(telnyx.context, message)).toMatchObject({ kind: 'rejected', optedOut: 'all' });
  await using android = await startPhone('android_sms_gateway');
  await android.channel.setup?.registerWebhooks?.(android.context, false);
  android.reply('STOP');
  expect(await android.channel.send(android.context, message)).toMatchObject({ kind: 'accepted' });
});

test('the states are plain data, from which another process continues', async () => {
  await using world = await startPhone('telnyx');
  for (const { state } of [world.telnyx, world.android]) expect(JSON.parse(JSON.stringify(state))).toEqual(state);
});
