import fc from 'fast-check';
import { planNextReconcile } from '../../src/installations/reconciler.ts';

const start = 1_800_000_000_000;

test('what is due never runs twice in a row without progress or a growing pause, whatever each look asks for', () => {
  const outcome = fc.record({
    // Before now, now, or soon: what a look that goes wrong may ask for.
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
        const wanted = { dueAt: new Date(now + inMs), isSettled: isWell, tries: attempts, hasProgressed: false };
        const { dueAt, shouldResetAttempts: isSettled } = planNextReconcile(wanted, new Date(now));
        const delay = (dueAt?.getTime() ?? 0) - now;
        expect(delay).toBeGreaterThanOrEqual(Math.min(1_000 * 2 ** (attempts - 1), 15 * 60_000));
        expect(isSettled).toBe(false);
        delays.push(delay);
        now += delay;
      }
      // An hour sees a handful, not thousands.
      expect(delays.filter((_, at) => delays.slice(0, at).reduce((sum, ms) => sum + ms, 0) < 3_600_000).length).toBeLessThan(
        16,
      );
    }),
  );
});

test('a look that made progress, and one that is planned, come when they asked for', () => {
  const now = new Date(start);
  const at = (ms: number) => new Date(start + ms);
  expect(planNextReconcile({ dueAt: now, isSettled: true, tries: 9, hasProgressed: true }, now)).toEqual({
    dueAt: now,
    shouldResetAttempts: true,
  });
  const later = planNextReconcile({ dueAt: at(3_600_000), isSettled: true, tries: 9, hasProgressed: false }, now);
  expect(later).toEqual({ dueAt: at(3_600_000), shouldResetAttempts: true });
  expect(planNextReconcile({ dueAt: null, isSettled: false, tries: 3, hasProgressed: false }, now).dueAt).toBeNull();
});
