import fc from 'fast-check';
import { knownCarrierCodes, reasonClasses, toCarrierCode, toReasonClass } from '../../src/messages/model/carrier-codes.ts';
import { decideOutcome, type SendFacts } from '../../src/workflows/decide-outcome.ts';
import { triggers } from '../../src/workflows/definitions.ts';
import { findUnmetFilter } from '../../src/workflows/match-filters.ts';

const waits = fc.constantFrom('accepted' as const, 'delivered' as const, 'reply' as const);
const reason = { reasonCode: fc.option(fc.constantFrom('30003', 'opted_out', 'x'), { nil: null }), reason: fc.constant(null) };
const facts: fc.Arbitrary<SendFacts> = fc.record({
  send: fc.record({ state: fc.constantFrom('reserved', 'posting', 'posted', 'refused', 'unconfirmed'), ...reason }),
  message: fc.option(
    fc.record({
      state: fc.constantFrom('pending' as const, 'delivered' as const, 'read' as const, 'failed' as const),
      isAccepted: fc.boolean(),
      ...reason,
    }),
    { nil: null },
  ),
  channelType: fc.constantFrom(null, 'telnyx', 'gateway'),
  reply: fc.option(fc.constantFrom('', 'yes'), { nil: null }),
  isTimedOut: fc.boolean(),
});

test('a workflow that has waited its time always continues, and a failure never counts as delivered', () => {
  fc.assert(
    fc.property(waits, facts, (waitFor, given) => {
      const decision = decideOutcome(waitFor, given);
      if (given.isTimedOut) expect(decision).not.toBeNull();
      const hasFailed = given.send.state === 'refused' || (given.message?.state === 'failed' && given.reply === null);
      if (hasFailed) expect(['failed', 'opted_out']).toContain(decision?.outcome);
      if (given.message === null) expect(decision?.outcome).not.toBe('delivered');
      // What was decided without the time being over stays so when it is.
      if (decision && !given.isTimedOut) expect(decideOutcome(waitFor, { ...given, isTimedOut: true })).toEqual(decision);
    }),
  );
});

test('filters: all must be met, of each one value; an unknown one never is', () => {
  const known = triggers.message_failed.filters;
  const event = { provider: 'sms', sender: '+1555', reasonClass: 'unreachable' };
  const isMet = (field: string, values: string[], operator = '==') =>
    findUnmetFilter([{ field, values, operator }], known, event) === null;
  expect(isMet('provider', ['whatsapp', ' SMS '])).toBe(true);
  expect(isMet('provider', ['whatsapp'])).toBe(false);
  expect(isMet('provider', ['sms'], '!=')).toBe(false);
  expect(isMet('mood', ['good'])).toBe(false);
  expect(findUnmetFilter([], known, event)).toBeNull();
  const two = ['sms', 'whatsapp'].map((value) => ({ field: 'provider', operator: '==', values: [value] }));
  expect(findUnmetFilter(two, known, event)).toBe(two[1]);
});

test('codes of vendors become carriers’ codes only where these are known, and each code has a class', () => {
  expect(toCarrierCode('telnyx', '40310')).toBe('21211');
  expect(toCarrierCode('gateway', '40310')).toBe('40310');
  expect(toCarrierCode(null, 'opted_out')).toBe('21610');
  expect(toReasonClass('telnyx', '40001')).toBe('recipient');
  expect(toReasonClass('gateway', 'no_channel')).toBe('setup');
  fc.assert(
    fc.property(fc.constantFrom(null, 'telnyx', 'gateway', 'constructor'), fc.string(), (channelType, code) => {
      const carrier = toCarrierCode(channelType, code);
      expect(carrier === code || Object.hasOwn(knownCarrierCodes, carrier)).toBe(true);
      expect(Object.keys(reasonClasses)).toContain(toReasonClass(channelType, code));
    }),
  );
});
