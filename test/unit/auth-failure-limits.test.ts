import fc from 'fast-check';
import { toNetwork } from '../../src/core/network.ts';
import { createAuthFailureLimit } from '../../src/http/middleware/auth-failure-limit.ts';
import { createTestClock } from '../support/test-clock.ts';

test('a network of IPv6 is its prefix in every form of the address; IPv4 is itself in every form', () => {
  expect(toNetwork('2001:db8:1:2:3:4:5:6', 64)).toBe('2001:db8:1:2::/64');
  expect(toNetwork('2001:db8:1:2ff::1', 56)).toBe('2001:db8:1:200::/56');
  expect(toNetwork('2001:DB8::1', 64)).toBe('2001:db8:0:0::/64');
  expect(toNetwork('::1', 64)).toBe('0:0:0:0::/64');
  expect(toNetwork('fe80::1%eth0', 64)).toBe('fe80:0:0:0::/64');
  expect(toNetwork('::ffff:203.0.113.9', 64)).toBe('203.0.113.9');
  expect(toNetwork('::ffff:cb00:7109', 56)).toBe('203.0.113.9');
  expect(toNetwork('203.0.113.9', 56)).toBe('203.0.113.9');
  expect(toNetwork(undefined, 64)).toBe('unknown');
  // As Azure's Application Gateway and IIS write X-Forwarded-For.
  expect(toNetwork('203.0.113.9:50123', 64)).toBe('203.0.113.9');
  expect(toNetwork('[2001:db8:1:2::6]:50123', 64)).toBe('2001:db8:1:2::/64');
  expect(toNetwork('[2001:db8:1:2::6]', 64)).toBe('2001:db8:1:2::/64');
});

test('two IPv6 addresses count as one exactly when their first 64 bits are the same', () => {
  const groups = fc.array(fc.nat(0xffff), { minLength: 8, maxLength: 8 });
  const toAddress = (all: readonly number[]) => all.map((group) => group.toString(16)).join(':');
  fc.assert(
    fc.property(groups, groups, (one, other) => {
      fc.pre(one.slice(0, 4).some((group) => group > 0));
      const mixed = [...one.slice(0, 4), ...other.slice(4)];
      expect(toNetwork(toAddress(mixed), 64)).toBe(toNetwork(toAddress(one), 64));
      expect(toNetwork(toAddress(one), 64) === toNetwork(toAddress(other), 64)).toBe(
        toAddress(one.slice(0, 4)) === toAddress(other.slice(0, 4)),
      );
    }),
  );
});

test('any text at all has a network', () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.ipV6(), fc.ipV4()), (text) => typeof toNetwork(text, 64) === 'string'));
});

test('while all networks together fail often, the response to each further failed attempt is delayed, and to a valid one it is not', async () => {
  const clock = createTestClock();
  const seen: string[] = [];
  const limits = createAuthFailureLimit({ clock, alerts: { recordAuthFailure: (_kind, network) => seen.push(network) } });
  const countFailure = (index: number) => limits.recordFailure('context', `2001:db8:${index.toString(16)}::1`);
  for (let index = 0; index < 600; index++) await countFailure(index);
  let isRecorded = false;
  const late = countFailure(600).then(() => {
    isRecorded = true;
  });
  await limits.check('context', '203.0.113.7');
  await new Promise((turn) => setImmediate(turn));
  expect(isRecorded).toBe(false);
  await clock.tick(5_000);
  await late;
  expect(seen.length).toBe(601);
  // A while later the count starts again.
  clock.jump(3 * 60_000);
  await countFailure(601);
});
