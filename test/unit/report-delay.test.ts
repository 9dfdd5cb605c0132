import fc from 'fast-check';
import { createReportDelay } from '../../src/messages/model/report-delay.ts';

test('the wait grows past what came too early, to ten seconds at most', () => {
  const known = createReportDelay();
  known.recordTooEarly(4_000);
  expect(known.currentMs()).toBe(5_000);
  known.recordTooEarly(3_000);
  expect(known.currentMs()).toBe(5_000);
  known.recordTooEarly(60_000);
  expect(known.currentMs()).toBe(10_000);
});

test('where HighLevel knows its messages at once the wait goes to nothing', () => {
  const known = createReportDelay();
  for (let count = 0; count < 100; count++) known.recordAccepted(known.currentMs());
  expect(known.currentMs()).toBe(0);
});

test('that HighLevel knows an old message says nothing of a new one', () => {
  const known = createReportDelay();
  for (let count = 0; count < 100; count++) known.recordAccepted(3_600_000);
  expect(known.currentMs()).toBe(2_000);
});

test('the wait stays between nothing and ten seconds, whatever happens', () => {
  const event = fc.record({ isKnown: fc.boolean(), ageMs: fc.nat({ max: 1_000_000 }) });
  fc.assert(
    fc.property(fc.array(event), (events) => {
      const known = createReportDelay();
      for (const { isKnown, ageMs } of events) {
        if (isKnown) known.recordAccepted(ageMs);
        else known.recordTooEarly(ageMs);
        expect(known.currentMs()).toBeGreaterThanOrEqual(0);
        expect(known.currentMs()).toBeLessThanOrEqual(10_000);
      }
    }),
  );
});
