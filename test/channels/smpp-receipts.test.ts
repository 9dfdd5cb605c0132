import fc from 'fast-check';
import type { SmppConfig } from '../../src/channels/smpp/config.ts';
import { listFindings } from '../../src/channels/smpp/findings.ts';
import { createIdBook } from '../../src/channels/smpp/id-book.ts';
import { applyRule, convertId, idForms, learnRule } from '../../src/channels/smpp/message-ids.ts';
import { readReceipt } from '../../src/channels/smpp/receipt.ts';
import { createSmppChannel } from '../../src/channels/smpp/smpp.ts';
import type { Pdu } from '../../src/core/smpp/pdu.ts';
import { tags } from '../../src/core/smpp/pdu.ts';
import { toReceipt } from '../../src/sandbox/vendors/smpp/deliveries.ts';
import type { SimSms } from '../../src/sandbox/vendors/smpp/state.ts';
import { startSmppWorld } from './smpp-world.ts';

const toPdu = (text: string, changes: Partial<Pdu> = {}, esmClass = 4): Pdu => ({
  ...{
    command: 'deliver_sm',
    status: 0,
    sequence: 1,
    fields: { esmClass, shortMessage: Buffer.from(text, 'latin1') },
    tlvs: [],
  },
  ...changes,
});

test.each([
  [
    'id:74e02ee1-4e2f-4a6e-a78b-4b247d756a22 sub:001 dlvrd:001 submit date:110206193041 done date:110206193110 stat:DELIVRD err:000 text:',
    { ids: ['74e02ee1-4e2f-4a6e-a78b-4b247d756a22'], state: 'delivered', word: 'DELIVRD', errorCode: '000' },
  ],
  [
    'sub:001 id:12 err:000 dlvrd:001 done date:110206193110 submit date:110206193041 text: stat:DELIVRD',
    { ids: ['12'], state: 'delivered' },
  ],
  [
    'id:2E179B310EDE971B2760C72B7F026E1B submit date:20110314181534 done date:20110314181741 stat:DELIVRD err:0',
    { state: 'delivered' },
  ],
  ['id:7 sub:001 dlvrd:000 stat:DND_REJECTED err:0A1 Text:hi', { state: 'failed', word: 'DND_REJECTED', errorCode: '0A1' }],
  ['id:68673723 sub:1 dlvrd:13 stat:UNDELIV err:0 Text:\x04\x1a', { ids: ['68673723'], state: 'failed' }],
  ['id:9 stat:DELIVERED err:000', { state: 'delivered', word: 'DELIVERED' }],
  ['id:9 stat:UNDELIVERED err:000', { state: 'failed' }],
  ['ID:9 STAT:expired', { ids: ['9'], state: 'failed', word: 'EXPIRED' }],
  ['id:9 stat:ENROUTE', { state: null }],
  ['id:9 stat:ACCEPTD err:000', { state: null }],
  ['id:9 stat:BUFFRED', { state: null }],
  ['no receipt at all', { ids: [], state: null, word: 'UNKNOWN' }],
])('the receipt %j is read', (text, expected) => {
  expect(readReceipt(toPdu(text))).toMatchObject(expected);
});

test('fields count before the text, a receipt without a mark is recognised, and a person’s words are none', () => {
  const tlvs = [
    { tag: tags.receiptedMessageId, value: Buffer.from('1d305b4c') },
    { tag: tags.messageState, value: Buffer.of(5) },
    { tag: tags.networkErrorCode, value: Buffer.of(3, 0, 27) },
  ];
  const read = readReceipt(toPdu('id:0489708364 stat:DELIVRD', { tlvs }));
  expect(read).toEqual({ ids: ['1d305b4c', '0489708364'], state: 'failed', word: 'UNDELIV', errorCode: '27' });
  expect(readReceipt(toPdu('id:1 sub:001 stat:DELIVRD err:000', {}, 0))).toMatchObject({ state: 'delivered' });
  // An intermediate notification decides nothing.
  expect(readReceipt(toPdu('id:1 stat:DELIVRD', {}, 0x20))).toMatchObject({ state: null });
  for (const words of ['hello', 'my id: 7', 'id:7 is my number', 'stat:DELIVRD'])
    expect(readReceipt(toPdu(words, {}, 0))).toBeNull();
});

