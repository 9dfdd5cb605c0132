import { sendTimeoutMs } from '../../src/channels/session.ts';
import { openSmppSession } from '../../src/channels/smpp/session.ts';
import { startSmppWorld } from './smpp-world.ts';

const status = (code: number) => ({ kind: 'status', status: code }) as const;

test('a transceiver binds once, a pair twice, and several binds share the messages', async () => {
  await using world = await startSmppWorld();
  const { smsc } = world;
  const one = await world.open();
  expect(smsc.countBinds()).toBe(1);
  await one.close();
  await world.waitFor(() => smsc.countBinds() === 0);
  const pair = await world.open({ bindMode: 'pair', binds: 2 });
  expect(smsc.countBinds()).toBe(4);
  expect(await pair.send(world.createMessage())).toMatchObject({ kind: 'accepted' });
  smsc.receive({ from: '+12025550143', to: '+12025550100', text: 'to the receiver' });
  await world.waitFor(() => world.listTexts().includes('to the receiver'));
  await pair.close();
  expect(smsc.counts.unbinds).toBe(5);
  expect(smsc.violations).toEqual([]);
});

test('where the carrier allows fewer binds than wanted, the session has those', async () => {
  await using world = await startSmppWorld({ maxBinds: 2 });
  const session = await world.open({ binds: 4 });
  expect(world.smsc.countBinds()).toBe(2);
  expect(await session.send(world.createMessage())).toMatchObject({ kind: 'accepted' });
  await session.close();
});

test('a refused password ends the session with the reason; a refusal without one does after the third', async () => {
  await using world = await startSmppWorld();
  const refused = await world.open({ password: 'wrong' });
  expect(await refused.closed).toMatchObject({ code: 'ESME_RINVPASWD' });
  await using full = await startSmppWorld({ maxBinds: 0 });
  // Bound already: it passes.
  for (let attempt = 0; attempt < 4; attempt++) await expect(full.open()).rejects.toThrow('ESME_RALYBND');
});

test('no more messages wait for a response than the window has places', async () => {
  await using world = await startSmppWorld({ responseDelayMs: 50 });
  const session = await world.open({ window: 3 });
  const sent = Promise.all(Array.from({ length: 12 }, () => session.send(world.createMessage())));
  const outcomes = await world.world.settle(sent);
  expect(outcomes.map(({ kind }) => kind)).toEqual(Array(12).fill('accepted'));
  expect(world.smsc.counts.maxPending).toBe(3);
  await session.close();
});

test('a message that finds no place in the window was not sent', async () => {
  await using world = await startSmppWorld();
  const session = await world.open({ window: 1 });
  world.smsc.setFault({ kind: 'hang' });
  const lost = session.send(world.createMessage());
  await world.waitFor(() => world.smsc.counts.submits === 1);
  expect(await world.world.settle(session.send(world.createMessage()))).toMatchObject({
    kind: 'unavailable',
    code: 'window_full',
  });
  expect(await world.world.settle(lost)).toMatchObject({ kind: 'unknown', code: 'no_response' });
  expect(world.smsc.counts.submits).toBe(1);
  await session.close();
});

test('throttling pauses the whole connection, each time for longer, until a message is accepted', async () => {
  await using world = await startSmppWorld();
  const { smsc, clock } = world;
  const session = await world.open();
  smsc.setFault(status(0x58));
  for (const expected of [1_000, 2_000, 4_000]) {
    const busy = { kind: 'unavailable', isConnectionWide: true, retryAfterMs: expected };
    expect(await session.send(world.createMessage())).toMatchObject(busy);
    const submits = smsc.counts.submits;
    // Others wait without a request.
    expect(await session.send(world.createMessage())).toMatchObject({ kind: 'unavailable', code: 'throttled' });
    expect(smsc.counts.submits).toBe(submits);
    await clock.tick(expected);
  }
  smsc.setFault(null);
  expect(await session.send(world.createMessage())).toMatchObject({ kind: 'accepted' });
  smsc.setFault(status(0x14));
  expect(await session.send(world.createMessage())).toMatchObject({ retryAfterMs: 1_000 });
  await session.close();
});

test.each([
  [0x0b, { kind: 'rejected', code: 'ESME_RINVDSTADR' }],
  [0x45, { kind: 'rejected', code: 'ESME_RSUBMITFAIL' }],
  [0x401, { kind: 'rejected', code: '0x00000401' }],
  [0x08, { kind: 'unavailable', code: 'ESME_RSYSERR', retryAfterMs: 30_000 }],
  [0x64, { kind: 'unavailable', code: 'ESME_RX_T_APPN' }],
  [0x0a, { kind: 'connection_error', code: 'ESME_RINVSRCADR' }],
  [0xc3, { kind: 'connection_error', code: 'ESME_RMISSINGTLV' }],
  [0x04, { kind: 'connection_error', code: 'ESME_RINVBNDSTS' }],
])('status %i of a message is what the specification says', async (code, outcome) => {
  await using world = await startSmppWorld();
  const session = await world.open();
  world.smsc.setFault(status(code));
  expect(await session.send(world.createMessage())).toMatchObject(outcome);
  await session.close();
});

