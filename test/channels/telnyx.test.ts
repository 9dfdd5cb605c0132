import { message, startTelnyxWorld } from './telnyx-world.ts';

const send = (world: Awaited<ReturnType<typeof startTelnyxWorld>>, change: object = {}, config = {}) =>
  world.channel.send(world.createContext(config), { ...message, ...change });

test('a message goes out with its sender, its text and an address for its receipts', async () => {
  await using world = await startTelnyxWorld();
  const outcome = await send(world);
  expect(world.listBodies()).toEqual([
    {
      ...{ to: message.to, from: world.from, text: 'hello' },
      webhook_url: `https://patchbay.example/channels/0191d4e0-0000-7000-8000-00000000000c/webhook/${message.id}`,
    },
  ]);
  expect(outcome).toMatchObject({ kind: 'accepted', externalIds: [world.getLast().id] });
});

test('a messaging profile chooses the number; a name goes with its profile, and a number alone', async () => {
  await using world = await startTelnyxWorld();
  const profile = { messagingProfileId: world.profile.id };
  await send(world, {}, profile);
  await send(world, {}, { ...profile, from: 'Harbour' });
  await send(world, {}, { ...profile, from: world.from });
  await send(world, { from: world.profile.id });
  await send(world, { from: 'Maya Ortiz' });
  expect(world.listBodies().map(({ from, messaging_profile_id: id }) => [from, id])).toEqual([
    [undefined, world.profile.id],
    ['Harbour', world.profile.id],
    [world.from, undefined],
    [undefined, world.profile.id],
    // The name of a user is no sender where no profile is known.
    [world.from, undefined],
  ]);
});

test('ten files go in one message, further ones in messages of their own, and a retry continues after them', async () => {
  await using world = await startTelnyxWorld();
  const attachments = Array.from({ length: 12 }, (_, index) => `https://files.example/${index}.png`);
  const outcome = await send(world, { attachments });
  const bodies = world.listBodies();
  expect(bodies.map(({ text, media_urls: urls, type }) => [text, (urls as string[]).length, type])).toEqual([
    ['hello', 10, 'MMS'],
    [undefined, 2, 'MMS'],
  ]);
  expect(bodies.map(({ webhook_url: url }) => String(url).split('/').at(-1))).toEqual([
    `${message.id}-0-2`,
    `${message.id}-1-2`,
  ]);
  const externalIds = world.telnyx.state.messages.map(({ id }) => id);
  expect(outcome).toMatchObject({ kind: 'accepted', externalIds });
  const again = await send(world, { attachments, acceptedParts: externalIds.slice(0, 1) });
  expect(again).toMatchObject({ kind: 'accepted', externalIds: [externalIds[0], world.getLast().id] });
  world.telnyx.setFault({ kind: 'cut' });
  expect(await send(world, { attachments, acceptedParts: ['a'] })).toMatchObject({ kind: 'unknown', acceptedParts: ['a'] });
  world.telnyx.setFault({ kind: 'error', status: 400, errors: [{ code: '40310', title: 'x' }] });
  expect(await send(world, { attachments, acceptedParts: ['a'] })).toMatchObject({
    kind: 'rejected',
    message: expect.stringContaining('Part 2 of 2'),
  });
});

test('a message without content is refused before Telnyx is asked', async () => {
  await using world = await startTelnyxWorld();
  expect(await send(world, { text: '' })).toMatchObject({ kind: 'rejected', code: 'empty' });
  expect(world.calls).toEqual([]);
});

test('a response of success may carry errors: a failed message is not accepted, one on its way is', async () => {
  await using world = await startTelnyxWorld();
  const fail = (code: string, status?: string) =>
    world.telnyx.setFault({ kind: 'failed_at_once', errors: [{ code, title: 'no' }], ...(status ? { status } : {}) });
  fail('40310');
  expect(await send(world)).toMatchObject({ kind: 'rejected', code: '40310' });
  fail('20100');
  expect(await send(world)).toMatchObject({ kind: 'connection_error', code: '20100' });
  fail('99999');
  expect(await send(world)).toMatchObject({ kind: 'rejected', code: '99999' });
  fail('40310', 'queued');
  expect(await send(world)).toMatchObject({ kind: 'accepted' });
});

test('a success that is not Telnyx’s, and a response that is lost, are unknown; an unreachable Telnyx is not', async () => {
  await using world = await startTelnyxWorld();
  world.telnyx.setFault({ kind: 'drop' });
  expect(await send(world)).toMatchObject({ kind: 'unknown' });
  expect(await send(world, {}, { baseUrl: 'http://127.0.0.1:9' })).toMatchObject({ kind: 'unavailable', code: 'unreachable' });
});