test('a rule that is learned from one pair of ids leads from every other receipt to its response', () => {
  const forms: Record<string, (value: bigint) => [response: string, receipt: string]> = {
    same: (value) => [value.toString(16), value.toString(16)],
    upper: (value) => [value.toString(16).padStart(10, '0').toUpperCase(), value.toString(16).padStart(10, '0')],
    padded: (value) => [value.toString(), value.toString().padStart(20, '0')],
    hexToDecimal: (value) => [value.toString(16).padStart(10, '0'), value.toString()],
    decimalToHex: (value) => [value.toString(), value.toString(16).toUpperCase()],
  };
  // With a letter, so that the form of the first pair is beyond doubt.
  const [first, big] = [0xab_cdef_01n, fc.bigInt(0x10_0000n, 0xff_ffff_ffffn)];
  fc.assert(
    fc.property(fc.constantFrom(...Object.keys(forms)), big, (name, value) => {
      const toPair = forms[name] as (typeof forms)[string];
      const [response, receipt] = toPair(first);
      const rule = idForms.flatMap((form) => learnRule(receipt, response, 0, form) ?? [])[0];
      const [other, otherReceipt] = toPair(value);
      expect(rule && applyRule(rule, otherReceipt)).toBe(other);
    }),
  );
  expect(convertId('z', 'hex_to_decimal')).toBeNull();
  expect(convertId('1'.repeat(1_000), 'hex_to_decimal')).toBeNull();
});

test('digits that are the ids of two messages in two forms mean the one to the recipient of the receipt', () => {
  const toNumber = (index: number) => `+1202555${String(index).padStart(4, '0')}`;
  const book = createIdBook({ rule: null, recent: [], unmatched: [] }, null);
  for (let index = 1; index <= 0x20; index++) book.remember({ id: index.toString(16), to: toNumber(index) });
  // 16 is 0x10 in decimal, and also the hexadecimal id of the 22nd message.
  expect(book.resolve({ ids: ['16'], to: toNumber(16) })).toMatchObject({ externalId: '10', isKnown: true });
  // A message of an earlier process, whose recipient none of this one's has.
  expect(book.resolve({ ids: ['20'], to: '+12025559999' })).toMatchObject({ externalId: '14', isKnown: false });
  expect(book.getState().rule).toMatchObject({ form: 'hex_to_decimal' });
  const other = createIdBook({ rule: null, recent: [], unmatched: [] }, null);
  other.remember({ id: 'a1', to: toNumber(1) });
  // Some carriers mask the recipient.
  expect(other.resolve({ ids: ['A1'], to: 'xxxx' })).toMatchObject({ externalId: 'a1', isKnown: true });
});

test.each(['hex', 'decimal'] as const)(
  'receipts with ids in %s name the messages of this session, and of later ones',
  async (receiptIds) => {
    await using world = await startSmppWorld({ receiptIds });
    const { smsc } = world;
    const first = await world.open();
    const [one, two] = [await first.send(world.createMessage()), await first.send(world.createMessage())];
    const toId = (outcome: unknown) => (outcome as unknown as { externalIds: string[] }).externalIds[0] as string;
    await smsc.waitForAcknowledgement(smsc.deliver(Number.parseInt(toId(one), 16)));
    expect(world.listReceipts()).toMatchObject([{ externalId: toId(one), state: 'delivered' }]);
    await first.close();
    const { state, connection } = world.createContext();
    expect(listFindings(connection.config, await state.get())[0]).toMatchObject({
      code: receiptIds === 'hex' ? 'ids_same' : 'ids_hex_to_decimal',
    });
    await world.waitFor(() => smsc.countBinds() === 0);
    const second = await world.open();
    await smsc.waitForAcknowledgement(smsc.fail(Number.parseInt(toId(two), 16)));
    expect(world.listReceipts()[1]).toMatchObject({
      externalId: toId(two),
      state: 'failed',
      error: { code: 'UNDELIV', message: expect.stringContaining('error 011') },
    });
    await second.close();
  },
);

