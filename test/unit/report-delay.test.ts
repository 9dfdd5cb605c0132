import fc from 'fast-check';
import { createReportDelay } from '../../src/messages/model/report-delay.ts';

test('the delay grows past the age that was too early, to ten seconds at most', () => {
  const reportDelay = createReportDelay();
  reportDelay.recordTooEarly(4_000);
  expect(reportDelay.currentMs()).toBe(5_000);
  reportDelay.recordTooEarly(3_000);
  expect(reportDelay.currentMs()).toBe(5_000);
  reportDelay.recordTooEarly(60_000);
  expect(reportDelay.currentMs()).toBe(10_000);
});

test('where HighLevel has its messages at once the delay goes to zero', () => {
  const reportDelay = createReportDelay();
  for (let count = 0; count < 100; count++) reportDelay.recordAccepted(reportDelay.currentMs());
  expect(reportDelay.currentMs()).toBe(0);
});

test('the age of an old message does not shorten the delay of new ones', () => {
  const reportDelay = createReportDelay();
  for (let count = 0; count < 100; count++) reportDelay.recordAccepted(3_600_000);
  expect(reportDelay.currentMs()).toBe(2_000);
});

test('the delay stays between zero and ten seconds in all sequences', () => {
  const event = fc.record({ isKnown: fc.boolean(), ageMs: fc.nat({ max: 1_000_000 }) });
  fc.assert(
    fc.property(fc.array(event), (events) => {
      const reportDelay = createReportDelay();
      for (const { isKnown, ageMs } of events) {
        if (isKnown) reportDelay.recordAccepted(ageMs);
        else reportDelay.recordTooEarly(ageMs);
        expect(reportDelay.currentMs()).toBeGreaterThanOrEqual(0);
        expect(reportDelay.currentMs()).toBeLessThanOrEqual(10_000);
      }
    }),
  );
});
