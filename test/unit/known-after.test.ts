import fc from 'fast-check';
import { knownAfter } from '../../src/messages/known-after.ts';

test('the wait grows past what came too early, to ten seconds at most', () => {
  const known = knownAfter();
  known.tooEarly(4_000);
  expect(known.ms()).toBe(5_000);
  known.tooEarly(3_000);
  expect(known.ms()).toBe(5_000);
  known.tooEarly(60_000);
  expect(known.ms()).toBe(10_000);
});

test('where HighLevel knows its messages at once the wait goes to nothing', () => {
  const known = knownAfter();
  for (let count = 0; count < 100; count++) known.known(known.ms());
  expect(known.ms()).toBe(0);
});

test('that HighLevel knows an old message says nothing of a new one', () => {
  const known = knownAfter();
  for (let count = 0; count < 100; count++) known.known(3_600_000);
  expect(known.ms()).toBe(2_000);
});

test('the wait stays between nothing and ten seconds, whatever happens', () => {
  const event = fc.record({ isKnown: fc.boolean(), ageMs: fc.nat({ max: 1_000_000 }) });
  fc.assert(
    fc.property(fc.array(event), (events) => {
      const known = knownAfter();
      for (const { isKnown, ageMs } of events) {
        if (isKnown) known.known(ageMs);
        else known.tooEarly(ageMs);
        expect(known.ms()).toBeGreaterThanOrEqual(0);
        expect(known.ms()).toBeLessThanOrEqual(10_000);
      }
    }),
  );
});
