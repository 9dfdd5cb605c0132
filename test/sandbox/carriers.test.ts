import { randomBytes } from 'node:crypto';
import express from 'express';
import request from 'supertest';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import { addTwilio } from '../../src/sandbox/carriers/twilio.ts';
import { addWhatsAppCloud } from '../../src/sandbox/carriers/whatsapp-cloud.ts';
import { type AppConnection, createPhone } from '../../src/sandbox/phone.ts';
import { getPicture } from '../../src/sandbox/pictures.ts';
import { toTwilioExample, toWhatsAppExample } from '../../src/sandbox/vendors/examples.ts';
import { listen } from '../support/http.ts';
import { createTestClock } from '../support/test-clock.ts';

/** Phone of the sandbox's contact. */
const number = '+12025550143';

/** Starts the phone with both vendors, and a program that records their webhooks. */
async function startPhone() {
  const clock = createTestClock('2026-01-01T09:00:00Z');
  const http = createHttpClient({ timeoutMs: 2_000, allowPrivateTargets: true });
  const webhooks: string[] = [];
  const program = await listen((incoming, response) => {
    if (incoming.method === 'GET')
      return response.end(new URL(incoming.url ?? '', 'http://a').searchParams.get('hub.challenge'));
    incoming.on('data', (data) => webhooks.push(String(data))).on('end', () => response.end());
  });
  const phone = createPhone({ clock, random: randomBytes, onChange: () => undefined });
  const app = express();
  const vendors = await listen(app);
  const shared = { clock, random: randomBytes, http, state: undefined, onChange: () => undefined };
  const urls = { twilio: `${vendors.url}/twilio`, meta: `${vendors.url}/meta` };
  const twilio = addTwilio(phone, { ...shared, getUrl: () => urls.twilio, getStorageUrl: () => urls.twilio });
  const meta = addWhatsAppCloud(phone, { ...shared, getUrl: () => urls.meta, listNumbers: () => [number] });
  app.use('/twilio', twilio.router).use('/meta', meta.router);
  const client = request(app);
  const { account, numbers } = twilio.state;
  const { business } = meta.state;
  const connect = (type: string, config: Record<string, unknown>): AppConnection => ({
    ...{ type, config, callbackUrl: program.url, callbackUrls: { inbound: `${program.url}/inbound` } },
  });
  const postToMeta = (path: string, body: object) =>
    client.post(`/meta/v25.0/${path}`).set('authorization', `Bearer ${business.accessToken}`).send(body);
  const content = { messaging_product: 'whatsapp', recipient_type: 'individual', to: number };

  return {
    ...{ clock, phone, twilio, meta, webhooks },
    connections: {
      twilio: connect('twilio', toTwilioExample(twilio.state, urls.twilio)),
      meta: connect('whatsapp_cloud', toWhatsAppExample(meta.state, urls.meta)),
    },
    sendSms: (body = 'hi') =>
      client
        .post(`/twilio/2010-04-01/Accounts/${account.sid}/Messages.json`)
        .auth(account.sid, account.authToken)
        .type('form')
        .send({ To: number, From: numbers[0]?.phoneNumber, Body: body, StatusCallback: `${program.url}/status` }),
    async registerAtMeta() {
      await postToMeta(`${business.accountId}/subscribed_apps`, {}).expect(200);
      const configuration = { override_callback_uri: `${program.url}/webhook`, verify_token: 'token-token' };
      await postToMeta(business.phoneNumberId, { webhook_configuration: configuration }).expect(200);
    },
    sendWhatsApp: (more: object = { type: 'text', text: { body: 'hi' } }) =>
      postToMeta(`${business.phoneNumberId}/messages`, { ...content, ...more }),
    async [Symbol.asyncDispose]() {
      meta.close();
      await Promise.all([program.close(), vendors.close()]);
    },
  };
}

