import fc from 'fast-check';
import { computeRecipientStates, parseRecipients, type RecipientReceipt } from '../../src/messages/model/recipients.ts';

const addresses = ['maya@example.com', 'ben@example.com', 'cleo@example.com'];
const to = addresses.join(', ');

test('addresses are read with and without names', () => {
  expect(parseRecipients('a@b.c')).toEqual(['a@b.c']);
  expect(parseRecipients('"Ortiz, Maya" <maya@example.com>, ben@example.com')).toEqual(['maya@example.com', 'ben@example.com']);
  expect(parseRecipients(null)).toEqual([]);
});

test('a receipt of one recipient has no effect on another, and a receipt without a recipient is of all', () => {
  const failed = { state: 'failed', recipient: 'Maya <MAYA@example.com>', code: '5.2.2', reason: 'full' } as const;
  expect(computeRecipientStates(to, [failed])).toEqual([
    { address: 'maya@example.com', state: 'failed', code: '5.2.2', reason: 'full' },
    { address: 'ben@example.com', state: 'pending', code: null, reason: null },
    { address: 'cleo@example.com', state: 'pending', code: null, reason: null },
  ]);
  const all = computeRecipientStates(to, [failed, { state: 'delivered', recipient: null, code: null, reason: null }]);
  // A bounce beats a delivery.
  expect(all.map(({ state, reason }) => [state, reason])).toEqual([
    ['failed', 'full'],
    ['delivered', null],
    ['delivered', null],
  ]);
});

test('a recipient of an international domain is the one that a receipt names in ASCII, or in Unicode', () => {
  const receipt = { state: 'failed', code: '5.1.1', reason: 'unknown' } as const;
  for (const recipient of ['weg@xn--bcher-kva.example', 'WEG@Bücher.example']) {
    const states = computeRecipientStates('Weg@bücher.example, da@bücher.example', [{ ...receipt, recipient }]);
    expect(states.map(({ address, state }) => [address, state])).toEqual([
      ['Weg@bücher.example', 'failed'],
      ['da@bücher.example', 'pending'],
    ]);
  }
});

test('receipts in any order, any number of times, end in the same states', () => {
  const receipt = fc.record({
    state: fc.constantFrom('pending', 'delivered', 'read', 'failed'),
    recipient: fc.constantFrom(...addresses, 'stranger@example.com', null),
    code: fc.constant('code'),
    reason: fc.constant('why'),
  }) as fc.Arbitrary<RecipientReceipt>;
  fc.assert(
    fc.property(fc.array(receipt), (receipts) => {
      expect(computeRecipientStates(to, [...receipts].reverse().concat(receipts))).toEqual(
        computeRecipientStates(to, receipts),
      );
    }),
  );
});
