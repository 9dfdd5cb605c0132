import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { addPart, partTimeoutMs, passOnIncomplete, type ReceivedPart } from '../../src/channels/smpp/reassemble.ts';
import { createStateStore, parseState } from '../../src/channels/smpp/state.ts';
import { tags } from '../../src/core/smpp/pdu.ts';
import { decodeGsm } from '../../src/core/sms/gsm-alphabet.ts';
import { splitText } from '../../src/core/sms/split-text.ts';
import { startSmppWorld } from './smpp-world.ts';

const address = { sourceTon: 1, sourceNpi: 1, sourceAddress: '12025550143', destinationAddress: '12025550100' };
const toDelivery = (octets: Buffer, fields: object = {}, tlvs: { tag: number; value: string }[] = []) => ({
  ...{ fields: { ...address, ...fields }, octets: octets.toString('base64'), tlvs },
});
const toPart = (text: string, part: number, total: number, reference = 7): ReceivedPart => ({
  ...{ from: '+12025550143', to: '+12025550100', octets: Buffer.from(text), dataCoding: 0, tables: {} },
  place: { reference, total, part },
});
const createParts = () => ({ sets: [], passed: [] }) as Parameters<typeof addPart>[0];
const add = (parts: Parameters<typeof addPart>[0], part: ReceivedPart, now = 0) =>
  addPart(parts, part, { now, charset: 'gsm', newId: randomUUID }).map(({ text }) => text);

test('parts in any order, each any number of times, are one message', () => {
  const order = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 12 }).map((extra) => [...extra, 1, 2, 3, 4]);
  fc.assert(
    fc.property(order, (places) => {
      const parts = createParts();
      const messages = places.flatMap((place) => add(parts, toPart('abcd'[place - 1] as string, place, 4)));
      expect(messages).toEqual(['abcd']);
      expect(parts.sets).toEqual([]);
    }),
  );
});

test('two messages with one number are distinguished by their parts', () => {
  const parts = createParts();
  expect(add(parts, toPart('one ', 1, 2))).toEqual([]);
  expect(add(parts, toPart('other ', 1, 2))).toEqual(['one [Part 2 of 2 is missing]']);
  expect(add(parts, toPart('message', 2, 2))).toEqual(['other message']);
  expect(add(parts, toPart('one ', 1, 2, 8))).toEqual([]);
});

test.each([
  ['turkish', 'Işıklar söndü, çağrı geldi: ığdırlı öğrenci şöyle dedi. '],
  ['spanish', 'Llegó el camión: mañana recogerán los muebles aquí, ¿está bien así? '],
  ['portuguese', 'Não há informações: a reunião é amanhã às três, então até lá. '],
] as const)(
  'a long text in %s goes out with its shift tables, and one that comes in with them is read',
  async (language, words) => {
    await using world = await startSmppWorld();
    const { smsc } = world;
    const session = await world.open({ nationalLanguage: language });
    const text = words.repeat(4);
    expect(await session.send(world.createMessage({ text }))).toMatchObject({
      kind: 'accepted',
      response: expect.stringContaining('in GSM 03.38'),
    });
    expect(smsc.state.messages.map((message) => message.text)).toEqual([text]);
    const parts = splitText(text, { defaultCharset: 'gsm', longMessages: 'udh', language }, 5);
    expect(parts.length).toBeLessThan(splitText(text, { defaultCharset: 'gsm', longMessages: 'udh' }, 5).length);
    const pushed = parts.toReversed().map(({ octets }) => smsc.push(toDelivery(octets, { esmClass: 0x40 })));
    await smsc.waitForAcknowledgement(pushed);
    expect(world.listTexts()).toEqual([text]);
    await session.close();
  },
);

test('a carrier whose data coding 0 is UTF-8 gets and sends all letters in it', async () => {
  await using world = await startSmppWorld();
  const session = await world.open({ defaultCharset: 'utf8' });
  const octets = Buffer.from('Çığ 😀');
  await world.smsc.waitForAcknowledgement([world.smsc.push(toDelivery(octets))]);
  expect(world.listTexts()).toEqual(['Çığ 😀']);
  await session.send(world.createMessage({ text: 'Çığ 😀' }));
  // The simulated carrier reads data coding 0 as the GSM alphabet, octet by octet.
  expect(world.smsc.state.messages[0]?.text).toBe(decodeGsm(octets));
  await session.close();
});

test('a message without text is shown as one', async () => {
  await using world = await startSmppWorld();
  const session = await world.open();
  const pushed = [toDelivery(Buffer.alloc(0)), toDelivery(Buffer.alloc(2), { dataCoding: 8 })].map(world.smsc.push);
  await world.smsc.waitForAcknowledgement(pushed);
  expect(world.listTexts()).toEqual(['[Message without text]', '[Message without text]']);
  await session.close();
});

