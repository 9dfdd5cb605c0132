import { pdf, png } from '../support/sample-files.ts';
import { phone, startTelegramWorld, type TelegramWorld } from './telegram-world.ts';

/** The ten traps that users of other bridges report, each as the sentence that holds here. */

test('a proxy that refuses Telegram’s updates shows in Telegram’s own words when the connection is checked', async () => {
  await using world = await startTelegramWorld();
  await world.register();
  const last_error = { at: Date.now(), message: 'Wrong response from the webhook: 403 Forbidden' };
  world.vendor.state.lastError = last_error;
  world.context.clock.now = () => Date.now();
  const verified = await world.channel.setup?.verify(world.context);
  expect(verified).toMatchObject({ kind: 'verified', warnings: [expect.stringContaining('403 Forbidden')] });
});

test('an address that Telegram cannot call is not registered, and the reason says which addresses it calls', async () => {
  await using world = await startTelegramWorld();
  const context = world.withConfig({ baseUrl: 'https://api.telegram.org' });
  const result = await world.channel.setup?.registerWebhooks?.(context, false);
  expect(result).toMatchObject({ kind: 'failed', code: 'address_unusable', message: expect.stringContaining('https') });
  expect(world.requests).toEqual([]);
});

test('a file is uploaded, never sent by an address that Telegram would have to reach', async () => {
  await using world = await startTelegramWorld();
  const address = world.serveFile('price.pdf', pdf, 'application/pdf');
  expect(await world.send({ text: 'Prices', attachments: [address] })).toMatchObject({ kind: 'accepted' });
  expect(world.requests).toMatchObject([{ method: 'sendDocument', upload: 'document', parameters: { caption: 'Prices' } }]);
  expect(JSON.stringify(world.requests)).not.toContain(address);
});

test('a shared phone number is the contact’s only if the card is the sender’s own', async () => {
  await using world = await startTelegramWorld();
  await world.register();
  world.vendor.shareContact(phone);
  world.vendor.shareContact(phone, { phone_number: '+12025550199', first_name: 'Eve', user_id: 42 });
  world.vendor.shareContact(phone, { phone_number: '12025550198', first_name: 'Tom' });
  expect(await world.waitForEvents(3)).toMatchObject([
    { kind: 'contact_phone', phone, inbound: { text: `[Shared the phone number ${phone}]` } },
    { kind: 'inbound', inbound: { text: '[Contact: Eve, +12025550199]' } },
    { kind: 'inbound', inbound: { text: '[Contact: Tom, +12025550198]' } },
  ]);
});

test('a message of a business account is not taken for one of the contact', async () => {
  await using world = await startTelegramWorld();
  await world.register();
  expect(world.vendor.state.webhook?.allowedUpdates).toEqual(['message', 'edited_message', 'my_chat_member']);
  const receive = world.channel.webhooks?.receive;
  const owner = { id: 99, is_bot: false, first_name: 'Owner' };
  const business_message = {
    ...{ message_id: 1, date: 1, from: owner, chat: { id: 5, type: 'private' }, text: 'from the owner' },
    business_connection_id: 'b',
  };
  const result = await receive?.(world.context, toRequest(world, { update_id: 1, business_message }));
  expect(result?.events).toEqual([]);
});

test('an edit is a message of its own, which says so and names what it changes; a repeat of the text is recognised', async () => {
  await using world = await startTelegramWorld();
  await world.register();
  const id = world.vendor.receive({ from: phone, text: 'at 10' });
  world.vendor.edit(phone, id, { text: 'at 11' });
  world.vendor.edit(phone, id, { text: 'at 11' });
  world.vendor.edit(phone, id, { location: { latitude: 1, longitude: 2 } });
  world.vendor.receive({ from: phone, text: 'bye' });
  const [first, edit, repeat, last] = await world.waitForEvents(4);
  expect(first).toMatchObject({ inbound: { externalId: world.toId(id), text: 'at 10' } });
  expect(edit).toMatchObject({ inbound: { text: '[Edited] at 11', replyToExternalId: world.toId(id) } });
  expect(repeat).toMatchObject({ inbound: { externalId: edit?.kind === 'inbound' ? edit.inbound.externalId : '' } });
  expect(last).toMatchObject({ inbound: { text: 'bye' } });
});

test('a second reader of the bot delays a message and fails none', async () => {
  await using world = await startTelegramWorld();
  const description = 'Conflict: terminated by other getUpdates request; make sure that only one bot instance is running';
  world.vendor.setFault({ kind: 'error', status: 409, description });
  expect(await world.send()).toMatchObject({ kind: 'unavailable', code: 'conflict' });
});

test('the webhook of another program is neither replaced nor removed without a person, and its path stays secret', async () => {
  await using world = await startTelegramWorld();
  const other = { url: 'https://n8n.example/webhook/very-secret', secretToken: 's', allowedUpdates: ['message'] };
  world.vendor.state.webhook = other;
  expect(await world.register()).toEqual({ kind: 'taken', by: 'n8n.example' });
  await world.channel.setup?.unregisterWebhooks?.(world.context);
  expect(world.vendor.state.webhook).toEqual(other);
  expect(await world.register(true)).toEqual({ kind: 'registered' });
  expect(world.vendor.state.webhook?.url).toBe(`${world.webhookUrl}/webhook`);
  await world.channel.setup?.unregisterWebhooks?.(world.context);
  expect(world.vendor.state.webhook).toBeNull();
});

test('all updates that were kept during an outage are read, each once and in the order of its chat', async () => {
  await using world = await startTelegramWorld();
  await world.register();
  for (let count = 0; count < 200; count++) world.vendor.receive({ from: phone, text: `update ${count}` });
  const events = await world.waitForEvents(200);
  expect(events.map((event) => (event.kind === 'inbound' ? event.inbound.text : ''))).toEqual(
    Array.from({ length: 200 }, (_, count) => `update ${count}`),
  );
});

test('the token is in no outcome, no failure to fetch and no log, also where a server repeats the address', async () => {
  await using world = await startTelegramWorld();
  const secret = world.config.token.split(':')[1] ?? '';
  world.vendor.setFault({ kind: 'error', status: 400, description: `Bad Request: /bot${world.config.token}/sendMessage` });
  const outcomes: unknown[] = [await world.send()];
  world.vendor.setFault(null);
  const fileId = world.vendor.storeFile(png, 'a.png');
  outcomes.push(await world.channel.fetchAttachment?.(world.context, fileId));
  outcomes.push(await world.channel.fetchAttachment?.(world.context, 'unknown-file'));
  const unreachable = world.withConfig({ baseUrl: 'http://127.0.0.1:1' });
  outcomes.push(await world.send({}, unreachable), await world.channel.setup?.verify(unreachable));
  outcomes.push(await world.channel.setup?.registerWebhooks?.(unreachable, false));
  expect(JSON.stringify(outcomes)).not.toContain(secret);
  expect(outcomes[0]).toMatchObject({ message: expect.stringContaining('[redacted]') });
  expect(outcomes[1]).toMatchObject({ kind: 'fetched' });
  expect(outcomes[2]).toMatchObject({ kind: 'rejected', code: 'media_expired' });
});

function toRequest(world: TelegramWorld, update: object) {
  const headers = { 'x-telegram-bot-api-secret-token': world.vendor.state.webhook?.secretToken ?? '' };
  const body = Buffer.from(JSON.stringify(update));
  return { method: 'POST', path: 'webhook', query: new URLSearchParams(), headers, body } as const;
}
