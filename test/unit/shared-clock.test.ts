import fc from 'fast-check';
import type { Clock } from '../../src/core/clock.ts';
import { type GroupState, limitPerSecond, maxTatAheadMs, nextPermitAt, permitsAt, tatAfter } from '../../src/core/gcra.ts';
import { chooseSample, openDatabaseClock, type TimeSample } from '../../src/database/clock.ts';
import { createLog } from '../../src/runtime/log.ts';

const log = createLog('silent');
const noTimers = { setTimeout: () => null, clearTimeout: () => {}, setInterval: () => null, clearInterval: () => {} };

/** A machine whose clock is wrong and is set now and then; the database has the true time. */
async function startMachine(trueMs: () => number, skewMs: number) {
  let skew = skewMs;
  const machine: Clock = { ...noTimers, now: () => trueMs() + skew, elapsed: () => trueMs() - 123_456 };
  const clock = await openDatabaseClock({ clock: machine, readTime: async () => trueMs(), log });
  return {
    clock,
    setClock: (ms: number) => {
      skew = ms;
    },
  };
}

const skewArb = fc.integer({ min: -10 * 60_000, max: 10 * 60_000 });

test('for any clocks of two processes, a time planned by one is due for the other after exactly that delay', async () => {
  const stepArb = fc.oneof(
    fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 60_000 }) }),
    fc.record({ do: fc.constant('set' as const), which: fc.constantFrom(0, 1), ms: skewArb }),
    fc.record({ do: fc.constant('measure' as const), which: fc.constantFrom(0, 1) }),
  );
  await fc.assert(
    fc.asyncProperty(
      skewArb,
      skewArb,
      fc.array(stepArb),
      fc.integer({ min: 0, max: 3_600_000 }),
      async (a, b, steps, delayMs) => {
        let now = 1_800_000_000_000;
        const machines = [await startMachine(() => now, a), await startMachine(() => now, b)] as const;
        for (const step of steps) {
          if (step.do === 'pass') now += step.ms;
          else if (step.do === 'set') machines[step.which as 0 | 1].setClock(step.ms);
          else await machines[step.which as 0 | 1].clock.measure();
        }
        const dueAt = machines[0].clock.now() + delayMs;
        expect(machines[1].clock.now() + delayMs).toBe(dueAt);
        machines[1].setClock(a);
        now += delayMs;
        expect(machines[1].clock.now()).toBe(dueAt);
      },
    ),
  );
});

test('the machine’s skew is known', async () => {
  const machine = await startMachine(() => 1_800_000_000_000, 120_000);
  expect(machine.clock.skewMs()).toBe(120_000);
});

test('a slow round trip moves the clock by at most its error, and a clock that was set is followed', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 2_000, noNaN: true }),
      fc.double({ min: 0, max: 2_000, noNaN: true }),
      fc.double({ min: -1, max: 1, noNaN: true }),
      fc.double({ min: -1, max: 1, noNaN: true }),
      skewArb,
      (firstError, secondError, firstPart, secondPart, step) => {
        const old: TimeSample = { atMs: 0, databaseMs: firstError * firstPart, errorMs: firstError };
        const next: TimeSample = { atMs: 10_000, databaseMs: 10_000 + step + secondError * secondPart, errorMs: secondError };
        const taken = chooseSample(old, next);
        const wrongMs = Math.abs(taken.databaseMs - taken.atMs - step);
        if (step === 0) expect(wrongMs).toBeLessThanOrEqual(Math.min(secondError, firstError + 2) + 0.001);
        if (Math.abs(step) > 2 * (firstError + secondError) + 4) expect(taken).toBe(next);
      },
    ),
  );
});

const limitArb = fc.oneof(
  fc.double({ min: 0.1, max: 500, noNaN: true }).map(limitPerSecond),
  fc.record({ intervalMs: fc.constant(1000 / 7), burst: fc.constant(10), maxReserved: fc.constant(80) }),
);

test('for any stored row, a limit delays a job no longer than what can be booked under it', () => {
  fc.assert(
    fc.property(limitArb, fc.integer({ min: -3_600_000, max: 3_600_000 }), (limit, aheadMs) => {
      const now = 1_800_000_000_000;
      const state: GroupState = {
        tat: new Date(now + aheadMs),
        pausedUntil: null,
        limit,
        concurrency: null,
        running: 0,
      };
      const opens = nextPermitAt(state, now);
      expect(opens - now).toBeLessThanOrEqual(maxTatAheadMs(limit) + 1);
      // Then one job may start, and its write corrects the row.
      const atMs = Math.ceil(opens);
      expect(permitsAt(state, atMs)).toBeGreaterThanOrEqual(1);
      const after = { ...state, tatAt: tatAfter(state, 1, atMs) };
      expect(after.tatAt.getTime() - atMs).toBeLessThanOrEqual(maxTatAheadMs(limit) + 1);
    }),
  );
});