test('a message whose other parts do not come is passed on with a note, and a late part after it', () => {
  const parts = createParts();
  add(parts, toPart('begin', 1, 3));
  add(parts, toPart('end', 3, 3), 60_000);
  expect(passOnIncomplete(parts, partTimeoutMs, 'gsm')).toEqual([]);
  const passed = passOnIncomplete(parts, partTimeoutMs + 60_000, 'gsm').map(({ text }) => text);
  expect(passed).toEqual(['begin[Part 2 of 3 is missing]end']);
  const late = partTimeoutMs * 10;
  expect(add(parts, toPart('end', 3, 3), late)).toEqual([]);
  expect(add(parts, toPart('middle', 2, 3), late)).toEqual(['[Part 2 of 3, which came late]\nmiddle']);
  expect(add(parts, toPart('middle', 2, 3), late + 1)).toEqual([]);
});

test('a late part that comes again, as it could not be stored, has the same id', () => {
  const parts = createParts();
  add(parts, toPart('begin', 1, 2));
  passOnIncomplete(parts, partTimeoutMs, 'gsm');
  const [first, again] = [structuredClone(parts), parts].map((from) =>
    addPart(from, toPart('end', 2, 2), { now: partTimeoutMs * 2, charset: 'gsm', newId: randomUUID }),
  );
  expect(first).toHaveLength(1);
  expect(again).toEqual(first);
});

test('parts that wait are bounded: the oldest message is passed on for a new one', () => {
  const parts = createParts();
  const passed = Array.from({ length: 300 }, (_, reference) => add(parts, toPart(`${reference}`, 1, 2, reference))).flat();
  expect(parts.sets).toHaveLength(200);
  expect(passed[0]).toBe('0[Part 2 of 2 is missing]');
  expect(passed).toHaveLength(100);
});

test('a character that a phone has split between two parts is whole again', () => {
  const parts = createParts();
  const octets = Buffer.from('😀', 'utf16le').swap16();
  const half = (place: number) => ({
    ...toPart('', place, 2),
    dataCoding: 8,
    octets: octets.subarray(place * 2 - 2, place * 2),
  });
  expect([...add(parts, half(2)), ...add(parts, half(1))]).toEqual(['😀']);
});

test('a long message of a contact arrives whole, also when the owner changes between its parts', async () => {
  await using world = await startSmppWorld();
  const { smsc } = world;
  const first = await world.open();
  const header = (place: number) => Buffer.of(5, 0, 3, 9, 2, place);
  const part = (place: number, text: string) =>
    toDelivery(Buffer.concat([header(place), Buffer.from(text)]), { esmClass: 0x40 });
  await smsc.waitForAcknowledgement([smsc.push(part(2, 'world'))]);
  first.kill();
  await world.world.settle(first.closed);
  const second = await world.open();
  await smsc.waitForAcknowledgement([smsc.push(part(1, 'hello '))]);
  expect(world.listInbound()).toMatchObject([{ from: '+12025550143', text: 'hello world', sentExternally: false }]);
  // Repeated after the message was passed on.
  await smsc.waitForAcknowledgement([smsc.push(part(1, 'hello '))]);
  expect(world.listTexts()).toEqual(['hello world']);
  await second.close();
});

test('parts with fields beside them are joined, and an incomplete message is passed on in time', async () => {
  await using world = await startSmppWorld();
  const { smsc } = world;
  const session = await world.open({ enquireLinkSeconds: 600 });
  const sar = (place: number, text: string, reference = 1) =>
    toDelivery(Buffer.from(text), {}, [
      { tag: tags.sarReference, value: Buffer.of(0, reference).toString('base64') },
      { tag: tags.sarTotal, value: Buffer.of(2).toString('base64') },
      { tag: tags.sarPart, value: Buffer.of(place).toString('base64') },
    ]);
  await smsc.waitForAcknowledgement([smsc.push(sar(1, 'a')), smsc.push(sar(2, 'b')), smsc.push(sar(1, 'c', 2))]);
  expect(world.listTexts()).toEqual(['ab']);
  await world.clock.tick(partTimeoutMs - 10_000);
  expect(world.listTexts()).toEqual(['ab']);
  await world.clock.tick(15_000);
  await world.waitFor(() => world.listTexts().length > 1);
  expect(world.listTexts()).toEqual(['ab', 'c[Part 2 of 2 is missing]']);
  await session.close();
});

