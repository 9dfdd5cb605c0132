import fc from 'fast-check';
import { isNationalForm, normalizeAddress } from '../../src/core/address.ts';

test.each([
  ['+91 81231 33382', null, '+918123133382'],
  ['+1 586-460-3999', null, '+15864603999'],
  ['15864603999', 'US', '+15864603999'],
  ['15864603999', null, '+15864603999'],
  ['586-460-3999', 'US', '+15864603999'],
  ['(586) 460.3999', 'CA', '+15864603999'],
  ['081231 33382', 'IN', '+918123133382'],
  ['07911 123456', 'GB', '+447911123456'],
  ['4915112345678', 'DE', '+4915112345678'],
  ['004915112345678', 'DE', '+4915112345678'],
  ['0491 5112345', 'DE', '+494915112345'],
  ['391 234 5678', 'IT', '+393912345678'],
  ['+44 (0)7911 123456', null, '+447911123456'],
  ['0015864603999', 'DE', '+15864603999'],
  ['0039 333 1234567', 'US', '+393331234567'],
  ['011 44 7911 123456', 'US', '+447911123456'],
  ['447911123456', 'US', '+447911123456'],
  ['13812345678', 'CN', '+8613812345678'],
  ['21 98765-4321', 'BR', '+5521987654321'],
  ['15550002303', null, '+15550002303'],
  ['15550002303', 'US', '+15550002303'],
  ['+1 (555) 000-2304', null, '+15550002304'],
  ['whatsapp:+15550002305', null, '+15550002305'],
  ['tel:+1-555-000-2305', null, '+15550002305'],
  ['15550002306@s.whatsapp.net', null, '+15550002306'],
  ['15550002306:12@s.whatsapp.net', null, '+15550002306'],
  ['15550002306@c.us', null, '+15550002306'],
  ['\u202a+1 586\u00a0460 3999\u202c', null, '+15864603999'],
  ['＋１５８６４６０３９９９', null, '+15864603999'],
])('%j in %s is the number %s', (input, country, number) => {
  expect(normalizeAddress(input, country)).toEqual({ address: number, kind: 'phone' });
});

test.each([
  ['68849', 'US'],
  ['242733', null],
  ['SUPPORT', 'US'],
  ['1-800-FLOWERS', 'US'],
  ['123456789@lid', 'US'],
  ['120363041234567890@g.us', null],
  ['US.13491208655302741918', 'US'],
  ['5864603999', null],
  ['-1001234567890123', 'US'],
  ['a@b', null],
])('%j in %s is no number and stays as it is', (input, country) => {
  expect(normalizeAddress(input, country)).toEqual({ address: input, kind: 'other' });
});

test.each([
  ['MAYA.Ray@Example.COM', 'maya.ray@example.com'],
  ['Maya Ray <maya.ray@example.com>', 'maya.ray@example.com'],
  ['"Ray, Maya" <Maya@example.com> ', 'maya@example.com'],
  ['<maya@example.com>', 'maya@example.com'],
])('%j is the email address %s', (input, address) => {
  expect(normalizeAddress(input, 'US')).toEqual({ address, kind: 'email' });
});

const countries = fc.constantFrom('US', 'IN', 'GB', 'DE', 'BR', 'CN', 'IT', 'XX', '', null);
const odd = fc.oneof(
  fc.string({ maxLength: 60 }),
  fc.string({ unit: fc.constantFrom(...'+0123456789 ()-./@<>:abcｗ０\u202a\u200b'), maxLength: 40 }),
);

test('normalizing an address twice changes it once, for any text', () => {
  fc.assert(
    fc.property(odd, countries, (input, country) => {
      const once = normalizeAddress(input, country);
      expect(normalizeAddress(once.address, country)).toEqual(once);
      if (once.kind === 'phone') expect(once.address).toMatch(/^\+[1-9]\d{6,14}$/);
    }),
    { numRuns: 2_000 },
  );
});

test('blanks, dashes, dots and brackets in an international number never make another number of it', () => {
  const number = fc.tuple(fc.constantFrom('1586', '9181', '4479', '4915', '5521', '3933'), fc.stringMatching(/^\d{7}$/));
  fc.assert(
    fc.property(
      number,
      fc.array(fc.constantFrom(' ', '-', '.', '', '', '\u00a0'), { minLength: 11, maxLength: 11 }),
      (parts, gaps) => {
        const digits = parts.join('');
        const written = [...digits].map((digit, at) => digit + (at < digits.length - 1 ? (gaps[at] ?? '') : '')).join('');
        expect(normalizeAddress(`+${written}`).address).toBe(normalizeAddress(`+${digits}`).address);
      },
    ),
  );
});

test('the country is needed only where a number may be in its national form', () => {
  expect(['586-460-3999', '15864603999', 'sms:0791112345'].map(isNationalForm)).toEqual([true, true, true]);
  expect(['+1 586-460-3999', '68849', 'SUPPORT', 'maya@example.com'].map(isNationalForm)).toEqual([false, false, false, false]);
});
