import type { WebhookRequest } from '../../src/channels/channel.ts';
import { readMessage } from '../../src/channels/telegram/read-message.ts';
import { deriveWebhookSecret } from '../../src/channels/telegram/webhook-secret.ts';
import { phone, startTelegramWorld } from './telegram-world.ts';

const bot = '42';
const frame = {
  ...{ message_id: 12, date: 1_795_773_600, chat: { id: 5, type: 'private' } },
  from: { id: 5, is_bot: false, first_name: 'Zoe', last_name: 'Bell' },
};
const file = { file_id: 'F1', file_unique_id: 'u' };

function readText(content: object, isEdit = false): unknown {
  const [event] = readMessage({ ...frame, ...content }, isEdit, bot);
  return event && 'inbound' in event ? event.inbound.text : event;
}

test('a message has its chat, its person, its time and what it replies to', () => {
  expect(readMessage({ ...frame, text: 'hi', reply_to_message: { message_id: 7 } }, false, bot)).toMatchObject([
    {
      kind: 'inbound',
      inbound: {
        ...{ externalId: '42:5:12', from: 'telegram:5', vendorAddress: '5', vendorUserId: '5', name: 'Zoe Bell', text: 'hi' },
        ...{ replyToExternalId: '42:5:7', occurredAt: new Date(1_795_773_600_000), sentExternally: false },
      },
    },
  ]);
});

test('groups, channels, other bots and service messages are ignored', () => {
  for (const type of ['group', 'supergroup', 'channel', undefined]) {
    expect(readMessage({ ...frame, chat: { id: -5, type }, text: 'hi' }, false, bot)).toEqual([]);
  }
  expect(readMessage({ ...frame, from: { ...frame.from, is_bot: true }, text: 'hi' }, false, bot)).toEqual([]);
  expect(readMessage({ ...frame, pinned_message: { message_id: 1 } }, false, bot)).toEqual([]);
});

test.each([
  [{ voice: { ...file, duration: 67, mime_type: 'audio/ogg' } }, '[Voice message, 1:07]', 'audio/ogg'],
  [{ video_note: { ...file, duration: 5 } }, '[Video message, 0:05]', 'video/mp4'],
  [{ sticker: { ...file, emoji: '😀' } }, '[Sticker 😀]', undefined],
  [{ photo: [file, { ...file, file_id: 'F2' }], caption: 'look' }, 'look', 'image/jpeg'],
  [{ audio: { ...file, performer: 'A', title: 'B', mime_type: 'audio/mpeg' } }, '[Audio: A, B]', 'audio/mpeg'],
  [{ animation: { ...file, mime_type: 'video/mp4' }, document: { ...file, file_id: 'F9' } }, undefined, 'video/mp4'],
])('a file is fetched by its id and described: %j', (content, text, contentType) => {
  const [event] = readMessage({ ...frame, ...content }, false, bot);
  const ref = 'photo' in content ? 'F2' : 'F1';
  expect(event).toMatchObject({ inbound: { text, attachments: [{ ref, contentType }] } });
});

test.each([
  [{ location: { latitude: 1.5, longitude: -2 } }, '[Location: https://maps.google.com/?q=1.5,-2]'],
  [
    { venue: { title: 'Cafe', address: 'Main 1', location: { latitude: 1, longitude: 2 } } },
    '[Place: Cafe, Main 1 https://maps.google.com/?q=1,2]',
  ],
  [{ contact: { phone_number: '12025550199', first_name: 'Eve' } }, '[Contact: Eve, +12025550199]'],
  [{ poll: { question: 'When?', options: [{ text: 'Now' }, { text: 'Later' }] } }, '[Poll: When? Now / Later]'],
  [{ dice: { emoji: '🎲', value: 4 } }, '[Dice: 🎲 4]'],
  [{ forward_origin: { type: 'user' }, text: 'hi' }, '[Forwarded] hi'],
  [{ brand_new_kind: { a: 1 } }, '[A message of a kind that can’t be shown here]'],
  [{ text: '/start' }, '[Started the chat]'],
  [{ text: '/help me' }, '/help me'],
])('content that is no text is described: %j', (content, text) => {
  expect(readText(content)).toBe(text);
});

