import fc from 'fast-check';

/** Texts that break programs: too long, empty, of other types, not storable, or with another meaning. */
const oddTexts = [
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  '\ufeff',
  '\ud800',
  '\u202e',
  'é'.repeat(300),
  'x'.repeat(5_000),
  '-1',
  '0',
  '1e309',
  'NaN',
  '9'.repeat(40),
  '2147483648',
  'null',
  'true',
  '[]',
  '{}',
  '{"a":1}',
  "' OR 1=1 --",
  '%',
  '%00',
  '\\',
  '../../etc/passwd',
  '<script>alert(1)</script>',
  '0000-01-01T00:00:00Z',
  '9999-12-31T23:59:59-23:59',
  '1969-12-31T23:59:59Z',
  '1900-01-01',
  '2026-02-30',
  '00000000-0000-0000-0000-000000000000',
  'not-a-uuid',
  '__proto__',
  'constructor',
  'https://user:pass@127.0.0.1:1/?a=b',
  'javascript:alert(1)',
  'mailto:a@b',
  '+1 (586) 460-3999',
];

export const oddText = fc.oneof(
  { arbitrary: fc.constantFrom(...oddTexts), weight: 4 },
  fc.string({ unit: 'binary', maxLength: 60 }),
);

/** Any JSON, with odd texts. */
export const oddJson: fc.Arbitrary<unknown> = fc.oneof(
  oddText,
  fc.constantFrom<unknown>(null, true, false, 0, -1, 1.5, 1e300, Number.MAX_SAFE_INTEGER, [], {}),
  fc.array(oddText, { maxLength: 3 }),
  fc.dictionary(fc.constantFrom('a', 'url', 'id', '__proto__', 'toString'), oddText, { maxKeys: 3 }),
);

/** Draws a valid text or an odd one. */
export function createValidOrOdd(valid: readonly string[], weight = 3): fc.Arbitrary<string> {
  return valid.length === 0
    ? oddText
    : fc.oneof({ arbitrary: fc.constantFrom(...valid), weight }, { arbitrary: oddText, weight: 1 });
}

/** Draws a body with these fields, each valid, odd or left out. */
export function createBody(fields: Record<string, unknown>): fc.Arbitrary<unknown> {
  const entries = Object.entries(fields).map(([name, valid]) => [name, fc.option(fc.oneof(fc.constant(valid), oddJson))]);
  const record = fc.record(Object.fromEntries(entries) as Record<string, fc.Arbitrary<unknown>>);
  return fc.oneof({ arbitrary: record, weight: 4 }, { arbitrary: oddJson, weight: 1 });
}
