import fc from 'fast-check';
import { decideChanges, type LedgerState, type OptOutEvent } from '../../src/messages/opt-outs/decide.ts';

interface Row {
  id: string;
  category: 'all' | 'marketing';
  source: string;
  confirmedAt: Date;
  lifted: { at: Date; by: string } | null;
}

/** Applies decisions as the ledger writes them. */
function apply(rows: Row[], event: OptOutEvent): void {
  const state: LedgerState = {
    open: rows.filter(({ lifted }) => lifted === null),
    optIns: rows.flatMap(({ category, lifted }) =>
      lifted ? [{ category, isByHighLevel: lifted.by === 'highlevel', at: lifted.at }] : [],
    ),
  };
  const { category, source, occurredAt } = event;
  const isLifted = { at: occurredAt, by: source };
  for (const change of decideChanges(state, event)) {
    const row = 'id' in change ? rows.find(({ id }) => id === change.id) : undefined;
    if (change.kind === 'confirm' && row) row.confirmedAt = occurredAt;
    if (change.kind === 'lift' && row) row.lifted = isLifted;
    if (change.kind === 'open' || change.kind === 'mark') {
      const lifted = change.kind === 'mark' ? isLifted : null;
      rows.push({ id: String(rows.length), category, source, confirmedAt: occurredAt, lifted });
    }
  }
}

/** The state that the times of events say: the newest of each source decides, an opt-out wins within a moment. */
function fold(events: readonly OptOutEvent[]): 'all' | 'marketing' | null {
  const last = (filter: (event: OptOutEvent) => boolean) =>
    Math.max(-1, ...events.filter(filter).map(({ occurredAt }) => occurredAt.getTime()));
  const isOut = (isHighLevel: boolean, category: string) => {
    const outAt = last((one) => one.optedOut && one.category === category && (one.source === 'highlevel') === isHighLevel);
    const inAt = last(
      (one) =>
        !one.optedOut && (one.category === 'all' || one.category === category) && (one.source !== 'highlevel' || isHighLevel),
    );
    return outAt >= 0 && outAt >= inAt;
  };
  if (isOut(false, 'all') || isOut(true, 'all')) return 'all';
  return isOut(false, 'marketing') ? 'marketing' : null;
}

const moment = fc.integer({ min: 0, max: 9 }).map((second) => new Date(second));
const event: fc.Arbitrary<OptOutEvent> = fc.oneof(
  fc.record({
    optedOut: fc.boolean(),
    category: fc.constantFrom('all', 'marketing'),
    source: fc.constantFrom('contact', 'vendor'),
    occurredAt: moment,
  }),
  fc.record({
    optedOut: fc.boolean(),
    category: fc.constant('all'),
    source: fc.constant('highlevel'),
    occurredAt: moment,
  }),
);
const deliveries = fc
  .array(event, { minLength: 1, maxLength: 9 })
  .chain((events) => fc.tuple(fc.shuffledSubarray(events, { minLength: events.length }), fc.array(fc.constantFrom(...events))));

test('any order and repetition of events leads to the state that their times say, with one open row of a kind at most', () => {
  fc.assert(
    fc.property(deliveries, ([events, repeats]) => {
      const rows: Row[] = [];
      for (const one of [...events, ...repeats]) apply(rows, one);
      const open = rows.filter(({ lifted }) => lifted === null);
      const found = open.some(({ category }) => category === 'all') ? 'all' : (open[0]?.category ?? null);
      expect(found).toBe(fold(events));
      const kinds = open.map(({ category, source }) => `${category}/${source === 'highlevel'}`);
      expect(new Set(kinds).size).toBe(kinds.length);
    }),
    { numRuns: 3_000 },
  );
});

test('an event that arrives again changes no row', () => {
  fc.assert(
    fc.property(fc.array(event, { minLength: 1, maxLength: 9 }), (events) => {
      const rows: Row[] = [];
      for (const one of events) apply(rows, one);
      const before = structuredClone(rows);
      for (const one of events) apply(rows, one);
      expect(rows.filter(({ lifted }) => lifted === null)).toEqual(before.filter(({ lifted }) => lifted === null));
    }),
    { numRuns: 3_000 },
  );
});

test('HighLevel clears its own do-not-disturb alone; a contact’s opt-in ends both', () => {
  const at = (second: number) => new Date(second);
  const rows: Row[] = [];
  apply(rows, { optedOut: true, category: 'all', source: 'contact', occurredAt: at(1) });
  apply(rows, { optedOut: true, category: 'all', source: 'highlevel', occurredAt: at(2) });
  apply(rows, { optedOut: false, category: 'all', source: 'highlevel', occurredAt: at(3) });
  expect(rows.map(({ source, lifted }) => [source, lifted?.by])).toEqual([
    ['contact', undefined],
    ['highlevel', 'highlevel'],
  ]);
  apply(rows, { optedOut: true, category: 'all', source: 'highlevel', occurredAt: at(4) });
  apply(rows, { optedOut: false, category: 'all', source: 'contact', occurredAt: at(5) });
  expect(rows.every(({ lifted }) => lifted !== null)).toBe(true);
});
