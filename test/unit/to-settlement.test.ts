import type { LockedMessage } from '../../src/messages/model/transitions.ts';
import { type DeliverStep, toSettlement } from '../../src/messages/outbound/to-settlement.ts';

const now = new Date(0);
const at = new Date(60_000);
const dueAt = new Date(1_000);
const reason = { code: 'c', message: 'm' };
const pending = { state: 'pending', retryCount: 2, reasonCode: null } as LockedMessage;
const why = { reasonCode: 'c', reason: 'm' };

const rows: [string, DeliverStep, boolean, object, Date | null | undefined][] = [
  ['delivered', { do: 'complete', state: 'delivered' }, false, { state: 'delivered', nextAttemptAt: null }, undefined],
  ['failed', { do: 'complete', state: 'failed', reason }, false, { state: 'failed', ...why }, undefined],
  [
    'failed, while an earlier attempt may have arrived: held for review',
    { do: 'complete', state: 'failed', reason },
    true,
    { ...why, heldForReviewAt: now, nextAttemptAt: null },
    undefined,
  ],
  ['accepted', { do: 'await_receipt' }, false, { reasonCode: 'awaiting_receipt', nextAttemptAt: null }, undefined],
  ['unknown', { do: 'hold_for_review', reason }, false, { ...why, heldForReviewAt: now, nextAttemptAt: null }, undefined],
  ['unavailable', { do: 'retry', at, reason }, false, { ...why, nextAttemptAt: at, retryCount: 3 }, at],
  ['deferred', { do: 'defer', at, reason }, false, { ...why, nextAttemptAt: at, retryCount: 2 }, at],
  [
    'deferred by the pause of its group',
    { do: 'defer', at, reason, dueAt },
    false,
    { ...why, nextAttemptAt: at, retryCount: 2 },
    dueAt,
  ],
  [
    'deferred by a failed lookup, which uses up a retry',
    { do: 'defer', at, reason, isRetry: true },
    false,
    { nextAttemptAt: at, retryCount: 3 },
    at,
  ],
];

const toRunAgainAt = (runAgainAt: ReturnType<typeof toSettlement>['runAgainAt'], current: LockedMessage) =>
  typeof runAgainAt === 'function' ? runAgainAt(current) : runAgainAt;

test.each(rows)('a pending message: %s', (_when, step, mayHaveArrived, patch, runAgainAt) => {
  const settlement = toSettlement(step, { now, connectionId: null, mayHaveArrived });
  expect(settlement.change(pending)).toMatchObject(patch);
  expect(settlement.change(pending)).not.toHaveProperty('connectionId');
  expect(toRunAgainAt(settlement.runAgainAt, pending)).toEqual(runAgainAt);
});

test.each(rows)('a message that a receipt has moved to `read` meanwhile keeps its state: %s', (_when, step, mayHaveArrived) => {
  const read = { ...pending, state: 'read' } as LockedMessage;
  const settlement = toSettlement(step, { now, connectionId: 'connection', mayHaveArrived });
  expect(settlement.change(read)).toEqual({ connectionId: 'connection' });
  expect(toRunAgainAt(settlement.runAgainAt, read) ?? null).toBeNull();
});

test('only a deferral lets later messages pass', () => {
  const letOthersPass = rows.map(([, step]) =>
    toSettlement({ ...step, letsOthersPass: true } as DeliverStep, { now, connectionId: null, mayHaveArrived: false }),
  );
  expect(letOthersPass.map(({ letsOthersPass = false }) => letsOthersPass)).toEqual(
    rows.map(([, step]) => step.do === 'defer'),
  );
});
