import fc from 'fast-check';
import { planClaim } from '../../src/queue/claim.ts';
import type { GroupRow } from '../../src/queue/group-state.ts';

const now = new Date(1_800_000_000_000);
const at = (ms: number) => new Date(now.getTime() + ms);
const perSecond = { intervalMs: 1_000, burst: 1 };

function createGroup(groupKey: string, fields: Partial<GroupRow> = {}): GroupRow {
  const noRow = { tatAt: null, pausedUntil: null, pauseCode: null, intervalMs: null, burst: null, concurrency: null };
  return { groupKey, dueAt: at(-1), ...noRow, ...fields };
}

/** Plans with these quotas for the groups that may start jobs, in their order. */
function plan(groups: readonly GroupRow[], quotas: readonly number[] = [9, 9, 9, 9], maxRead?: number) {
  return planClaim(groups, { defaultLimit: null, quotas: () => [...quotas] }, now, maxRead);
}

const keysOf = (quotas: readonly { groupKey: string }[]) => quotas.map(({ groupKey }) => groupKey);

test.each<[string, GroupRow, { claims: 'unlimited' | 'limited' | null; nextAt: number | null }]>([
  ['due, without limits', createGroup('a'), { claims: 'unlimited', nextAt: null }],
  ['due later', createGroup('a', { dueAt: at(500) }), { claims: null, nextAt: 500 }],
  ['with a free permit', createGroup('a', perSecond), { claims: 'limited', nextAt: null }],
  ['with a concurrency', createGroup('a', { concurrency: 2 }), { claims: 'limited', nextAt: null }],
  ['without a permit yet', createGroup('a', { ...perSecond, tatAt: at(300) }), { claims: null, nextAt: 300 }],
  ['paused', createGroup('a', { pausedUntil: at(2_000), pauseCode: 'daily_cap' }), { claims: null, nextAt: 2_000 }],
  ['after its pause', createGroup('a', { pausedUntil: at(-1), pauseCode: 'daily_cap' }), { claims: 'unlimited', nextAt: null }],
  // Times that a clock wrote while it was ahead.
  [
    'paused for too long',
    createGroup('a', { pausedUntil: at(1e9), pauseCode: 'highlevel_outage' }),
    { claims: 'unlimited', nextAt: null },
  ],
  ['with a tat too far ahead', createGroup('a', { ...perSecond, tatAt: at(1e9) }), { claims: 'limited', nextAt: null }],
])('a group %s', (_, group, { claims, nextAt }) => {
  const planned = plan([group]);
  expect(keysOf(planned.unlimited)).toEqual(claims === 'unlimited' ? ['a'] : []);
  expect(keysOf(planned.limited)).toEqual(claims === 'limited' ? ['a'] : []);
  expect(planned.nextAt).toBe(nextAt === null ? null : at(nextAt).getTime());
  expect(planned).toMatchObject({ cursor: '', isSaturated: false });
});

test('a group of another owner is not claimed and not waited for, but counts as read', () => {
  const elsewhere = { ...createGroup('c', { dueAt: at(700) }), isOwnedElsewhere: true };
  const planned = plan([createGroup('a'), { ...createGroup('b'), isOwnedElsewhere: true }, elsewhere], [9], 3);
  expect(keysOf(planned.unlimited)).toEqual(['a']);
  expect(planned).toMatchObject({ nextAt: null, cursor: 'c', isSaturated: false });
});

test('the default limit of a queue holds for groups without a limit in their row', () => {
  const groups = [createGroup('a'), createGroup('b', { tatAt: at(400) }), createGroup('c', { intervalMs: 10, tatAt: at(10) })];
  const planned = planClaim(groups, { defaultLimit: perSecond, quotas: (keys) => keys.map(() => 1) }, now);
  expect(keysOf(planned.limited)).toEqual(['a']);
  expect(planned.unlimited).toEqual([]);
  expect(planned.nextAt).toBe(at(10).getTime());
});

test.each<[string, readonly number[], number | undefined, { cursor: string; isSaturated: boolean }]>([
  ['all groups were read and served', [1, 1, 1], undefined, { cursor: '', isSaturated: false }],
  ['more groups may follow', [1, 1, 1], 3, { cursor: 'c', isSaturated: false }],
  ['the first groups took all slots', [1, 1, 0], undefined, { cursor: 'b', isSaturated: true }],
  ['only a slow group got no slot', [1, 0, 1], undefined, { cursor: '', isSaturated: true }],
  ['no group got a slot', [0, 0, 0], undefined, { cursor: '', isSaturated: true }],
  ['no group got a slot and more may follow', [0, 0, 0], 3, { cursor: 'c', isSaturated: true }],
])('the cursor when %s', (_, quotas, maxRead, expected) => {
  expect(plan([createGroup('a'), createGroup('b'), createGroup('c')], quotas, maxRead)).toMatchObject(expected);
});

test('a sweep serves each group once, however many slots each poll has', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1 }), fc.integer({ min: 1, max: 40 }), (slots, count) => {
      const maxRead = 7;
      const all = Array.from({ length: count }, (_, index) => createGroup(`g${String(index).padStart(3, '0')}`));
      const served: string[] = [];
      let cursor = '';
      for (let polls = 0; polls === 0 || cursor !== ''; polls++) {
        const read = all.filter(({ groupKey }) => groupKey > cursor).slice(0, maxRead);
        const free = slots[polls % slots.length] as number;
        const planned = plan(
          read,
          read.map((_, index) => (index < free ? 1 : 0)),
          maxRead,
        );
        served.push(...keysOf(planned.unlimited));
        cursor = planned.cursor;
      }
      expect(served).toEqual(keysOf(all));
    }),
  );
});
