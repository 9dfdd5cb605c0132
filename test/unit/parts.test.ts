import fc from 'fast-check';
import { listPhoneSpellings } from '../../src/core/phone-spellings.ts';
import { computePartsState, type PartReceipt } from '../../src/messages/model/parts.ts';

const receipt = (part: number, state: PartReceipt['state'], partCount = 3): PartReceipt => ({
  part,
  partCount,
  state,
  code: state === 'failed' ? 'c' : null,
  reason: state === 'failed' ? 'why' : null,
});

test.each<[string, PartReceipt[], string]>([
  ['no part is reported', [], 'pending'],
  ['one is missing', [receipt(0, 'delivered'), receipt(2, 'read')], 'pending'],
  ['all are delivered', [0, 1, 2].map((part) => receipt(part, 'delivered')), 'delivered'],
  ['the last is read', [receipt(0, 'delivered'), receipt(1, 'delivered'), receipt(2, 'read')], 'read'],
  ['another is read', [receipt(0, 'read'), receipt(1, 'delivered'), receipt(2, 'delivered')], 'delivered'],
  ['one has failed', [receipt(0, 'delivered'), receipt(1, 'failed'), receipt(2, 'read')], 'failed'],
  ['a failure was followed by a delivery', [receipt(0, 'failed', 1), receipt(0, 'delivered', 1)], 'delivered'],
])('where %s the message is %3$s', (_when, receipts, state) => {
  expect(computePartsState(receipts).state).toBe(state);
});

test('receipts of parts lead to one state, in any order and however often they are repeated', () => {
  const anyReceipt = fc.record({
    part: fc.integer({ min: 0, max: 2 }),
    state: fc.constantFrom<PartReceipt['state']>('delivered', 'read', 'failed'),
  });
  fc.assert(
    fc.property(fc.array(anyReceipt, { maxLength: 8 }), fc.infiniteStream(fc.nat()), (drawn, order) => {
      const receipts = drawn.map(({ part, state }) => receipt(part, state));
      const shuffled = [...receipts, ...receipts]
        .map((one) => ({ one, at: order.next().value as number }))
        .sort((a, b) => a.at - b.at)
        .map(({ one }) => one);
      expect(computePartsState(shuffled)).toEqual(computePartsState(receipts));
    }),
  );
});

test.each([
  ['+5511987654321', '+551187654321'],
  ['+5215512345678', '+525512345678'],
  ['+5491123456789', '+541123456789'],
])('%s is also written %s, and the other way round', (long, short) => {
  expect(listPhoneSpellings(long)).toEqual([long, short]);
  expect(listPhoneSpellings(short)).toEqual([short, long]);
});

test.each(['+12025550143', '+551134567890', '+4915112345678', 'US.13491208655302741918', ''])(
  '%s has one spelling',
  (address) => {
    expect(listPhoneSpellings(address)).toEqual([address]);
  },
);
