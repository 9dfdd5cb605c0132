import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { decodeText } from '../../src/core/sms/decode-text.ts';
import { replaceLookAlikes } from '../../src/core/sms/encode-text.ts';
import { decodeGsm, encodeGsm, nationalLanguages } from '../../src/core/sms/gsm-alphabet.ts';
import { listSegmentRules } from '../../src/core/sms/segment-rules.ts';
import { countMessageSegments } from '../../src/core/sms/sms-message.ts';
import { countSegments, type SplitOptions, splitText, type TextPart } from '../../src/core/sms/split-text.ts';
import { readUserDataHeader } from '../../src/core/sms/user-data-header.ts';
import { countSegments as countInBrowser } from '../../views/assets/pages/segments.js';

const gsm: SplitOptions = { defaultCharset: 'gsm', longMessages: 'udh' };
const ascii: SplitOptions = { ...gsm, defaultCharset: 'ascii' };
const gsmCharacters = [
  ...decodeGsm(Buffer.from(Array.from({ length: 128 }, (_, code) => code)).filter((code) => code !== 0x1b)),
];
const extended = [...'^{}\\[~]|€\f'];

/** Joins parts as a phone does. */
function join(parts: readonly TextPart[], defaultCharset: SplitOptions['defaultCharset']): string {
  return parts
    .map(({ octets, hasHeader, dataCoding }) => {
      const read = hasHeader ? readUserDataHeader(octets) : null;
      return decodeText(read?.text ?? octets, dataCoding, { defaultCharset, tables: read?.header.tables ?? {} });
    })
    .join('');
}

const anyText = fc.oneof(
  fc.string({ unit: fc.constantFrom(...gsmCharacters, ...extended), maxLength: 700 }),
  fc.string({ unit: fc.constantFrom(...'aé€[😀ğ“çãЖ'), maxLength: 300 }),
  fc.string({ unit: 'grapheme', maxLength: 200 }),
  fc.string({ unit: fc.constantFrom(...'aéçãõğşıİ€'), maxLength: 400 }),
  fc.string({ unit: fc.constantFrom(...'ab[{^`~'), maxLength: 400 }),
);
const anyOptions: fc.Arbitrary<SplitOptions> = fc.record({
  defaultCharset: fc.constantFrom('gsm' as const, 'latin1' as const, 'ascii' as const, 'utf8' as const),
  longMessages: fc.constantFrom('udh' as const, 'udh16' as const, 'sar' as const, 'payload' as const),
  latin1: fc.boolean(),
  language: fc.constantFrom(undefined, 'turkish' as const, 'spanish' as const, 'portuguese' as const),
});

test('the parts of any text give the text again, whatever the carrier takes', () => {
  fc.assert(
    fc.property(anyText, anyOptions, (text, options) => {
      expect(join(splitText(text, options, 0x1234), options.defaultCharset)).toBe(text.toWellFormed());
    }),
    { numRuns: 1_000 },
  );
});

test('no part splits a surrogate pair or an escaped character, and each fits into one message on the air', () => {
  fc.assert(
    fc.property(anyText, anyOptions, (text, options) => {
      for (const { octets, hasHeader, dataCoding, isPayload } of splitText(text, options, 7)) {
        const read = hasHeader ? readUserDataHeader(octets) : null;
        const body = read?.text ?? octets;
        if (dataCoding === 8) {
          const part = Buffer.from(body).swap16().toString('utf16le');
          expect(part.isWellFormed()).toBe(true);
        }
        if (dataCoding === 0 && options.defaultCharset === 'gsm') expect(body.at(-1)).not.toBe(0x1b);
        if (options.defaultCharset === 'utf8' && dataCoding === 0) {
          // The carrier converts it, and then it fits; half of a character would not be well-formed.
          if (!isPayload || hasHeader) {
            expect(countSegments(body.toString('utf8'), { ...options, longMessages: 'udh' }).segmentCount).toBe(1);
          }
          expect(body.toString('utf8')).not.toContain('\ufffd');
          continue;
        }
        if (isPayload) continue;
        const isSeptets = dataCoding === 0 && options.defaultCharset !== 'latin1';
        // The carrier converts ASCII to the GSM alphabet.
        const isAscii = isSeptets && options.defaultCharset === 'ascii';
        const escapeCount = isAscii ? [...body.toString('ascii')].filter((one) => extended.includes(one)).length : 0;
        const units = body.length + escapeCount;
        const onAir = octets.length - body.length + Math.ceil(isSeptets ? (units * 7) / 8 : units);
        expect(onAir).toBeLessThanOrEqual(140);
      }
    }),
    { numRuns: 1_000 },
  );
});

test('the count of segments is that of the parts that are sent', () => {
  fc.assert(
    fc.property(anyText, anyOptions, (text, options) => {
      const { segmentCount, length, capacity, remaining } = countSegments(text, options);
      const parts = splitText(text, options, 1);
      expect(options.longMessages === 'payload' && segmentCount > 1 ? 1 : segmentCount).toBe(parts.length);
      expect(length).toBeLessThanOrEqual(capacity);
      expect(remaining).toBeGreaterThanOrEqual(0);
    }),
    { numRuns: 500 },
  );
});

