import fc from 'fast-check';
import { capFutureTime, parseForeignJson, parseWithAllDigits, readAttachments, toTime } from '../../src/core/foreign.ts';
import { toJsonObject } from '../../src/runtime/outbound-http.ts';

/** Building blocks of the readers of JSON from outside. */

test.each([
  ['1234567890123456789', '1234567890123456789'],
  ['-9007199254740993', '-9007199254740993'],
  ['1e400', '1e400'],
  ['1.10', '1.10'],
  ['0.1', 0.1],
  ['12', 12],
  ['"1234567890123456789"', '1234567890123456789'],
  ['"a \\" 12345678901234567890 \\\\"', 'a " 12345678901234567890 \\'],
  ['"\\\\\\" 1e400"', '\\" 1e400'],
])('the number %s loses no digit', (json, value) => {
  expect(parseWithAllDigits(`{"deep":[{"a":${json},"b":[${json}]}]}`)).toEqual({ deep: [{ a: value, b: [value] }] });
});

test('any JSON is read as JSON.parse reads it, but for digits that would be lost', () => {
  const numbers = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer());
  const documents = fc.jsonValue().chain((value) => numbers.map((number) => ({ value, number, text: `"${number}\\` })));
  fc.assert(
    fc.property(documents, (document) => {
      const json = JSON.stringify(document);
      expect(parseWithAllDigits(json)).toEqual(JSON.parse(json));
    }),
  );
});

test('a deeply nested document is read', () => {
  const depth = 50_000;
  expect(() => parseWithAllDigits(`${'['.repeat(depth)}1.10${']'.repeat(depth)}`)).not.toThrow();
});

test.each(['[1.10', '{"a":1e400', '"12345678901234567890', ''])('a body that is not JSON is rejected: %s', (json) => {
  expect(() => parseForeignJson(Buffer.from(json))).toThrow(expect.objectContaining({ code: 'payload_invalid' }));
});

test('a body with a byte order mark is read; one that is not UTF-8 is rejected with a message', () => {
  expect(parseForeignJson(Buffer.from('\ufeff{"a":1}'))).toEqual({ a: 1 });
  expect(() => parseForeignJson(Buffer.from('{"a":"é"}', 'latin1'))).toThrow('The body is not UTF-8.');
  expect(() => parseForeignJson(Buffer.from('{"a":1}', 'utf16le'))).toThrow(
    expect.objectContaining({ code: 'payload_invalid' }),
  );
});

test('a response that is a list of one object counts as that object; other values count as empty', () => {
  const read = (data: string) => toJsonObject({ data } as Parameters<typeof toJsonObject>[0]);
  expect(read('[{"externalId":1234567890123456789}]')).toEqual({ externalId: '1234567890123456789' });
  for (const empty of ['[{"a":1},{"a":2}]', '"text"', '7', 'null', '[]', '<html>', '']) expect(read(empty)).toEqual({});
});

test.each([
  [[{ url: 'https://x.example/a' }], ['https://x.example/a'], 0],
  [[{ fileUrl: 'https://x.example/a' }, 'https://x.example/b'], ['https://x.example/a', 'https://x.example/b'], 0],
  ['https://x.example/a', ['https://x.example/a'], 0],
  [{ url: 'https://x.example/a' }, ['https://x.example/a'], 0],
  [null, [], 0],
  [['', null], [], 0],
  [['data:image/png;base64,AAAA', 'https://x.example/a', {}, null, 'javascript:alert(1)'], ['https://x.example/a'], 3],
])('attachments %j are read, and unreadable ones are counted', (value, urls, unread) => {
  expect(readAttachments(value)).toEqual({ urls, unreadCount: unread });
});

test.each([
  ['0000-01-01T00:00:00Z', undefined],
  ['1969-12-31T23:59:59Z', undefined],
  ['nonsense', undefined],
  ['yesterday 5', undefined],
  ['-5', undefined],
  ['', undefined],
  [null, undefined],
  [true, undefined],
  ['2026-01-01T09:00:00+01:00', '2026-01-01T08:00:00.000Z'],
  ['2026-01-01T09:00:00.123456+0100', '2026-01-01T08:00:00.123Z'],
  ['2026-01-01T09:00+01', '2026-01-01T08:00:00.000Z'],
  ['2026-01-01T08:00:00', '2026-01-01T08:00:00.000Z'],
  ['2026-01-01 08:00:00', '2026-01-01T08:00:00.000Z'],
  ['2026-01-01', '2026-01-01T00:00:00.000Z'],
  ['Thu, 01 Jan 2026 08:00:00 GMT', '2026-01-01T08:00:00.000Z'],
  ['Thu, 01 Jan 2026 09:00:00 +0100', '2026-01-01T08:00:00.000Z'],
  [1_767_254_400, '2026-01-01T08:00:00.000Z'],
  ['1767254400.5', '2026-01-01T08:00:00.500Z'],
  ['1767254400000', '2026-01-01T08:00:00.000Z'],
  [1_767_254_400_000_000, '2026-01-01T08:00:00.000Z'],
  ['1767254400000000000', '2026-01-01T08:00:00.000Z'],
  ['9999-12-31T23:59:59-23:59', undefined],
])('the time %j is %s', (said, iso) => {
  expect(toTime(said)?.toISOString()).toBe(iso);
});

test('a moment years ahead is capped at a day ahead', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  expect(capFutureTime(new Date('2031-01-01'), now)).toEqual(new Date(now + 24 * 60 * 60_000));
  expect(capFutureTime(new Date(now - 5), now)).toEqual(new Date(now - 5));
});
