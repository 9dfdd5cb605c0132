import fc from 'fast-check';
import { createReportDelay } from '../../src/messages/model/report-delay.ts';

test('the wait grows past what came too early, to ten seconds at most', () => {
  const reportDelay = createReportDelay();
  reportDelay.recordTooEarly(4_000);
  expect(reportDelay.currentMs()).toBe(5_000);
  reportDelay.recordTooEarly(3_000);
  expect(reportDelay.currentMs()).toBe(5_000);
  reportDelay.recordTooEarly(60_000);
  expect(reportDelay.currentMs()).toBe(10_000);
});

test('where HighLevel knows its messages at once the wait goes to nothing', () => {
  const reportDelay = createReportDelay();
  for (let count = 0; count < 100; count++) reportDelay.recordAccepted(reportDelay.currentMs());
  expect(reportDelay.currentMs()).toBe(0);
});

test('that HighLevel knows an old message says nothing of a new one', () => {
  const reportDelay = createReportDelay();
  for (let count = 0; count < 100; count++) reportDelay.recordAccepted(3_600_000);
  expect(reportDelay.currentMs()).toBe(2_000);
});

test('the wait stays between nothing and ten seconds, whatever happens', () => {
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