test('a browser that counts while a person types counts as many segments as are sent', () => {
  fc.assert(
    fc.property(anyText, anyOptions, fc.boolean(), (text, options, replacesLookAlikes) => {
      const sms = { ...options, replacesLookAlikes, files: 'in_text' as const };
      expect(countInBrowser(text, listSegmentRules(sms))).toEqual(countMessageSegments({ text }, sms));
    }),
    { numRuns: 1_000 },
  );
});

test('the addresses of files count as text, but for a vendor that sends them as MMS', () => {
  const content = { text: 'a'.repeat(100), attachments: [`https://files.example/${'b'.repeat(80)}`] };
  expect(countMessageSegments(content, { ...gsm, files: 'in_text' })).toMatchObject({ segmentCount: 2 });
  expect(countMessageSegments(content, { ...gsm, files: 'mms' })).toBeNull();
  expect(countMessageSegments({ text: 'a' }, { ...gsm, files: 'mms' })).toMatchObject({ segmentCount: 1, remaining: 159 });
});

test.each([
  ['a'.repeat(160), gsm, { encoding: 'gsm', segmentCount: 1, length: 160, capacity: 160, remaining: 0 }],
  ['a'.repeat(161), gsm, { encoding: 'gsm', segmentCount: 2, length: 161, capacity: 306, remaining: 145 }],
  [
    'a'.repeat(305),
    { ...gsm, longMessages: 'udh16' },
    { encoding: 'gsm', segmentCount: 3, length: 305, capacity: 456, remaining: 151 },
  ],
  ['€'.repeat(80), gsm, { encoding: 'gsm', segmentCount: 1, length: 160, capacity: 160, remaining: 0 }],
  ['['.repeat(80), ascii, { encoding: 'ascii', segmentCount: 1, length: 160, capacity: 160, remaining: 0 }],
  [`\`${'['.repeat(80)}`, ascii, { encoding: 'ascii', segmentCount: 2, length: 161, capacity: 306, remaining: 145 }],
  ['Ж'.repeat(70), gsm, { encoding: 'ucs2', segmentCount: 1, length: 70, capacity: 70, remaining: 0 }],
  ['Ж'.repeat(71), gsm, { encoding: 'ucs2', segmentCount: 2, length: 71, capacity: 134, remaining: 63 }],
  ['😀'.repeat(36), gsm, { encoding: 'ucs2', segmentCount: 2, length: 72, capacity: 134, remaining: 61 }],
  [
    'ã'.repeat(100),
    { ...gsm, language: 'portuguese' },
    { encoding: 'gsm', segmentCount: 1, length: 100, capacity: 155, remaining: 55 },
  ],
  [
    'ã'.repeat(100),
    { ...gsm, latin1: true },
    { encoding: 'latin1', segmentCount: 1, length: 100, capacity: 140, remaining: 40 },
  ],
  [
    'é'.repeat(141),
    { ...gsm, defaultCharset: 'latin1' },
    { encoding: 'latin1', segmentCount: 2, length: 141, capacity: 268, remaining: 127 },
  ],
  ['', gsm, { encoding: 'gsm', segmentCount: 1, length: 0, capacity: 160, remaining: 160 }],
] as const)('segments: case %#', (text, options, expected) => {
  expect(countSegments(text, options as SplitOptions)).toEqual(expected);
});

test('a text in the GSM alphabet is that of Perl, a third implementation, character by character', () => {
  expect(Buffer.concat(encodeGsm('héllo €[]') as Buffer[]).toString('hex')).toBe('68056c6c6f201b651b3c1b3e');
  const characters = [...gsmCharacters, ...extended];
  const script = 'binmode STDIN, ":utf8"; local $/; print unpack("H*", encode("gsm0338", <STDIN>));';
  const perl = spawnSync('perl', ['-MEncode', '-e', script], { input: characters.join(''), encoding: 'utf8' });
  if (perl.error) return console.warn('Perl is missing: its alphabet was not compared.');
  expect(perl.stdout).toBe(Buffer.concat(encodeGsm(characters.join('')) as Buffer[]).toString('hex'));
});

test('the shift tables of a language hold its letters, and are used only where they save a part', () => {
  const [part] = splitText('ã'.repeat(100), { ...gsm, language: 'portuguese' }, 1);
  expect(part).toMatchObject({ hasHeader: true, dataCoding: 0 });
  // Language 3, as the table that replaces the basic one.
  expect(part?.octets.subarray(0, 4).toString('hex')).toBe('03250103');
  expect(splitText('ã', { ...gsm, language: 'portuguese' }, 1)).toMatchObject([{ dataCoding: 8, hasHeader: false }]);
  expect(
    splitText(`${'a'.repeat(100)}ğ`, { ...gsm, language: 'turkish' }, 1)[0]
      ?.octets.subarray(0, 4)
      .toString('hex'),
  ).toBe('03240101');
});

