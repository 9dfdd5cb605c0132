import { getLastPost } from '../../support/attachments.ts';
import { maya, startTelegramProgram, stranger, toPayload } from '../../support/telegram-program.ts';

const dayMs = 24 * 60 * 60 * 1000;

test('a message to a contact without a chat fails with a link; after the contact opens it, messages reach the chat', async () => {
  await using program = await startTelegramProgram();
  const { world, telegram, contact } = program;
  const first = await program.sendMessage('too early');
  await world.advanceUntil(async () => (await world.getMessage(first)).state === 'failed');
  const { reasonCode, reason } = await world.getMessage(first);
  expect(reasonCode).toBe('no_chat');
  const [link] = /https:\/\/t\.me\/\S+$/.exec(reason ?? '') ?? [];
  telegram.start(maya, toPayload(link ?? ''));
  expect(await program.waitForPosted('[Started the chat by a link]')).toBe(contact.id);
  const second = await program.sendMessage('now');
  await world.advanceUntil(async () => (await world.getMessage(second)).state === 'delivered');
  expect(telegram.listMessages().filter(({ direction }) => direction === 'outbound')).toMatchObject([
    { chatId: telegram.getPerson(maya).id, text: 'now' },
  ]);
  telegram.receive({ from: maya, text: 'thanks' });
  expect(await program.waitForPosted('thanks')).toBe(contact.id);
});

test('a test to the phone number of a contact that a link has bound reaches its chat, and fails with the link before', async () => {
  await using program = await startTelegramProgram();
  const { world, telegram, path } = program;
  const sendTest = async (state: string) => {
    const { body } = await world.api.post(`${path}/test`, { to: maya, text: 'a test' });
    const find = () => world.db.message.findFirstOrThrow({ where: { id: body.id } });
    await world.advanceUntil(async () => (await find()).state === state);
    return find();
  };
  const { reason } = await sendTest('failed');
  const [link] = /https:\/\/t\.me\/\S+$/.exec(reason ?? '') ?? [];
  telegram.start(maya, toPayload(link ?? ''));
  await program.waitForPosted('[Started the chat by a link]');
  await sendTest('delivered');
});

test('a link works once: a second person gets a friendly text and is a contact of its own', async () => {
  await using program = await startTelegramProgram();
  const { telegram, contact } = program;
  const { body } = await program.createLink();
  expect(body).toEqual({
    url: expect.stringMatching(/^https:\/\/t\.me\/\w+\?start=[\w-]{1,64}$/),
    expiresAt: expect.any(String),
    workflowUrl: `${program.world.url}/channels/${program.connectionId}/link?contact={{contact.id}}`,
  });
  telegram.start(maya, toPayload(body.url));
  await program.waitForPosted('[Started the chat by a link]');
  telegram.getPerson(stranger).languageCode = 'es-MX';
  telegram.start(stranger, toPayload(body.url));
  const note = '[The link was used before or has expired, so this may be another person.]';
  const other = await program.waitForPosted(`[Started the chat by a link] ${note}`);
  expect(other).not.toBe(contact.id);
  expect(await program.findContact(maya)).toBe(contact.id);
  const replies = telegram.listMessages(telegram.getPerson(stranger).id).filter(({ direction }) => direction === 'outbound');
  expect(replies).toMatchObject([{ text: expect.stringContaining('Este enlace ya se usó'), asksForPhone: false }]);
  // The owner of the chat may open the link again.
  telegram.start(maya, toPayload(body.url));
  await program.world.waitFor(async () => (await program.world.db.message.count({ where: { direction: 'inbound' } })) === 3);
  expect(telegram.listMessages(telegram.getPerson(maya).id).every(({ direction }) => direction === 'inbound')).toBe(true);
});

test('of several chats that open a link at the same time one is bound', async () => {
  await using program = await startTelegramProgram();
  const { world, connectionId } = program;
  const { body } = await program.createLink();
  const connection = await world.services.getConnection(connectionId);
  const results = await Promise.all(
    Array.from({ length: 8 }, (_, index) =>
      world.services.bindContactByLink(connection, toPayload(body.url), `telegram:${index + 1}`),
    ),
  );
  expect(results.filter((result) => result === 'bound')).toHaveLength(1);
  expect(await world.db.contactAddress.count({ where: { address: { startsWith: 'telegram:' } } })).toBe(1);
});

