import { classifyError, toFailure } from '../../src/channels/telegram/errors.ts';
import { findMethod } from '../../src/channels/telegram/media.ts';
import { planParts, splitText } from '../../src/channels/telegram/parts.ts';
import { png } from '../support/sample-files.ts';
import { startTelegramWorld } from './telegram-world.ts';

test('a text with signs of markup arrives as it was written', async () => {
  await using world = await startTelegramWorld();
  const text = 'Offer_1 *today* <b>only</b> [x](y) & more';
  expect(await world.send({ text })).toMatchObject({ kind: 'accepted' });
  expect(world.vendor.listMessages().at(-1)?.text).toBe(text);
  expect(world.requests[0]?.parameters).not.toHaveProperty('parse_mode');
});

test('a long text is sent in parts that end between words, and no part is lost', async () => {
  await using world = await startTelegramWorld();
  const text = Array.from({ length: 1_500 }, (_, index) => `word${index}`).join(' ');
  const outcome = await world.send({ text });
  const texts = world.vendor.listMessages().map((sent) => sent.text);
  expect(texts.length).toBeGreaterThan(1);
  expect(texts.join(' ')).toBe(text);
  expect(outcome).toMatchObject({ externalIds: world.vendor.listMessages().map(({ id }) => world.toId(id)) });
});

test('parts are at most as long as Telegram allows, end at paragraphs first, and split no character', () => {
  expect(splitText(`${'a'.repeat(60)}\n\n${'b '.repeat(30)}end`, 100)).toEqual(['a'.repeat(60), `${'b '.repeat(30)}end`]);
  expect(splitText('😀'.repeat(30), 21).every((part) => part.isWellFormed() && part.length <= 21)).toBe(true);
  expect(splitText('😀'.repeat(30), 21).join('')).toBe('😀'.repeat(30));
  expect(splitText('short', 10)).toEqual(['short']);
});

test('a short text is the caption of the first file; a longer one comes first', () => {
  expect(planParts('hi', 2)).toEqual([
    { kind: 'attachment', index: 0, caption: 'hi' },
    { kind: 'attachment', index: 1, caption: undefined },
  ]);
  expect(planParts('x'.repeat(1_025), 1).map(({ kind }) => kind)).toEqual(['text', 'attachment']);
  expect(planParts('', 1)).toEqual([{ kind: 'attachment', index: 0, caption: undefined }]);
});

test('each type of file is sent in its own form, and a large picture as a document', () => {
  const find = (contentType: string, bytes = 10) => findMethod({ contentType, data: Buffer.alloc(bytes) })?.method;
  expect(find('image/jpeg')).toBe('sendPhoto');
  expect(find('image/png', 11 * 1024 * 1024)).toBe('sendDocument');
  expect(find('image/gif')).toBe('sendAnimation');
  expect(find('image/webp')).toBe('sendDocument');
  expect(find('video/mp4')).toBe('sendVideo');
  expect(find('audio/mpeg')).toBe('sendAudio');
  expect(find('audio/ogg')).toBe('sendVoice');
  expect(find('application/pdf', 51 * 1024 * 1024)).toBeUndefined();
});

test('a picture that Telegram refuses as one is sent as a document, and as its address where that fails too', async () => {
  await using world = await startTelegramWorld();
  const address = world.serveFile('a.png', png, 'image/png');
  world.vendor.setFault({ kind: 'refuse_method', method: 'sendPhoto', description: 'Bad Request: PHOTO_INVALID_DIMENSIONS' });
  expect(await world.send({ text: 'look', attachments: [address] })).toMatchObject({ kind: 'accepted' });
  expect(world.vendor.listMessages()).toMatchObject([{ method: 'sendDocument', text: 'look' }]);
  const mp3 = world.serveFile('b.pdf', Buffer.from('%PDF-1.4\n'), 'application/pdf');
  world.vendor.setFault({ kind: 'refuse_method', method: 'sendDocument', description: 'Bad Request: file is too big' });
  expect(await world.send({ text: 'read', attachments: [mp3] })).toMatchObject({ kind: 'accepted' });
  expect(world.vendor.listMessages().at(-1)).toMatchObject({ method: 'sendMessage', text: `read\n${mp3}` });
});

test('a missing file sends no half of a message', async () => {
  await using world = await startTelegramWorld();
  const gone = world.serveFile('gone.png', png, 'image/png', 410);
  expect(await world.send({ text: 'x'.repeat(2_000), attachments: [gone] })).toMatchObject({ kind: 'rejected' });
  expect(world.vendor.listMessages()).toEqual([]);
});

