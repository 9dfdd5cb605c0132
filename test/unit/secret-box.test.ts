import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { createSecretBox } from '../../src/core/secret-box.ts';
import { createTestClock } from '../support/test-clock.ts';

const key = randomBytes(32);
const box = createSecretBox([key], randomBytes);

test('a sealed secret opens unchanged, for the row that it was sealed for', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string(), (secret, identity) => {
      const wellFormed = secret.toWellFormed();
      expect(box.open(box.seal(wellFormed, identity), identity)).toBe(wellFormed);
    }),
  );
});

test('it does not open for another row', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.string(), (secret, one, other) => {
      fc.pre(one.toWellFormed() !== other.toWellFormed());
      expect(() => box.open(box.seal(secret, one), other)).toThrow(expect.objectContaining({ code: 'secret_unreadable' }));
    }),
  );
});

test('a change of any character keeps it from opening', () => {
  const sealed = box.seal('a refresh token', 'row');
  fc.assert(
    fc.property(fc.nat({ max: sealed.length - 1 }), fc.constantFrom(...'AZaz09-_.'), (at, character) => {
      // The last character of a base64url part can carry unused bits.
      const isLastOfPart = at === sealed.length - 1 || sealed[at + 1] === '.';
      fc.pre(sealed[at] !== character && !isLastOfPart);
      const damaged = sealed.slice(0, at) + character + sealed.slice(at + 1);
      expect(() => box.open(damaged, 'row')).toThrow(expect.objectContaining({ code: 'secret_unreadable' }));
    }),
  );
});

test('the first key seals and every key of the ring opens', () => {
  const newKey = randomBytes(32);
  const ring = createSecretBox([newKey, key], randomBytes);
  expect(ring.open(box.seal('old', 'row'), 'row')).toBe('old');
  expect(createSecretBox([newKey], randomBytes).open(ring.seal('new', 'row'), 'row')).toBe('new');
  expect(() => createSecretBox([newKey], randomBytes).open(box.seal('old', 'row'), 'row')).toThrow(/no key of ENCRYPTION_KEYS/);
});

test('the same secret sealed twice looks different', () => {
  expect(box.seal('same', 'row')).not.toBe(box.seal('same', 'row'));
});

test('keys of another length are refused', () => {
  expect(() => createSecretBox([randomBytes(16)], randomBytes)).toThrow(/32 bytes/);
  expect(() => createSecretBox([], randomBytes)).toThrow(/at least one key/);
});

test('an opened secret leaves memory when its row does, when it was changed, and after a while without use', () => {
  const own = randomBytes(32);
  const clock = createTestClock();
  const kept = createSecretBox([own], randomBytes, clock);
  const names = ['connections/a/config', 'connections/b/config', 'connections/c/config', 'connections/d/config'] as const;
  const sealed = new Map(names.map((name) => [name, kept.seal(name, name)]));
  const open = (name: (typeof names)[number]) => kept.open(sealed.get(name) as string, name);
  for (const name of names) expect(open(name)).toBe(name);
  const newer = kept.seal('newer', names[1]);
  expect(kept.open(newer, names[1])).toBe('newer');
  kept.evict(names[0]);
  // From here on only remembered secrets open.
  own.fill(0);
  const isForgotten = (name: (typeof names)[number]) => {
    try {
      return open(name) !== name;
    } catch {
      return true;
    }
  };
  expect(names.map(isForgotten)).toEqual([true, true, false, false]);
  expect(kept.open(newer, names[1])).toBe('newer');
  clock.jump(9 * 60_000);
  expect(open(names[2])).toBe(names[2]);
  clock.jump(9 * 60_000);
  expect([isForgotten(names[2]), isForgotten(names[3])]).toEqual([false, true]);
});