test('an expired link, one of another connection and a payload of others bind no contact', async () => {
  await using program = await startTelegramProgram();
  const { world, connectionId } = program;
  const { body } = await program.createLink();
  const connection = await world.services.getConnection(connectionId);
  const other = { ...connection, id: '0191d4e0-0000-7000-8000-0000000000aa' };
  const bind = (by: typeof connection, payload: string) => world.services.bindContactByLink(by, payload, 'telegram:1');
  expect(await bind(other, toPayload(body.url))).toBe('refused');
  expect(await bind(connection, `l-${'A'.repeat(22)}`)).toBe('refused');
  expect(await bind(connection, 'spring_campaign')).toBe('foreign');
  world.clock.jump(15 * dayMs);
  expect(await bind(connection, toPayload(body.url))).toBe('refused');
  expect(await world.db.contactAddress.count({ where: { address: 'telegram:1' } })).toBe(0);
});

test('the database holds no payload of a link', async () => {
  await using program = await startTelegramProgram();
  const { body } = await program.createLink();
  const rows = await program.world.db.contactLink.findMany();
  expect(rows).toHaveLength(1);
  expect(JSON.stringify(rows)).not.toContain(toPayload(body.url));
});

test('a shared phone number binds the chat to the contact who has it', async () => {
  await using program = await startTelegramProgram();
  const { telegram, contact } = program;
  telegram.getPerson(maya).phone = (contact.phone ?? '').replace('+', '');
  telegram.receive({ from: contact.phone ?? '', text: 'hello' });
  const before = await program.waitForPosted('hello');
  expect(before).not.toBe(contact.id);
  telegram.shareContact(contact.phone ?? '');
  expect(await program.waitForPosted(`[Shared the phone number ${contact.phone}]`)).toBe(contact.id);
  expect(await program.findContact(contact.phone ?? '')).toBe(contact.id);
});

test('a phone number that no contact has leaves the chat with its own contact', async () => {
  await using program = await startTelegramProgram();
  const { telegram } = program;
  telegram.receive({ from: stranger, text: 'hello' });
  const own = await program.waitForPosted('hello');
  telegram.shareContact(stranger);
  expect(await program.waitForPosted(`[Shared the phone number ${stranger}]`)).toBe(own);
});

