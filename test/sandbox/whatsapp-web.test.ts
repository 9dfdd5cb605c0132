import { randomBytes } from 'node:crypto';
import express from 'express';
import request from 'supertest';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import { addWebServer, findWebFile } from '../../src/sandbox/carriers/whatsapp-web.ts';
import { createPhone } from '../../src/sandbox/phone.ts';
import { getPicture } from '../../src/sandbox/pictures.ts';
import { createEvolutionVendor, type EvolutionVendor } from '../../src/sandbox/vendors/evolution.ts';
import { toEvolutionExample, toWahaExample } from '../../src/sandbox/vendors/examples.ts';
import { listWahaWebhooks } from '../../src/sandbox/vendors/waha/state.ts';
import { createWahaVendor, type WahaVendor } from '../../src/sandbox/vendors/waha.ts';
import { listen } from '../support/http.ts';
import { createTestClock } from '../support/test-clock.ts';

const number = '+12025550143';

/** Starts the phone with both servers, and a program that records their webhooks. */
async function startPhone() {
  const clock = createTestClock('2026-01-01T09:00:00Z');
  const http = createHttpClient({ timeoutMs: 2_000, allowPrivateTargets: true });
  const webhooks: string[] = [];
  const program = await listen((incoming, response) => {
    let body = '';
    incoming.on('data', (data) => {
      body += data;
    });
    incoming.on('end', () => {
      webhooks.push(body);
      response.end();
    });
  });
  const phone = createPhone({ clock, random: randomBytes, onChange: () => undefined });
  const app = express();
  const vendors = await listen(app);
  const shared = { clock, random: randomBytes, http, onChange: () => undefined };
  const common = { clock, listNumbers: () => [number] };
  const [wahaUrl, evolutionUrl] = [`${vendors.url}/waha`, `${vendors.url}/evolution`];
  const waha = addWebServer<WahaVendor>(phone, 'waha', {
    ...{ ...common, name: 'WAHA', getUrl: () => wahaUrl },
    hasWebhook: ({ state }) => listWahaWebhooks(state).length > 0,
    createServer: (hooks) => createWahaVendor({ ...shared, ...hooks, getUrl: () => wahaUrl }),
  });
  const evolution = addWebServer<EvolutionVendor>(phone, 'evolution', {
    ...{ ...common, name: 'Evolution API', getUrl: () => evolutionUrl },
    hasWebhook: ({ state }) => state.webhook?.enabled === true,
    createServer: (hooks) => createEvolutionVendor({ ...shared, ...hooks }),
  });
  app.use('/waha', waha.router).use('/evolution', evolution.router);
  const connect = (type: string, config: Record<string, unknown>) => ({
    type,
    config,
    callbackUrl: program.url,
    callbackUrls: {},
  });
  return {
    ...{ clock, phone, waha, evolution, webhooks, programUrl: program.url, client: request(app) },
    connections: {
      waha: connect('waha', toWahaExample(waha.state, wahaUrl)),
      evolution: connect('evolution', toEvolutionExample(evolution.state, evolutionUrl)),
    },
    async [Symbol.asyncDispose]() {
      waha.close();
      evolution.close();
      await Promise.all([program.close(), vendors.close()]);
    },
  };
}

test('a message of each server reaches the phone, is delivered, and is read when the phone is open', async () => {
  await using world = await startPhone();
  const { client, waha, evolution, phone, clock } = world;
  await client
    .post('/waha/api/sendText')
    .set('x-api-key', waha.state.apiKey)
    .send({ session: 'default', chatId: '12025550143@c.us', text: 'hi' })
    .expect(201);
  await client
    .post(`/evolution/message/sendText/${encodeURIComponent(evolution.state.instance)}`)
    .set('apikey', evolution.state.apiKey)
    .send({ number: '12025550143', text: 'hello' })
    .expect(201);
  await clock.tick(2_000);
  expect(phone.listTexts(number)).toMatchObject([
    { text: 'hi', carrier: 'waha', app: 'WhatsApp' },
    { text: 'hello', carrier: 'evolution', app: 'WhatsApp' },
  ]);
  expect([waha.state.messages[0]?.status, evolution.state.messages[0]?.status]).toEqual(['delivered', 'delivered']);
  phone.setOpen(true);
  expect([waha.state.messages[0]?.status, evolution.state.messages[0]?.status]).toEqual(['read', 'read']);
});

test('a reply with a picture is posted to the program, which may fetch it; without a webhook the phone says why not', async () => {
  await using world = await startPhone();
  const { phone, waha, evolution, clock, webhooks, programUrl } = world;
  const content = { number, name: 'Maya', text: 'look', picture: getPicture('views/assets', 'sunset') };
  for (const carrier of ['waha', 'evolution'] as const) {
    const send = () => phone.sendReply(content, world.connections[carrier], { carrier, app: 'WhatsApp' });
    expect(send()).toMatch(/no webhook address/);
    if (carrier === 'waha') waha.state.config = { webhooks: [{ url: programUrl, events: ['message.any'] }] };
    else {
      evolution.state.webhook = {
        ...{ enabled: true, url: programUrl, headers: null, events: [], webhookByEvents: false, webhookBase64: false },
      };
    }
    expect(send()).toBeNull();
  }
  for (let tries = 0; tries < 100 && webhooks.length < 2; tries++) {
    await clock.tick(20);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(webhooks.join('\n')).toMatch(/message\.any[\s\S]*messages\.upsert/);
  const [message] = waha.state.messages;
  expect(findWebFile(waha.state, message?.key ?? '')).toMatchObject({ contentType: 'image/png' });
});

test('the account is refused by a logout, and accepted by a new pairing', async () => {
  await using world = await startPhone();
  for (const carrier of ['waha', 'evolution'] as const) {
    const server = world.phone.findCarrier(carrier);
    expect(server?.isAccountRefused?.()).toBe(false);
    server?.setAccountRefused?.(true);
    expect(server?.isAccountRefused?.()).toBe(true);
    const content = { number, name: 'Maya', text: 'hi', picture: undefined };
    expect(world.phone.sendReply(content, world.connections[carrier], { carrier, app: 'WhatsApp' })).toMatch(/logged out/);
    server?.setAccountRefused?.(false);
    expect(server?.isAccountRefused?.()).toBe(false);
  }
});