test('a later attempt continues after the parts that were sent', async () => {
  await using world = await startTelegramWorld();
  const address = world.serveFile('a.png', png, 'image/png');
  const text = 'x'.repeat(1_500);
  const accepted = world.toId(7);
  const outcome = await world.send({ text, attachments: [address], acceptedParts: [accepted] });
  expect(world.vendor.listMessages()).toMatchObject([{ method: 'sendPhoto', text: '' }]);
  expect(outcome).toMatchObject({ kind: 'accepted', externalIds: [accepted, world.toId(1)] });
});

test('a reply names the message, of the same chat alone', async () => {
  await using world = await startTelegramWorld();
  await world.send({ replyToExternalId: world.toId(12) });
  await world.send({ replyToExternalId: `${world.vendor.state.bot.id}:999:12` });
  expect(world.requests.map(({ parameters }) => parameters.reply_parameters)).toEqual([
    { message_id: 12, allow_sending_without_reply: true },
    undefined,
  ]);
});

test('a chat with a new id gets the message there', async () => {
  await using world = await startTelegramWorld();
  const parameters = { migrate_to_chat_id: Number(world.chat) };
  const description = 'Bad Request: group chat was upgraded to a supergroup chat';
  world.vendor.setFault({ kind: 'error', status: 400, description, parameters });
  const sending = world.send({ to: 'telegram:123456', vendorAddress: '123456' });
  while (world.requests.length === 0) await new Promise((done) => setTimeout(done, 1));
  world.vendor.setFault(null);
  expect(await sending).toMatchObject({ kind: 'accepted', externalIds: [world.toId(1)] });
});

test('a contact without a chat is refused without a request', async () => {
  await using world = await startTelegramWorld();
  expect(await world.send({ to: '+12025550143' })).toMatchObject({ kind: 'rejected', code: 'no_chat' });
  expect(world.requests).toEqual([]);
});

test.each([
  [401, 'Unauthorized', 'connection_error', 'unauthorized'],
  [404, 'Not Found', 'connection_error', 'token_unknown'],
  [400, 'Bad Request: FROZEN_METHOD_INVALID', 'connection_error', 'frozen'],
  [403, 'Forbidden: bot was blocked by the user', 'rejected', 'blocked'],
  [403, 'Forbidden: user is deactivated', 'rejected', 'deactivated'],
  [403, "Forbidden: bot can't initiate conversation with a user", 'rejected', 'not_started'],
  [403, 'Forbidden: bot was kicked from the group chat', 'rejected', 'chat_gone'],
  [403, 'Forbidden: SOME_NEW_CODE', 'rejected', 'forbidden'],
  [400, 'Bad Request: chat not found', 'rejected', 'chat_not_found'],
  [400, 'Bad Request: message is too long', 'rejected', 'bad_request'],
  [409, 'Conflict: terminated', 'unavailable', 'conflict'],
  [421, 'Misdirected Request', 'unavailable', 'misdirected'],
  [429, 'Too Many Requests: retry after 5', 'unavailable', 'too_many_requests'],
  [500, 'Internal Server Error: x', 'unknown', 'http_500'],
  [502, 'Bad Gateway', 'unknown', 'http_502'],
])('error %d %s is %s', (code, text, kind, name) => {
  const error = { code, text, retryAfterMs: 5_000, migrateToChatId: undefined };
  expect(toFailure({ kind: 'error', status: code, error, log: 'l' })).toMatchObject({ kind, code: name });
});

test('a limit is the whole bot’s, a block is an opt-out, and a page of a proxy is no refusal of Telegram’s', () => {
  const error = { code: 429, text: 'Too Many Requests', retryAfterMs: 5_000, migrateToChatId: undefined };
  expect(toFailure({ kind: 'error', status: 429, error, log: '' })).toMatchObject({
    isConnectionWide: true,
    retryAfterMs: 5_000,
  });
  const blocked = { ...error, code: 403, text: 'Forbidden: bot was blocked by the user' };
  expect(toFailure({ kind: 'error', status: 403, error: blocked, log: '' })).toMatchObject({ optedOut: 'all' });
  expect(toFailure({ kind: 'error', status: 403, error: null, log: '' })).toMatchObject({ kind: 'unavailable' });
  expect(toFailure({ kind: 'error', status: 502, error: null, log: '' })).toMatchObject({ kind: 'unknown' });
  expect(classifyError({ code: 418, text: 'x' })).toMatchObject({ kind: 'final', code: 'http_418' });
});