test('the address for workflows binds the contact only once its own phone number is shared', async () => {
  await using program = await startTelegramProgram();
  const { world, telegram, contact, connectionId } = program;
  const open = (id: string) => world.client.get(`/channels/${connectionId}/link`).query({ contact: id }).redirects(0);
  const response = await open(contact.id).expect(302);
  expect(response.headers).toMatchObject({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' });
  const payload = toPayload(response.headers.location ?? '');
  telegram.start(stranger, payload);
  const confirm = '[The chat belongs to the contact once it shares the contact’s phone number.]';
  const own = await program.waitForPosted(`[Started the chat by a link] ${confirm}`);
  expect(own).not.toBe(contact.id);
  expect(telegram.listMessages(telegram.getPerson(stranger).id).at(-1)).toMatchObject({ asksForPhone: true });
  telegram.shareContact(stranger);
  expect(await program.waitForPosted(`[Shared the phone number ${stranger}]`)).toBe(own);
  expect(await program.findContact(stranger)).not.toBe(contact.id);
  telegram.start(contact.phone ?? '', payload);
  telegram.shareContact(contact.phone ?? '');
  expect(await program.waitForPosted(`[Shared the phone number ${contact.phone}]`)).toBe(contact.id);
  await open('{{contact.id}}').expect(404);
  await world.client.get(`/channels/${connectionId}/link`).expect(404);
  await world.client.get('/channels/0191d4e0-0000-7000-8000-0000000000aa/link?contact=a').expect(404);
});

test('a contact whose number HighLevel has in another spelling confirms its chat by that number', async () => {
  await using program = await startTelegramProgram();
  const { world, telegram, locationId, connectionId } = program;
  const number = '+5511987654321';
  world.highlevel.addContact(locationId, { name: 'Bia', phone: number });
  const claimed = world.highlevel.addContact(locationId, { name: 'Bia M.', phone: '+551187654321' });
  const link = world.client.get(`/channels/${connectionId}/link`).query({ contact: claimed.id }).redirects(0);
  telegram.start(number, toPayload((await link.expect(302)).headers.location ?? ''));
  telegram.shareContact(number);
  expect(await program.waitForPosted(`[Shared the phone number ${number}]`)).toBe(claimed.id);
});

test('a link is made for a contact that exists, and for a channel that needs one', async () => {
  await using program = await startTelegramProgram();
  expect(await program.createLink('Unknown0000000000001')).toMatchObject({ status: 404 });
  expect((await program.world.api.post(`${program.path}/contact-links`, {})).status).toBe(422);
});

test('the time that the vendor names pauses all messages of the bot, and each is sent after it', async () => {
  await using program = await startTelegramProgram();
  const { world, telegram } = program;
  telegram.start(maya, toPayload((await program.createLink()).body.url));
  await program.waitForPosted('[Started the chat by a link]');
  telegram.setFault({
    ...{ kind: 'error', status: 429, description: 'Too Many Requests: retry after 90' },
    parameters: { retry_after: 90 },
  });
  await program.sendMessage('one');
  const isPaused = async () => (await world.db.rateLimitRow.count({ where: { pauseCode: 'vendor_limit' } })) === 1;
  await world.advanceUntil(isPaused);
  telegram.setFault(null);
  await program.sendMessage('two');
  await world.advance(30_000);
  const listTexts = () => telegram.listMessages().filter(({ direction }) => direction === 'outbound');
  expect(listTexts()).toEqual([]);
  await world.advanceUntil(() => listTexts().length === 2);
});

test('an edit that leaves the text as it was is not posted; one that takes an edit back is', async () => {
  await using program = await startTelegramProgram();
  const { world, telegram } = program;
  const id = telegram.receive({ from: maya, text: 'see https://x.example' });
  await program.waitForPosted('see https://x.example');
  // A preview that has loaded.
  telegram.edit(maya, id, { text: 'see https://x.example' });
  telegram.receive({ from: maya, text: 'done' });
  await program.waitForPosted('done');
  telegram.edit(maya, id, { text: 'no, that was wrong' });
  await program.waitForPosted('[Edited] no, that was wrong');
  telegram.edit(maya, id, { text: 'see https://x.example' });
  await program.waitForPosted('[Edited] see https://x.example');
  const texts = (await world.db.message.findMany({ orderBy: { id: 'asc' } })).map(({ text }) => text);
  expect(texts).toEqual([
    ...['see https://x.example', 'done', '[Edited] no, that was wrong', '[Edited] see https://x.example'],
  ]);
});

test('a file of text, whose bytes and server name no type, has the type that the message names', async () => {
  await using program = await startTelegramProgram();
  const file = { kind: 'document', data: Buffer.from('a,b\n1,2\n'), contentType: 'text/csv', name: 'list.csv' } as const;
  program.telegram.receive({ from: maya, text: 'my list', file });
  await program.waitForPosted('my list');
  expect(getLastPost(program.world)).toMatchObject({ message: 'my list', attachments: [expect.stringContaining('list.csv')] });
});

test('a contact who blocks the bot has opted out; a new start lifts it', async () => {
  await using program = await startTelegramProgram();
  const { world, telegram } = program;
  const payload = toPayload((await program.createLink()).body.url);
  telegram.start(maya, payload);
  await program.waitForPosted('[Started the chat by a link]');
  telegram.block(maya);
  const countOpen = () => world.db.optOut.count({ where: { liftedAt: null } });
  await world.waitFor(async () => (await countOpen()) === 1);
  const refused = await program.sendMessage('are you there?');
  await world.advanceUntil(async () => (await world.getMessage(refused)).reasonCode === 'opted_out');
  await world.clock.tick(2_000);
  telegram.start(maya);
  await world.waitFor(async () => (await countOpen()) === 0);
});