test('what any receipt shows of the ids is known to a later session', async () => {
  await using world = await startSmppWorld({ receiptIds: 'decimal' });
  const { smsc } = world;
  const first = await world.open();
  await first.send(world.createMessage());
  const enRoute = { word: 'ENROUTE', messageState: 1, form: 'decimal', now: world.clock.now() } as const;
  await smsc.waitForAcknowledgement([smsc.push(toReceipt(smsc.state.messages[0] as SimSms, smsc.state.lastId, enRoute))]);
  expect(world.listReceipts()).toEqual([]);
  const outcome = await first.send(world.createMessage());
  await first.close();
  await world.waitFor(() => smsc.countBinds() === 0);
  const second = await world.open();
  await smsc.waitForAcknowledgement(smsc.deliver(smsc.state.lastId));
  expect(world.listReceipts()).toMatchObject([{ externalId: (outcome as { externalIds?: string[] }).externalIds?.[0] }]);
  await second.close();
});

test('a rule grows with each pair of ids, and a pair that shows less takes nothing from it', () => {
  const book = createIdBook({ rule: null, recent: [], unmatched: [] }, null);
  const news = ['10', '00AB', '12', '12'].map((id) => {
    book.remember({ id, to: '+12025550143' });
    return book.resolve({ ids: [id.toLowerCase().replace(/^0+/, '')], to: '+12025550143' })?.isNews;
  });
  expect(news).toEqual([true, true, false, false]);
  const later = createIdBook(book.getState(), null);
  expect(later.resolve({ ids: ['cd'], to: '+12025550144' })).toMatchObject({ externalId: '00CD' });
});

test('the first receipt of all may come before its response, and another process may have sent the message', async () => {
  await using world = await startSmppWorld({ receiptIds: 'decimal', responseDelayMs: 300 });
  const { smsc } = world;
  const session = await world.open();
  const sent = session.send(world.createMessage());
  await world.waitFor(() => smsc.state.messages.length === 1);
  await smsc.waitForAcknowledgement(smsc.deliver(smsc.state.lastId));
  const outcome = await world.world.settle(sent);
  const [externalId] = (outcome as unknown as { externalIds: string[] }).externalIds;
  await world.waitFor(() => world.listReceipts().some((receipt) => receipt.externalId === externalId));
  await session.close();

  await using other = await startSmppWorld({ receiptIds: 'decimal' });
  const killed = await other.open();
  const before = await other.world.settle(killed.send(other.createMessage()));
  await new Promise((done) => setImmediate(done));
  killed.kill();
  await other.world.settle(killed.closed);
  const next = await other.open();
  await other.smsc.waitForAcknowledgement(other.smsc.deliver(other.smsc.state.lastId));
  expect(other.listReceipts()).toMatchObject([{ externalId: (before as unknown as { externalIds: string[] }).externalIds[0] }]);
  await next.close();
});

test('a receipt that can’t be stored is not acknowledged, and comes again', async () => {
  await using world = await startSmppWorld({ receiptIds: 'hex' });
  const session = await world.open();
  await session.send(world.createMessage());
  world.fail(true);
  const receipts = world.smsc.deliver(world.smsc.state.lastId);
  await world.clock.tick(500);
  expect(world.smsc.state.deliveries).toHaveLength(1);
  world.fail(false);
  await world.world.settle(world.smsc.waitForAcknowledgement(receipts));
  expect(world.listReceipts()).toMatchObject([{ state: 'delivered' }]);
  await session.close();
});

test('what is known of the ids in receipts is said: nothing yet, a rule with its padding, or what a person has set', () => {
  const { configSchema } = createSmppChannel({ allowPrivateTargets: true });
  const toConfig = (changes: object) =>
    configSchema.parse({ host: '127.0.0.1', systemId: 'a', password: 'b', ...changes }) as SmppConfig;
  const listCodes = (changes: object, rule: object | null) =>
    listFindings(toConfig(changes), { ids: { rule, recent: [], unmatched: [] } }).map(({ code }) => code);
  const rule = { form: 'hex_to_decimal', isExact: false, width: 10, isUpperCase: true, place: 1 };
  expect(listCodes({}, null)).toEqual(['ids_unknown']);
  expect(listCodes({ requestReceipts: false }, null)).toEqual([]);
  expect(listCodes({}, rule)).toEqual(['ids_hex_to_decimal', 'ids_padded', 'ids_upper_case', 'ids_in_text']);
  expect(listCodes({}, { ...rule, form: 'same', width: 0, isUpperCase: false, place: 0 })).toEqual(['ids_same', 'ids_spelled']);
  expect(listCodes({ messageIdForm: 'decimal_to_hex' }, rule)).toEqual(['ids_decimal_to_hex', 'ids_set']);
});
