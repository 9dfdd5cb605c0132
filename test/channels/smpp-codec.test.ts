import { type Pdu, readText, readUserData, tags } from '../../src/core/smpp/pdu.ts';
import { createPduReader, readPdu } from '../../src/core/smpp/read-pdu.ts';
import { writePdu } from '../../src/core/smpp/write-pdu.ts';
import { createRandom } from '../faults/random.ts';
import { checkReading, drawPdu, fuzzPdus, mutate } from '../fuzz/smpp-inputs.ts';

const seed = Date.now() % 1_000_000;
const random = createRandom(seed);
const drawMany = (count: number) => Array.from({ length: count }, () => drawPdu(random));

test('a command that is written is read as it was', () => {
  for (const pdu of drawMany(2_000)) expect({ seed, pdu: readPdu(writePdu(pdu)) }).toEqual({ seed, pdu });
});

test('every truncated command is a problem', () => {
  for (const octets of drawMany(200).map(writePdu)) {
    for (let length = 0; length < octets.length; length++) {
      expect(readPdu(octets.subarray(0, length))).toMatchObject({ problem: 'stream' });
    }
  }
});

test('a truncated command with its length made right is a problem, or is read as exactly its octets', () => {
  for (const octets of drawMany(200).map(writePdu)) {
    for (let length = 16; length < octets.length; length++) {
      const cut = Buffer.from(octets.subarray(0, length));
      cut.writeUInt32BE(length, 0);
      expect({ seed, octets: cut.toString('hex'), problem: checkReading(cut) }).toMatchObject({ problem: null });
    }
  }
});

test('a mutated command is a problem, or is read as exactly its octets; a stream of them ends', () => {
  // `npm run test:fuzz-smpp` reads a million.
  expect({ seed, problems: fuzzPdus(seed, 5_000) }).toEqual({ seed, problems: [] });
});

test('a stream is cut into the same commands however its octets arrive', () => {
  const pdus = drawMany(50);
  const octets = Buffer.concat(pdus.map(writePdu));
  for (const step of [1, 7, 16, 1_000, octets.length]) {
    const reader = createPduReader();
    const found: unknown[] = [];
    for (let at = 0; at < octets.length; at += step) found.push(...reader.push(octets.subarray(at, at + step)));
    expect(found).toEqual(pdus);
  }
});

test('a length that no command has ends the stream, and what follows is not read', () => {
  for (const length of [0, 15, 70_001, 0xffffffff]) {
    const reader = createPduReader();
    const octets = Buffer.alloc(16);
    octets.writeUInt32BE(length, 0);
    expect(reader.push(octets)).toMatchObject([{ problem: 'stream' }]);
    expect(reader.push(writePdu(drawPdu(random)))).toEqual([]);
  }
});

test('an unknown command and a body that does not fit are different problems, with their sequence numbers', () => {
  const unbind: Pdu = { command: 'unbind', status: 0, sequence: 7, fields: {}, tlvs: [] };
  const unknown = writePdu(unbind);
  unknown.writeUInt32BE(0x7777, 4);
  expect(readPdu(unknown)).toMatchObject({ problem: 'command', sequence: 7 });
  const long = Buffer.concat([writePdu(unbind), Buffer.of(1)]);
  long.writeUInt32BE(17, 0);
  expect(readPdu(long)).toMatchObject({ problem: 'body', sequence: 7, command: 'unbind' });
});

test.each([0, 0x80000000, 0xffffffff])('a message of a contact with sequence number %i is read as any other', (sequence) => {
  const fields = { shortMessage: Buffer.from('hi') };
  const read = readPdu(writePdu({ command: 'deliver_sm', status: 0, sequence, fields, tlvs: [] })) as Pdu;
  expect(read.sequence).toBe(sequence);
  expect(readUserData(read).toString()).toBe('hi');
});

test('optional fields that are not known are skipped; a response may have no body', () => {
  // submit_sm_resp of status 0 without a body, as some carriers write it.
  expect(readPdu(Buffer.from('00000010800000040000000000000001', 'hex'))).toMatchObject({
    command: 'submit_sm_resp',
    fields: null,
  });
  const fields = { shortMessage: Buffer.from('hi') };
  const tlvs = [{ tag: 0x1400, value: Buffer.from('entity') }];
  const read = readPdu(writePdu({ command: 'deliver_sm', status: 0, sequence: 1, fields, tlvs })) as Pdu;
  expect(readUserData(read).toString()).toBe('hi');
  expect(read.tlvs).toEqual(tlvs);
});

test('a text that is too long for its field is refused and never cut', () => {
  const fields = { sourceAddress: '1'.repeat(65) };
  expect(() => writePdu({ command: 'submit_sm', status: 0, sequence: 1, fields, tlvs: [] })).toThrow(RangeError);
  expect(() => writePdu({ command: 'submit_sm', status: 0, sequence: 1, fields: { sourceAddress: 'a\0b' }, tlvs: [] })).toThrow(
    'NUL',
  );
});

test('a receipt of a real carrier is read field by field', () => {
  const tlvs = [
    { tag: tags.receiptedMessageId, value: Buffer.from('1d305b4c\0') },
    { tag: tags.messagePayload, value: Buffer.from('id:0489708364 stat:DELIVRD') },
  ];
  const fields = { sourceAddress: '12025550143', esmClass: 4, dataCoding: 8 };
  const read = readPdu(writePdu({ command: 'deliver_sm', status: 0, sequence: 1, fields, tlvs })) as Pdu;
  expect(readText(read, 'sourceAddress')).toBe('12025550143');
  expect(readUserData(read).toString()).toBe('id:0489708364 stat:DELIVRD');
});

test('mutations change commands', () => {
  const octets = drawMany(100).map(writePdu);
  expect(octets.filter((one) => !mutate(random, one).equals(one)).length).toBeGreaterThan(50);
});