test('the address of receipts is left out where Telnyx could not call it', async () => {
  const { canCallBack } = await import('../../src/channels/telnyx/send.ts');
  const telnyx = 'https://api.telnyx.com';
  expect(canCallBack('https://patchbay.example/channels/c', telnyx)).toBe(true);
  for (const host of ['localhost:3000', '127.0.0.1', 'patchbay', 'app.localhost']) {
    expect(canCallBack(`http://${host}/channels/c`, telnyx)).toBe(false);
    expect(canCallBack(`http://${host}/channels/c`, 'http://127.0.0.1:1')).toBe(true);
  }
});

test('the base URL may be written with its version', async () => {
  await using world = await startTelnyxWorld();
  const { baseUrl } = world.createContext().connection.config;
  expect(await send(world, {}, { baseUrl: `${baseUrl}/v2/` })).toMatchObject({ kind: 'accepted' });
});

test('no secret is in an outcome, also where Telnyx echoes it', async () => {
  await using world = await startTelnyxWorld();
  const errors = [{ code: '10009', title: `Bearer ${world.account.apiKey}` }];
  world.telnyx.setFault({ kind: 'error', status: 401, errors });
  expect(JSON.stringify(await send(world))).not.toContain(world.account.apiKey);
});

describe('a look-up', () => {
  const since = new Date('2026-03-01T10:00:00Z');
  const lookUp = (world: Awaited<ReturnType<typeof startTelnyxWorld>>, change: object = {}, config = {}) =>
    world.channel.lookUpSend?.(world.createContext(config), { ...message, ...change }, since);

  test('finds a send by its text, although the detail records have none', async () => {
    await using world = await startTelnyxWorld();
    world.telnyx.setFault({ kind: 'cut' });
    await send(world, { text: 'another' });
    await send(world);
    await send(world, { to: '+12025550144' });
    const sent = world.telnyx.state.messages[1];
    expect(await lookUp(world)).toMatchObject({ kind: 'accepted', externalIds: [sent?.id] });
    world.telnyx.fail(sent?.id ?? '', { code: '40004', title: 'Rejected' });
    // It has ended at Telnyx, so that it is not a send for later.
    expect(await lookUp(world)).toMatchObject({ kind: 'rejected', code: '40004' });
  });

  test('finds no earlier message, no other sender’s, none with other files and none of a contact', async () => {
    await using world = await startTelnyxWorld();
    await send(world, { attachments: ['https://files.example/a.png'] });
    await send(world, { from: '+12025550121' });
    await world.telnyx.receive({ from: world.from, to: message.to, text: 'hello' });
    expect(await lookUp(world)).toBeNull();
    await send(world);
    await world.clock.tick(60_000);
    const later = new Date(world.clock.now());
    expect(await world.channel.lookUpSend?.(world.createContext(), message, later)).toBeNull();
    expect(await lookUp(world, {}, { apiKey: 'KEYwrong' })).toBeNull();
  });

  test('finds no equal message just before it, which has its id already', async () => {
    await using world = await startTelnyxWorld();
    await send(world);
    const known = world.getLast().id;
    const find = () => world.channel.lookUpSend?.(world.createContext(), message, since, async (id) => id === known);
    expect(await find()).toBeNull();
    world.telnyx.setFault({ kind: 'cut' });
    await send(world);
    expect(await find()).toMatchObject({ kind: 'accepted', externalIds: [world.getLast().id] });
  });

  test('continues a message of several parts after the part that was found', async () => {
    await using world = await startTelnyxWorld();
    const attachments = Array.from({ length: 11 }, (_, index) => `https://files.example/${index}.png`);
    world.telnyx.setFault({ kind: 'cut' });
    await send(world, { attachments });
    const { id } = world.getLast();
    expect(await lookUp(world, { attachments })).toMatchObject({
      kind: 'unavailable',
      code: 'parts_left',
      acceptedParts: [id],
    });
  });

  test('of a receipt names the state, once it is final', async () => {
    await using world = await startTelnyxWorld();
    const ask = (id: string) => world.channel.lookUpReceipt?.(world.createContext(), id);
    await send(world);
    const { id } = world.getLast();
    expect(await ask(id)).toBeNull();
    world.telnyx.deliver(id);
    expect(await ask(id)).toMatchObject({ externalId: id, state: 'delivered', occurredAt: expect.any(Date) });
    await send(world);
    world.telnyx.endUnconfirmed(world.getLast().id);
    expect(await ask(world.getLast().id)).toBeNull();
    await send(world);
    world.telnyx.fail(world.getLast().id, { code: '40001', title: 'Landline' });
    expect(await ask(world.getLast().id)).toMatchObject({ state: 'failed', error: { code: '40001' } });
    const before = world.calls.length;
    expect(await ask('../balance')).toBeNull();
    expect(world.calls).toHaveLength(before);
  });
});
