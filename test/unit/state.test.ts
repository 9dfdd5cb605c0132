import fc from 'fast-check';
import { advance, type MessageState } from '../../src/messages/model/state.ts';

const states: MessageState[] = ['pending', 'delivered', 'read', 'failed'];
const state = fc.constantFrom(...states);
const rank: Record<MessageState, number> = { pending: 0, failed: 1, delivered: 2, read: 3 };

test('receipts in any order, any number of times, end in the same state', () => {
  fc.assert(
    fc.property(fc.array(state, { minLength: 1 }), fc.array(fc.nat()), (seen, shuffle) => {
      const end = (order: readonly MessageState[]) => order.reduce(advance, 'pending');
      const shuffled = [...seen, ...seen]
        .map((one, index) => ({ one, key: shuffle[index % Math.max(shuffle.length, 1)] ?? index }))
        .sort((a, b) => a.key - b.key)
        .map(({ one }) => one);
      expect(end(shuffled)).toBe(end(seen));
    }),
  );
});

test('a state never goes back', () => {
  fc.assert(fc.property(state, state, (current, wanted) => rank[advance(current, wanted)] >= rank[current]));
});

test('a late `delivered` overrides `failed`, and `failed` after `delivered` or `read` has no effect', () => {
  expect(advance('failed', 'delivered')).toBe('delivered');
  expect(advance('failed', 'read')).toBe('read');
  expect(advance('delivered', 'failed')).toBe('delivered');
  expect(advance('read', 'delivered')).toBe('read');
});