test('a link that was opened is no text of the contact, and its payload is read', () => {
  expect(readMessage({ ...frame, text: '/start q3Jb0s1vX2mYw8nT4cLk7Q' }, false, bot)).toMatchObject([
    { kind: 'contact_link', payload: 'q3Jb0s1vX2mYw8nT4cLk7Q', inbound: { text: '[Started the chat by a link]' } },
  ]);
  expect(readText({ text: `/start ${'x'.repeat(65)}` })).toBe(`/start ${'x'.repeat(65)}`);
});

test('a contact who blocks the bot has opted out, and is back when the block ends', async () => {
  await using world = await startTelegramWorld();
  await world.register();
  world.vendor.block(phone);
  world.vendor.start(phone);
  expect(await world.waitForEvents(3)).toMatchObject([
    { kind: 'opt_out', optOut: { address: `telegram:${world.chat}`, optedOut: true, category: 'all' } },
    { kind: 'opt_out', optOut: { optedOut: false } },
    { kind: 'inbound', inbound: { text: '[Started the chat]' } },
  ]);
});

test('a file over 20 MB is left out with the reason', async () => {
  await using world = await startTelegramWorld();
  const id = world.vendor.storeFile(Buffer.alloc(21 * 1024 * 1024), 'film.mp4');
  expect(await world.channel.fetchAttachment?.(world.context, id)).toMatchObject({
    kind: 'rejected',
    reason: expect.stringContaining('20 MB'),
  });
});

test('a connection that gets another bot loses no message: its chats have the same ids and number their messages anew', async () => {
  await using world = await startTelegramWorld();
  const token = `4242:${'B'.repeat(35)}`;
  const next = world.withConfig({ token });
  const after = { ...next, connection: { ...next.connection, previousConfig: world.context.connection.config } };
  const receive = async (of: string) => {
    const headers = { 'x-telegram-bot-api-secret-token': deriveWebhookSecret(of, after.connection.id) };
    const body = Buffer.from(JSON.stringify({ update_id: 1, message: { ...frame, text: 'hi' } }));
    const request: WebhookRequest = { method: 'POST', path: 'webhook', query: new URLSearchParams(), headers, body };
    const [event] = (await world.channel.webhooks?.receive(after, request))?.events ?? [];
    return event && 'inbound' in event ? event.inbound.externalId : undefined;
  };
  const { bot: before } = world.vendor.state;
  expect(await receive(before.token)).toBe(`${before.id}:5:12`);
  expect(await receive(token)).toBe('4242:5:12');
  // A reply to a message of the former bot would name any message of this one.
  await world.send({ replyToExternalId: `4242:${world.chat}:1` });
  expect(world.requests.at(-1)?.parameters).not.toHaveProperty('reply_parameters');
});

test('a webhook needs POST, its path and the secret; that of the token before a change counts for a day', async () => {
  await using world = await startTelegramWorld();
  await world.register();
  const { receive } = world.channel.webhooks as NonNullable<typeof world.channel.webhooks>;
  const headers = { 'x-telegram-bot-api-secret-token': world.vendor.state.webhook?.secretToken };
  const query = new URLSearchParams();
  const request: WebhookRequest = { method: 'POST', path: 'webhook', query, headers, body: Buffer.from('{}') };
  expect((await receive(world.context, request)).events).toEqual([]);
  const changed = world.withConfig({ token: `${world.vendor.state.bot.id}:${'B'.repeat(35)}` });
  const call = async (context: typeof changed, given: object) => receive(context, { ...request, ...given });
  await expect(call(changed, {})).rejects.toMatchObject({ code: 'signature_invalid' });
  const after = { ...changed, connection: { ...changed.connection, previousConfig: world.context.connection.config } };
  expect((await call(after, {})).events).toEqual([]);
  await expect(call(world.context, { path: 'status' })).rejects.toMatchObject({ code: 'not_found' });
  await expect(call(world.context, { method: 'GET' })).rejects.toMatchObject({ code: 'method_not_allowed' });
  await expect(call(world.context, { body: Buffer.from('{') })).rejects.toMatchObject({ code: 'payload_invalid' });
});