test('a response whose body can’t be read says by its status what became of the message', async () => {
  await using world = await startSmppWorld();
  const session = await world.open();
  world.smsc.setFault({ kind: 'unreadable', status: 0x0b });
  expect(await session.send(world.createMessage())).toMatchObject({ kind: 'rejected', code: 'ESME_RINVDSTADR' });
  world.smsc.setFault({ kind: 'unreadable', status: 0 });
  // Sent again it would be doubled.
  expect(await session.send(world.createMessage())).toMatchObject({ kind: 'accepted', externalIds: [] });
  world.smsc.setFault(null);
  expect(await session.send(world.createMessage())).toMatchObject({ kind: 'accepted', externalIds: [expect.any(String)] });
  await session.close();
});

test('a refusal that a bind does not show keeps the connection held for a time', async () => {
  await using world = await startSmppWorld();
  const session = await world.open();
  world.smsc.setFault(status(0x0a));
  await session.send(world.createMessage());
  // Its session is closed some time later.
  await world.clock.tick(60_000);
  await session.close();
  const verify = () => world.world.settle(world.channel.setup?.verify(world.createContext()) as Promise<object>);
  expect(await verify()).toMatchObject({ kind: 'rejected', problems: [{ code: 'ESME_RINVSRCADR' }] });
  await world.clock.tick(60 * 60_000);
  expect(await verify()).toMatchObject({ kind: 'verified' });
});

test('a check does not bind beside the open session', async () => {
  await using world = await startSmppWorld({ maxBinds: 1 });
  const session = await world.open();
  const verify = (config = {}) => world.channel.setup?.verify(world.createContext(config));
  expect(await verify()).toEqual({ kind: 'verified', account: 'demo at 127.0.0.1' });
  expect(world.smsc.counts.binds).toBe(1);
  // Another account is another matter: the carrier says what it allows.
  expect(await verify({ systemType: 'other' })).toMatchObject({
    kind: 'verified',
    warnings: [expect.stringContaining('bound elsewhere')],
  });
  await session.close();
});

test('a long message that breaks off continues after its accepted parts, with the same reference', async () => {
  let refused = 2;
  const places: (string | undefined)[] = [];
  await using world = await startSmppWorld({
    pickFault: ({ place }) => {
      places.push(place ? `${place.reference} ${place.part}/${place.total}` : undefined);
      refused -= 1;
      return refused === 0 ? status(0x58) : null;
    },
  });
  const session = await world.open();
  const outbound = world.createMessage({ text: 'a'.repeat(400) });
  const broken = await session.send(outbound);
  expect(broken).toMatchObject({ kind: 'unavailable', acceptedParts: [expect.any(String)] });
  await world.clock.tick(1_000);
  const { acceptedParts = [] } = broken as { acceptedParts?: readonly string[] };
  const outcome = await session.send({ ...outbound, acceptedParts });
  expect(outcome).toMatchObject({ kind: 'accepted', externalIds: [acceptedParts[0], expect.any(String), expect.any(String)] });
  expect(world.smsc.state.messages).toMatchObject([{ text: 'a'.repeat(400) }]);
  expect(places.map((place) => place?.split(' ')[1])).toEqual(['1/3', '2/3', '2/3', '3/3']);
  expect(new Set(places.map((place) => place?.split(' ')[0])).size).toBe(1);
  await session.close();
});

test('a long message to a slow carrier is sent in several attempts, each of which ends in time', async () => {
  await using world = await startSmppWorld({ responseDelayMs: 12_000 });
  const { clock, smsc } = world;
  const session = await world.open();
  const outbound = world.createMessage({ text: 'a'.repeat(700) });
  const startedAt = clock.elapsed();
  const first = await world.world.settle(session.send(outbound));
  expect(first).toMatchObject({ kind: 'unavailable', code: 'parts_left', message: expect.stringContaining('3 of 5 parts') });
  expect(clock.elapsed() - startedAt).toBeLessThan(sendTimeoutMs);
  expect(smsc.counts.submits).toBe(3);
  const { acceptedParts = [] } = first as { acceptedParts?: readonly string[] };
  expect(await world.world.settle(session.send({ ...outbound, acceptedParts }))).toMatchObject({
    kind: 'accepted',
    externalIds: [...acceptedParts, expect.any(String), expect.any(String)],
  });
  expect(smsc.state.messages).toMatchObject([{ text: 'a'.repeat(700) }]);
  await session.close();
});

test.each(['udh', 'udh16', 'sar', 'payload'] as const)('a long message arrives whole as %s', async (longMessages) => {
  await using world = await startSmppWorld();
  const session = await world.open({ longMessages });
  const text = `${'Grüße €[] '.repeat(40)}😀`;
  expect(await session.send(world.createMessage({ text, attachments: ['https://example.com/a.png'] }))).toMatchObject({
    kind: 'accepted',
  });
  expect(world.smsc.state.messages).toMatchObject([{ text: `${text}\nhttps://example.com/a.png` }]);
  expect(world.smsc.violations).toEqual([]);
  await session.close();
});