test('an SMS is delivered soon after it is accepted; in flight mode Twilio reports it as undelivered', async () => {
  await using world = await startPhone();
  const { clock, phone, twilio, sendSms } = world;
  await sendSms().expect(201);
  await clock.tick(2_000);
  expect(phone.listTexts(number)).toMatchObject([{ text: 'hi', app: 'SMS', isRead: false }]);
  expect(twilio.state.messages[0]).toMatchObject({ status: 'delivered' });
  phone.setMode('flight');
  await sendSms('later').expect(201);
  await clock.tick(2_000);
  expect(twilio.state.messages[1]).toMatchObject({ status: 'undelivered', errorCode: 30003 });
  expect(phone.listTexts(number)).toHaveLength(1);
});

test('WhatsApp keeps a message while the phone is in flight mode, and reports what its owner has read', async () => {
  await using world = await startPhone();
  const { clock, phone, meta, registerAtMeta, sendWhatsApp } = world;
  await registerAtMeta();
  phone.setMode('flight');
  await sendWhatsApp().expect(200);
  await clock.tick(5_000);
  expect([phone.listTexts(number), meta.listMessages()[0]?.status]).toEqual([[], 'sent']);
  phone.setMode('on');
  await clock.tick(1_000);
  expect(meta.listMessages()[0]?.status).toBe('delivered');
  phone.setOpen(true);
  expect(phone.listTexts(number)).toMatchObject([{ text: 'hi', app: 'WhatsApp', isRead: true }]);
  expect(meta.listMessages()[0]?.status).toBe('read');
});

test('a contact who has opted out is on Twilio’s list; at Meta only marketing templates are refused', async () => {
  await using world = await startPhone();
  const { phone, connections, sendSms, registerAtMeta, sendWhatsApp } = world;
  await registerAtMeta();
  phone.setMode('blocked');
  expect((await sendSms().expect(400)).body.code).toBe(21610);
  await sendWhatsApp().expect(200);
  const parameters = ['first_name', 'offer'].map((parameter_name) => ({ type: 'text', parameter_name, text: 'x' }));
  const template = { name: 'spring_offer', language: { code: 'es' }, components: [{ type: 'body', parameters }] };
  expect((await sendWhatsApp({ type: 'template', template }).expect(400)).body.error.code).toBe(131050);

  phone.setMode('on');
  const reply = (text: string) =>
    phone.sendReply({ number, name: 'Maya', text, picture: undefined }, connections.twilio, { carrier: 'twilio', app: 'SMS' });
  expect(reply('STOP')).toBeNull();
  expect(phone.listTexts(number).at(-1)?.text).toContain('unsubscribed');
  expect((await sendSms().expect(400)).body.code).toBe(21610);
  expect(reply('START')).toBeNull();
  await sendSms().expect(201);
});

test('a reply goes to the vendor of the connection alone, with its picture', async () => {
  await using world = await startPhone();
  const { clock, phone, connections, meta, webhooks, registerAtMeta } = world;
  const picture = getPicture('views/assets', 'sunset');
  const content = { number, name: 'Maya', text: 'Look', picture };
  const via = { carrier: 'whatsapp_cloud', app: 'WhatsApp' } as const;
  expect(phone.sendReply(content, connections.meta, via)).toContain('no webhook address');
  expect(phone.sendReply(content, { ...connections.meta, config: {} }, via)).toContain('another Meta');
  expect(phone.listTexts(number)).toEqual([]);
  await registerAtMeta();
  expect(phone.sendReply(content, connections.meta, via)).toBeNull();
  await clock.tick(100);
  expect(meta.listMessages()).toMatchObject([{ direction: 'inbound', type: 'image', text: 'Look' }]);
  const timeoutAt = performance.now() + 5_000;
  while (webhooks.length === 0 && performance.now() < timeoutAt) await new Promise((done) => setTimeout(done, 20));
  expect(webhooks[0]).toContain('"caption":"Look"');
});
