import fc from 'fast-check';
import { planNextReconcile } from '../../src/installations/reconciler.ts';

const start = 1_800_000_000_000;

test('two reconciles in a row are separated by progress or a growing delay, for any requested time', () => {
  const outcome = fc.record({
    // In the past, now or soon: times that a faulty reconcile may request.
    inMs: fc.integer({ min: -10_000, max: 50_000 }),
    isWell: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(outcome, { minLength: 3, maxLength: 40 }), (outcomes) => {
      let now = start;
      let attempts = 0;
      const delays: number[] = [];
      for (const { inMs, isWell } of outcomes) {
        attempts += 1;
        const wanted = { dueAt: new Date(now + inMs), isSettled: isWell, attempts: attempts, hasProgressed: false };
        const { dueAt, shouldResetAttempts: isSettled } = planNextReconcile(wanted, new Date(now));
        const delay = (dueAt?.getTime() ?? 0) - now;
        expect(delay).toBeGreaterThanOrEqual(Math.min(1_000 * 2 ** (attempts - 1), 15 * 60_000));
        expect(isSettled).toBe(false);
        delays.push(delay);
        now += delay;
      }
      // A handful an hour, not thousands.
      expect(delays.filter((_, at) => delays.slice(0, at).reduce((sum, ms) => sum + ms, 0) < 3_600_000).length).toBeLessThan(
        16,
      );
    }),
  );
});

test('a reconcile after progress, and a scheduled one, run at the requested time', () => {
  const now = new Date(start);
  const at = (ms: number) => new Date(start + ms);
  expect(planNextReconcile({ dueAt: now, isSettled: true, attempts: 9, hasProgressed: true }, now)).toEqual({
    dueAt: now,
    shouldResetAttempts: true,
  });
  const later = planNextReconcile({ dueAt: at(3_600_000), isSettled: true, attempts: 9, hasProgressed: false }, now);
  expect(later).toEqual({ dueAt: at(3_600_000), shouldResetAttempts: true });
  expect(planNextReconcile({ dueAt: null, isSettled: false, attempts: 3, hasProgressed: false }, now).dueAt).toBeNull();
});