test.each([
  ['turkish', 'locking', 'ıĞğŞşİç€', '070b0c1c1d406004'],
  ['turkish', 'single', 'ĞİŞçğış€', '1b471b491b531b631b671b691b731b65'],
  ['spanish', 'single', 'çÁÍÓÚáíóú', '1b091b411b491b4f1b551b611b691b6f1b75'],
  ['portuguese', 'locking', 'êúíóçÔôÁáªÀ∞^Ó|ÂâÊºÍÃÕ~ãõ`', '04060708090b0c0e0f12141516191a1c1d1e24405b5c607b7c7d'],
  ['portuguese', 'single', 'êÔôÁáÊÀÂãõâ', '1b051b0b1b0c1b0e1b0f1b1f1b411b611b7b1b7c1b7f'],
] as const)('the codes of the %s table (%s) are those of 3GPP TS 23.038', (language, kind, letters, hex) => {
  const tables = { [kind]: nationalLanguages[language] };
  expect(Buffer.concat(encodeGsm(letters, tables) as Buffer[]).toString('hex')).toBe(hex);
  expect(decodeGsm(Buffer.from(hex, 'hex'), tables)).toBe(letters);
});

test('a segment in UTF-8 that is longer than the field of the text goes into the payload, with its header', () => {
  const utf8: SplitOptions = { defaultCharset: 'utf8', longMessages: 'udh' };
  const [short] = splitText('é'.repeat(100), utf8, 1);
  expect(short).toMatchObject({ isPayload: false, dataCoding: 0 });
  expect(short?.octets).toHaveLength(200);
  expect(splitText('é'.repeat(160), utf8, 1)).toMatchObject([{ isPayload: true, hasHeader: false }]);
  const long = splitText('é'.repeat(300), utf8, 1);
  expect(long.map(({ isPayload, hasHeader, octets }) => [isPayload, hasHeader, octets.length])).toEqual([
    [true, true, 6 + 306],
    [true, true, 6 + 294],
  ]);
  expect(countSegments('Ж'.repeat(71), utf8)).toMatchObject({ encoding: 'ucs2', segmentCount: 2 });
});

test('the header of a part has the place of the part; fields beside it and one payload have none', () => {
  const text = 'a'.repeat(200);
  expect(splitText(text, gsm, 0x1234).map(({ octets }) => octets.subarray(0, 6).toString('hex'))).toEqual([
    '050003340201',
    '050003340202',
  ]);
  const wide = splitText(text, { ...gsm, longMessages: 'udh16' }, 0x1234);
  expect(wide.map(({ octets }) => octets.subarray(0, 7).toString('hex'))).toEqual(['06080412340201', '06080412340202']);
  const sar = splitText(text, { ...gsm, longMessages: 'sar' }, 0x1234);
  expect(sar.map((part) => [part.sar, part.hasHeader])).toEqual([
    [{ reference: 0x1234, total: 2, part: 1 }, false],
    [{ reference: 0x1234, total: 2, part: 2 }, false],
  ]);
  expect(splitText(text, { ...gsm, longMessages: 'payload' }, 1)).toMatchObject([{ isPayload: true, hasHeader: false }]);
});

test.each([
  [0x00, '0011', '@_'],
  [0xf1, '68', 'h'],
  [0x01, '40', '@'],
  [0x03, 'e9', 'é'],
  [0x08, '20ac', '€'],
  [0x08, 'd83dde00', '😀'],
  [0x08, 'd83d', '\ufffd'],
  [0x18, '20ac', '€'],
  [0xe0, '0041', 'A'],
  [0x06, 'd0', 'а'],
  [0x02, '00', null],
  [0x04, 'ff', null],
  [0xf5, '00', null],
  [0x80, '00', null],
])('data coding %i: %s is %p', (dataCoding, hex, text) => {
  expect(decodeText(Buffer.from(hex, 'hex'), dataCoding, { defaultCharset: 'gsm' })).toBe(text);
});

test('a header whose lengths do not fit is text, and one with unknown elements is skipped', () => {
  for (const hex of ['', '05', '0500030102', '020003', '05000401020301']) {
    expect(readUserDataHeader(Buffer.from(hex, 'hex'))).toBeNull();
  }
  const read = readUserDataHeader(Buffer.from('0570010a000301020168', 'hex'));
  expect(read).toBeNull();
  expect(readUserDataHeader(Buffer.from('0870010a000301020168', 'hex'))).toMatchObject({
    header: { concatenation: { reference: 1, total: 2, part: 1, isWide: false } },
    text: Buffer.from('h'),
  });
  // A place outside of the message.
  expect(readUserDataHeader(Buffer.from('050003010203', 'hex'))?.header.concatenation).toBeUndefined();
});

test('typographic signs become plain ones on request', () => {
  expect(replaceLookAlikes('“It’s” – a\u00a0test…')).toBe('"It\'s" - a test...');
});
