import fc from 'fast-check';
import {
  attachmentDelaysMs,
  computeOutageDelayMs,
  computeRetryDelayMs,
  postDelaysMs,
  sendDelaysMs,
  shouldReleaseOrderingKey,
  tooEarlyDelaysMs,
} from '../../src/core/retry-schedule.ts';
import { type AttemptFacts, decideNextStep } from '../../src/messages/outbound/next-step.ts';

const now = new Date('2026-01-01T09:00:00Z');
const facts: AttemptFacts = {
  now,
  nextDelayMs: 5_000,
  limitDelayMs: 20_000,
  hasReceipts: true,
  unknownOutcomePolicy: 'resend',
  isTest: false,
  confirmAt: null,
};
const seconds = (count: number) => new Date(now.getTime() + count * 1000);

test('accepted waits for a receipt from a channel with receipts, and is delivered without', () => {
  expect(decideNextStep({ kind: 'accepted', externalIds: [] }, facts)).toEqual({ do: 'await_receipt' });
  expect(decideNextStep({ kind: 'accepted', externalIds: [] }, { ...facts, hasReceipts: false })).toEqual({
    do: 'complete',
    state: 'delivered',
  });
});

test('unavailable is retried by the schedule, and no sooner than the vendor requests', () => {
  const busy = { kind: 'unavailable', code: 'http_503', message: 'unavailable' } as const;
  expect(decideNextStep(busy, facts)).toMatchObject({ do: 'retry', at: seconds(5) });
  expect(decideNextStep({ ...busy, retryAfterMs: 60_000 }, facts)).toMatchObject({ do: 'retry', at: seconds(60) });
  expect(decideNextStep({ ...busy, retryAfterMs: 1_000 }, facts)).toMatchObject({ do: 'retry', at: seconds(5) });
  expect(decideNextStep(busy, { ...facts, nextDelayMs: null })).toMatchObject({ do: 'complete', state: 'failed' });
});

test('a limit of the whole account uses up no retry, until it has lasted too long', () => {
  const limited = {
    kind: 'unavailable',
    code: 'throttled',
    message: 'busy',
    isConnectionWide: true,
    retryAfterMs: 1_000,
  } as const;
  expect(decideNextStep(limited, facts)).toMatchObject({ do: 'retry', at: seconds(20), isFree: true });
  expect(decideNextStep({ ...limited, retryAfterMs: 60_000 }, facts)).toMatchObject({ at: seconds(60), isFree: true });
  expect(decideNextStep(limited, { ...facts, limitDelayMs: null })).toEqual({
    do: 'retry',
    at: seconds(5),
    reason: expect.anything(),
  });
  // A test, or a message at the end of its schedule.
  expect(decideNextStep(limited, { ...facts, nextDelayMs: null })).toMatchObject({ do: 'complete', state: 'failed' });
});

test('an unknown outcome never fails: it is retried with an idempotent vendor, else held for review', () => {
  const unknown = { kind: 'unknown', code: 'no_answer', message: 'no response' } as const;
  fc.assert(
    fc.property(fc.option(fc.nat()), fc.boolean(), fc.constantFrom('resend', 'ask'), (nextDelay, receipts, whenUnknown) => {
      const step = decideNextStep(unknown, {
        now,
        nextDelayMs: nextDelay,
        limitDelayMs: null,
        hasReceipts: receipts,
        unknownOutcomePolicy: whenUnknown,
        isTest: false,
        confirmAt: null,
      });
      expect(step.do).toBe(whenUnknown === 'resend' && nextDelay !== null ? 'retry' : 'hold_for_review');
    }),
  );
});

test('an unknown outcome is confirmed first, where that is possible, whatever the policy', () => {
  const unknown = { kind: 'unknown', code: 'no_response', message: 'no response' } as const;
  for (const unknownOutcomePolicy of ['resend', 'ask'] as const) {
    const step = decideNextStep(unknown, { ...facts, unknownOutcomePolicy, confirmAt: seconds(30) });
    expect(step).toMatchObject({ do: 'confirm', at: seconds(30) });
  }
});

test('an account that the vendor refuses fails no message, but a test, for which a person waits', () => {
  const refused = { kind: 'connection_error', code: '20003', message: 'wrong token' } as const;
  expect(decideNextStep(refused, { ...facts, nextDelayMs: null })).toMatchObject({ do: 'await_connection' });
  expect(decideNextStep(refused, { ...facts, isTest: true })).toMatchObject({ do: 'complete', state: 'failed' });
});

test('the schedule is 5 s, 30 s, 2 min, 10 min, 1 h, 3 h, 6 h, 12 h, each up to a fifth longer, and then it ends', () => {
  expect(sendDelaysMs.map((ms) => ms / 1000)).toEqual([5, 30, 120, 600, 3_600, 10_800, 21_600, 43_200]);
  fc.assert(
    fc.property(fc.nat({ max: 7 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (retries, chance) => {
      const listed = sendDelaysMs[retries] as number;
      const delay = computeRetryDelayMs(sendDelaysMs, retries, chance) as number;
      expect(delay).toBeGreaterThanOrEqual(listed);
      expect(delay).toBeLessThanOrEqual(listed * 1.2);
    }),
  );
  expect(computeRetryDelayMs(sendDelaysMs, 8, 0)).toBeNull();
});

test('the post of a reply is retried within seconds at first, then by the long schedule', () => {
  expect(postDelaysMs.map((ms) => ms / 1000)).toEqual([1, 2, 5, 10, 20, 40, 120, 600, 3_600, 10_800, 21_600, 43_200]);
});

test('a job that keeps failing lets others pass once they would wait for it more than five minutes, and never after its last retry', () => {
  fc.assert(
    fc.property(fc.constantFrom(postDelaysMs, sendDelaysMs, attachmentDelaysMs), fc.nat({ max: 15 }), (schedule, retries) => {
      const heldMs = schedule.slice(0, retries + 1).reduce((sum, ms) => sum + ms, 0);
      expect(shouldReleaseOrderingKey(schedule, retries)).toBe(
        computeRetryDelayMs(schedule, retries, 0) !== null && heldMs > 5 * 60_000,
      );
    }),
  );
  const first = postDelaysMs.findIndex((_, retries) => shouldReleaseOrderingKey(postDelaysMs, retries));
  expect(postDelaysMs.slice(0, first).reduce((sum, ms) => sum + ms, 0)).toBe(198_000);
});

test('reports that come too early begin with 2 s, 5 s, 10 s, 20 s and end after about 15 minutes', () => {
  expect(tooEarlyDelaysMs.slice(0, 4)).toEqual([2_000, 5_000, 10_000, 20_000]);
  const all = tooEarlyDelaysMs.reduce((sum, ms) => sum + ms, 0);
  expect(all / 60_000).toBeGreaterThan(14);
  expect(all / 60_000).toBeLessThan(17);
});

test('the backoff during an outage is a quarter of its duration, from 5 seconds to 15 minutes', () => {
  expect(computeOutageDelayMs(0, 0)).toBe(5_000);
  expect(computeOutageDelayMs(4 * 60_000, 0)).toBe(60_000);
  expect(computeOutageDelayMs(24 * 3_600_000, 0)).toBe(900_000);
});