test('a message of too many parts, without content or to no number is refused before the carrier', async () => {
  await using world = await startSmppWorld();
  const session = await world.open({ maxParts: 2 });
  expect(await session.send(world.createMessage({ text: 'a'.repeat(400) }))).toMatchObject({
    kind: 'rejected',
    code: 'too_long',
  });
  expect(await session.send(world.createMessage({ text: '' }))).toMatchObject({ kind: 'rejected', code: 'empty' });
  expect(await session.send(world.createMessage({ to: 'Maya' }))).toMatchObject({
    kind: 'rejected',
    code: 'invalid_recipient',
  });
  expect(world.smsc.counts.submits).toBe(0);
  await session.close();
});

test('a response that comes after its time proves the send', async () => {
  await using world = await startSmppWorld();
  world.smsc.setFault({ kind: 'late', ms: 40_000 });
  const session = await world.open();
  const outbound = world.createMessage();
  expect(await world.world.settle(session.send(outbound))).toMatchObject({ kind: 'unknown' });
  await world.waitFor(() => world.listReceipts().length === 1, 1_000);
  expect(world.listReceipts()).toMatchObject([{ messageId: outbound.id, externalId: '1d305b01', state: 'accepted' }]);
  await session.close();
});

test('a response that comes after its time proves its part of a long message, which continues after it', async () => {
  let isLate = true;
  await using world = await startSmppWorld({
    pickFault: ({ place }) => (isLate && place?.part === 2 ? { kind: 'late', ms: 40_000 } : null),
  });
  const session = await world.open();
  const outbound = world.createMessage({ text: 'a'.repeat(400) });
  const lost = await world.world.settle(session.send(outbound));
  expect(lost).toMatchObject({ kind: 'unknown', acceptedParts: [expect.any(String)] });
  await world.waitFor(() => world.listReceipts().length === 1, 1_000);
  const [proof] = world.listReceipts();
  expect(proof).toMatchObject({ messageId: outbound.id, part: { index: 1, count: 3 }, state: 'accepted' });
  isLate = false;
  const acceptedParts = [...((lost as { acceptedParts?: string[] }).acceptedParts ?? []), proof?.externalId as string];
  expect(await session.send({ ...outbound, acceptedParts })).toMatchObject({ kind: 'accepted' });
  expect(world.smsc.counts.submits).toBe(3);
  expect(world.smsc.state.messages).toMatchObject([{ text: 'a'.repeat(400) }]);
  await session.close();
});

test('a carrier without a sign of life is left, and an awaited response is unknown', async () => {
  await using world = await startSmppWorld();
  const session = await world.open({ enquireLinkSeconds: 30, responseTimeoutSeconds: 10 });
  for (let minute = 0; minute < 3; minute++) {
    await world.clock.tick(30_000);
    await world.waitFor(() => world.smsc.counts.enquiries === minute + 1);
  }
  world.smsc.setFault({ kind: 'drop' });
  expect(await session.send(world.createMessage())).toMatchObject({ kind: 'unknown' });
  expect(await session.closed).toBeNull();
  expect(await session.send(world.createMessage())).toMatchObject({ kind: 'unavailable', code: 'session_closed' });
});

test('a bind that the carrier ends is acknowledged and closed; the others of the session end in order', async () => {
  await using world = await startSmppWorld();
  const session = await world.open({ binds: 2 });
  world.smsc.unbindAll();
  expect(await session.closed).toBeNull();
  await world.waitFor(() => world.smsc.countBinds() === 0);
});

test('closing unbinds, waits for a response that comes soon and refuses what is sent meanwhile', async () => {
  await using world = await startSmppWorld();
  const session = await world.open();
  world.smsc.setFault({ kind: 'late', ms: 500 });
  const sent = session.send(world.createMessage());
  await world.waitFor(() => world.smsc.counts.submits === 1);
  const closing = session.close();
  expect(await session.send(world.createMessage())).toMatchObject({ kind: 'unavailable', code: 'session_closed' });
  expect(await world.world.settle(sent)).toMatchObject({ kind: 'accepted' });
  await world.world.settle(closing);
  expect(world.smsc.counts.unbinds).toBe(1);
});

test('a rate of the connection spaces the parts of a message, too', async () => {
  await using world = await startSmppWorld();
  const { clock } = world;
  const at: number[] = [];
  world.smsc.setFault(null);
  const context = world.createContext();
  const config = { ...context.connection.config, ratePerSecond: 2 };
  const session = await openSmppSession({ ...context, connection: { ...context.connection, config } }, async () => {});
  const startedAt = clock.elapsed();
  const sent = session.send?.(world.createMessage({ text: 'a'.repeat(400) }));
  await world.waitFor(() => {
    if (world.smsc.counts.submits > at.length) at.push(clock.elapsed() - startedAt);
    return at.length === 3;
  }, 100);
  expect(at[1]).toBeGreaterThanOrEqual(500);
  expect(at[2]).toBeGreaterThanOrEqual(1_000);
  await sent;
  await session.close();
});