test('the same word twice is two messages; a repeat after a broken bind is none', async () => {
  await using world = await startSmppWorld();
  const { smsc } = world;
  const first = await world.open();
  const ok = toDelivery(Buffer.from('ok'));
  await smsc.waitForAcknowledgement([smsc.push(ok), smsc.push(ok)]);
  expect(new Set(world.listInbound().map(({ externalId }) => externalId)).size).toBe(2);
  // Stored, and then the process is killed before the acknowledgement.
  const emitted = world.events.length;
  smsc.push(toDelivery(Buffer.from('once')));
  await world.waitFor(() => world.events.length > emitted);
  const [known] = world.listInbound().slice(-1);
  if (smsc.state.deliveries.length === 0) smsc.push(toDelivery(Buffer.from('once')));
  first.kill();
  await world.world.settle(first.closed);
  const second = await world.open();
  await world.world.settle(smsc.waitForAcknowledgement(smsc.state.deliveries));
  const once = world.listInbound().filter(({ text }) => text === 'once');
  expect(new Set(once.map(({ externalId }) => externalId))).toEqual(new Set([known?.externalId]));
  await second.close();
});

test('a message that can’t be stored is not acknowledged and comes again; parts of it count once', async () => {
  await using world = await startSmppWorld();
  const { smsc } = world;
  const session = await world.open();
  world.fail(true);
  const deliveries = [
    ...smsc.receive({ from: '+12025550143', to: '+12025550100', text: 'a'.repeat(200) }),
    smsc.push(toDelivery(Buffer.from('short'))),
  ];
  await world.clock.tick(1_000);
  expect(smsc.state.deliveries).toHaveLength(3);
  world.fail(false);
  await world.world.settle(smsc.waitForAcknowledgement(deliveries));
  expect(world.listTexts().toSorted()).toEqual(['a'.repeat(200), 'short']);
  await session.close();
});

test('a message that was stored although the database did not say so comes again with the same id', async () => {
  await using world = await startSmppWorld();
  const { smsc } = world;
  const session = await world.open();
  world.fail('after_storing');
  const deliveries = ['once', 'ok', 'ok'].map((text) => smsc.push(toDelivery(Buffer.from(text))));
  await world.waitFor(() => world.listInbound().length === 3);
  const ids = world.listInbound().map(({ externalId }) => externalId);
  expect(new Set(ids).size).toBe(3);
  // The carrier brings them again, more than once.
  await world.waitFor(() => world.listInbound().length >= 9, 100);
  world.fail(false);
  await world.world.settle(smsc.waitForAcknowledgement(deliveries));
  expect(new Set(world.listInbound().map(({ externalId }) => externalId))).toEqual(new Set(ids));
  // What the contact writes after that is another message.
  await world.world.settle(smsc.waitForAcknowledgement([smsc.push(toDelivery(Buffer.from('once')))]));
  expect(ids).not.toContain(world.listInbound().at(-1)?.externalId);
  await session.close();
});

test('USSD, binary data, ported messages and those without a sender are acknowledged and not shown', async () => {
  await using world = await startSmppWorld();
  const { smsc } = world;
  const session = await world.open();
  await smsc.waitForAcknowledgement([
    smsc.push(toDelivery(Buffer.from('*100#'), {}, [{ tag: tags.ussdServiceOp, value: 'AQ==' }])),
    smsc.push(toDelivery(Buffer.of(1, 2, 3), { dataCoding: 4 })),
    smsc.push(toDelivery(Buffer.from('06050415811581', 'hex'), { esmClass: 0x40 })),
    smsc.push(toDelivery(Buffer.from('hi'), { sourceAddress: '' })),
    smsc.push(toDelivery(Buffer.from('20ac', 'hex'), { dataCoding: 8, sourceTon: 5, sourceAddress: 'BANK' })),
  ]);
  expect(world.listInbound()).toMatchObject([{ from: 'BANK', text: '€' }]);
  expect(world.world.logLines.filter((line) => line.includes('was ignored'))).toHaveLength(4);
  await session.close();
});

test('changes of the state that come together are one write, and each waits for a write that has it', async () => {
  const writes: number[] = [];
  const gates: (() => void)[] = [];
  const store = createStateStore(parseState(null), async (state) => {
    await new Promise<void>((done) => gates.push(done));
    writes.push(state.refusedBinds);
  });
  const saves = [1, 2, 3].map((count) => {
    store.current.refusedBinds = count;
    return store.save();
  });
  for (let open = 0; open < 2; open++) {
    await new Promise((done) => setImmediate(done));
    for (const gate of gates.splice(0)) gate();
  }
  await Promise.all(saves);
  expect(writes).toEqual([3]);
});

test('a state that does not fit is an empty one', () => {
  for (const stored of [null, 'x', [], { sets: 'x', ids: { rule: 7 }, bound: 3 }])
    expect(parseState(stored)).toEqual(parseState({}));
});
