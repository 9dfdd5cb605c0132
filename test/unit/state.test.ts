import fc from 'fast-check';
import { advance, type MessageState } from '../../src/messages/model/state.ts';

const states: MessageState[] = ['pending', 'delivered', 'read', 'failed'];
const state = fc.constantFrom(...states);
const rank = {
  sms: { pending: 0, failed: 1, delivered: 2, read: 3 },
  email: { pending: 0, delivered: 1, failed: 2, read: 3 },
} as const;

const messageType = fc.constantFrom('sms', 'email');

test('receipts in any order, any number of times, end in the same state', () => {
  fc.assert(
    fc.property(messageType, fc.array(state, { minLength: 1 }), fc.array(fc.nat()), (type, seen, shuffle) => {
      const end = (order: readonly MessageState[]) =>
        order.reduce<MessageState>((at, next) => advance(at, next, type), 'pending');
      const shuffled = [...seen, ...seen]
        .map((one, index) => ({ one, key: shuffle[index % Math.max(shuffle.length, 1)] ?? index }))
        .sort((a, b) => a.key - b.key)
        .map(({ one }) => one);
      expect(end(shuffled)).toBe(end(seen));
    }),
  );
});

test('a state never goes back', () => {
  fc.assert(
    fc.property(
      messageType,
      state,
      state,
      (type, current, wanted) => rank[type][advance(current, wanted, type)] >= rank[type][current],
    ),
  );
});

test('a late `delivered` overrides `failed`, and `failed` after `delivered` or `read` has no effect', () => {
  expect(advance('failed', 'delivered')).toBe('delivered');
  expect(advance('failed', 'read')).toBe('read');
  expect(advance('delivered', 'failed')).toBe('delivered');
  expect(advance('read', 'delivered')).toBe('read');
});

test('an email that a server has taken may still bounce, and a bounce is not taken back by a delivery', () => {
  expect(advance('delivered', 'failed', 'email')).toBe('failed');
  expect(advance('failed', 'delivered', 'email')).toBe('failed');
  expect(advance('failed', 'read', 'email')).toBe('read');
});
