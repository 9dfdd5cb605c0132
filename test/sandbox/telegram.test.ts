import { randomBytes } from 'node:crypto';
import express from 'express';
import request from 'supertest';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import { addTelegram } from '../../src/sandbox/carriers/telegram.ts';
import { type AppConnection, createPhone } from '../../src/sandbox/phone.ts';
import { checkResult, checkUpdate } from '../channels/telegram-description.ts';
import { listen } from '../support/http.ts';
import { png } from '../support/sample-files.ts';
import { createTestClock } from '../support/test-clock.ts';

const number = '+12025550143';

/** Starts the phone with Telegram, and a program that records its updates and can name a method in its response. */
async function startPhone() {
  const clock = createTestClock('2026-01-01T09:00:00Z');
  const http = createHttpClient({ timeoutMs: 2_000, allowPrivateTargets: true });
  const updates: Record<string, unknown>[] = [];
  const program = { status: 200, body: '' };
  const server = await listen((incoming, response) => {
    let text = '';
    incoming
      .on('data', (data) => {
        text += data;
      })
      .on('end', () => {
        response.statusCode = program.status;
        if (program.status === 200) updates.push(JSON.parse(text));
        response.end(program.body);
        program.body = '';
      });
  });
  const phone = createPhone({ clock, random: randomBytes, onChange: () => undefined });
  const app = express();
  const vendor = await listen(app);
  const shared = { clock, random: randomBytes, http, state: undefined, onChange: () => undefined };
  const telegram = addTelegram(phone, { ...shared, getUrl: () => vendor.url, listNumbers: () => [number] });
  app.use(telegram.router);
  const { token } = telegram.state.bot;
  const config = { token, baseUrl: vendor.url };
  const connection: AppConnection = { type: 'telegram', config, callbackUrl: server.url, callbackUrls: {} };
  const call = (method: string, body: object = {}) => request(app).post(`/bot${token}/${method}`).send(body);
  await call('setWebhook', { url: server.url, secret_token: 's', allowed_updates: ['message', 'my_chat_member'] }).expect(200);
  return {
    ...{ clock, phone, telegram, updates, call, program },
    reply: (text: string) =>
      phone.sendReply({ number, name: 'Maya', text, picture: undefined }, connection, { carrier: 'telegram', app: 'Telegram' }),
    async waitForUpdates(count: number) {
      while (updates.length < count) await new Promise((done) => setTimeout(done, 5));
      return updates;
    },
    async [Symbol.asyncDispose]() {
      telegram.close();
      await Promise.all([server.close(), vendor.close()]);
    },
  };
}

test('the first reply starts the chat and shares the number; the bot can write only after it', async () => {
  await using world = await startPhone();
  const { telegram, call, clock, phone } = world;
  const chat_id = telegram.getPerson(number).id;
  await call('sendMessage', { chat_id, text: 'hi' }).expect(403);
  expect(world.reply('hello')).toBeNull();
  const updates = await world.waitForUpdates(3);
  expect(updates.flatMap(checkUpdate)).toEqual([]);
  expect(updates).toMatchObject([
    { message: { text: '/start' } },
    { message: { contact: { phone_number: '12025550143', user_id: chat_id } } },
    { message: { text: 'hello' } },
  ]);
  const { body } = await call('sendMessage', { chat_id, text: 'welcome' }).expect(200);
  expect(checkResult('Message', body.result)).toEqual([]);
  await clock.tick(2_000);
  expect(phone.listTexts(number).at(-1)).toMatchObject({ text: 'welcome', app: 'Telegram', isMine: false });
});

test('a link that is pasted into the phone opens the chat; a method in the response is run', async () => {
  await using world = await startPhone();
  const { telegram, program } = world;
  const chat_id = telegram.getPerson(number).id;
  const reply_markup = { keyboard: [[{ text: 'Share', request_contact: true }]] };
  program.body = JSON.stringify({ method: 'sendMessage', chat_id, text: 'Please share.', reply_markup });
  world.reply('https://t.me/harbour_demo_bot?start=c-ABC');
  expect(await world.waitForUpdates(2)).toMatchObject([
    { message: { text: '/start c-ABC' } },
    { message: { contact: { user_id: chat_id } } },
  ]);
  expect(telegram.listMessages(chat_id).filter(({ direction }) => direction === 'outbound')).toMatchObject([
    { text: 'Please share.' },
  ]);
});

test('an update that is not acknowledged is repeated before the later ones of its chat', async () => {
  await using world = await startPhone();
  const { program, telegram, clock, call } = world;
  program.status = 503;
  telegram.receive({ from: number, text: 'one' });
  telegram.receive({ from: number, text: 'two' });
  while (!telegram.state.lastError) await new Promise((done) => setTimeout(done, 5));
  expect((await call('getWebhookInfo')).body.result).toMatchObject({
    pending_update_count: 2,
    last_error_message: expect.stringContaining('503'),
  });
  program.status = 200;
  await clock.tick(1_000);
  expect(await world.waitForUpdates(2)).toMatchObject([{ message: { text: 'one' } }, { message: { text: 'two' } }]);
});

test('an owner who opts out blocks the bot, and Telegram refuses what it cannot take', async () => {
  await using world = await startPhone();
  const { telegram, phone, call } = world;
  telegram.start(number);
  phone.setMode('blocked');
  expect(await world.waitForUpdates(2)).toMatchObject([{}, { my_chat_member: { new_chat_member: { status: 'kicked' } } }]);
  const chat_id = telegram.getPerson(number).id;
  const refusals = [
    [{ chat_id, text: 'hi' }, 'Forbidden: bot was blocked by the user'],
    [{ chat_id: 1, text: 'hi' }, 'Bad Request: chat not found'],
  ] as const;
  for (const [body, description] of refusals) {
    expect((await call('sendMessage', body)).body).toMatchObject({ ok: false, description });
  }
  phone.setMode('on');
  const more = [
    [{ chat_id, text: ' ' }, 'message text is empty'],
    [{ chat_id, text: 'x'.repeat(4_097) }, 'message is too long'],
    [{ chat_id, text: 'a_b', parse_mode: 'Markdown' }, "can't parse entities"],
  ] as const;
  for (const [body, words] of more) expect((await call('sendMessage', body)).body.description).toContain(words);
  expect((await call('getUpdates')).body.error_code).toBe(409);
  expect((await call('noSuchMethod')).body.error_code).toBe(404);
});

test('a revoked token is refused everywhere', async () => {
  await using world = await startPhone();
  const fileId = world.telegram.storeFile(png, 'a.png', 'image/png');
  const carrier = world.phone.findCarrier('telegram');
  carrier?.setAccountRefused?.(true);
  expect(carrier?.isAccountRefused?.()).toBe(true);
  await world.call('getMe').expect(401);
  carrier?.setAccountRefused?.(false);
  expect((await world.call('getFile', { file_id: fileId }).expect(200)).body.result.file_path).toContain(fileId);
});
