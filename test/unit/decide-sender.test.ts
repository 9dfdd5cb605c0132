import fc from 'fast-check';
import { routingPolicy } from '../../src/connections/routing-policy.ts';
import {
  decideSender,
  type RoutingFacts,
  type RuleName,
  routingRules,
  unavailableReasons,
} from '../../src/messages/routing/decide-sender.ts';

const ids = [
  '00000000-0000-7000-8000-00000000000a',
  '00000000-0000-7000-8000-00000000000b',
  '00000000-0000-7000-8000-00000000000c',
];
const gone = '00000000-0000-7000-8000-00000000000f';
const senders = ['+12025550101', '+12025550102'];

const unavailable = fc.option(fc.constantFrom(...unavailableReasons), { nil: null });
const target = {
  connectionId: fc.constantFrom(...ids, gone),
  sender: fc.option(fc.constantFrom(...senders), { nil: undefined }),
};
const when = fc.oneof(
  fc.record({ override: fc.constantFrom('1', '2', 'Sales') }),
  fc.record({ tag: fc.constantFrom('vip', 'late payer') }),
  fc.record({ assignedTo: fc.constantFrom('ana', 'ben') }),
  fc.record({ country: fc.constantFrom('US', 'GB') }),
  fc.record({ prefix: fc.constantFrom('+1202', '+44') }),
);
const policy = fc
  .record({
    rules: fc.array(fc.record({ when, ...target }), { maxLength: 6 }),
    sticky: fc.boolean(),
    spread: fc.array(fc.record({ ...target, weight: fc.integer({ min: 1, max: 5 }) }), { maxLength: 3 }),
    whenUnavailable: fc.constantFrom('wait', 'fail', 'next'),
  })
  .map((value) => routingPolicy.parse(value));

const facts: fc.Arbitrary<RoutingFacts> = fc.record({
  policy,
  connections: fc
    .subarray(ids, { minLength: 1 })
    .chain((present) =>
      fc.tuple(
        fc.shuffledSubarray(present, { minLength: present.length }),
        fc.constantFrom(...present),
        fc.array(unavailable, { minLength: 3, maxLength: 3 }),
        fc.array(unavailable, { minLength: 2, maxLength: 2 }),
      ),
    )
    .map(([order, byDefault, problems, ofSenders]) =>
      order.map((id, index) => ({
        id,
        isDefault: id === byDefault,
        unavailable: problems[index] ?? null,
        ownSender: index === 0 ? (senders[0] as string) : null,
        senders: senders.map((address, at) => ({ address, unavailable: ofSenders[at] ?? null })),
      })),
    ),
  message: fc.record({
    to: fc.option(fc.constantFrom('+12025550143', '+447400123456', 'maya@example.com'), { nil: null }),
    text: fc.option(fc.constantFrom('hello', '#2 hello', '#sales\nhello', '#2', '#9 hello', '#2hello', ''), { nil: null }),
    country: fc.option(fc.constantFrom('US', 'GB'), { nil: null }),
    contactKey: fc.string({ maxLength: 20 }),
  }),
  contact: fc.option(
    fc.record({
      tags: fc.subarray(['VIP', 'late payer', 'other']),
      assignedTo: fc.option(fc.constantFrom('ana', 'ben'), { nil: null }),
    }),
    { nil: null },
  ),
  lastUsed: fc.option(
    fc.record({ connectionId: fc.constantFrom(...ids, gone), sender: fc.option(fc.constantFrom(...senders), { nil: null }) }),
    { nil: null },
  ),
  requested: fc.option(
    fc.record({ connectionId: fc.constantFrom(...ids, null), sender: fc.constantFrom(...senders, '+12025550199') }),
    { nil: null },
  ),
});

const isAvailable = (given: RoutingFacts, { connectionId, sender }: { connectionId: string; sender: string | null }) => {
  const connection = given.connections.find(({ id }) => id === connectionId);
  const address = sender ?? connection?.ownSender;
  return !connection?.unavailable && !connection?.senders.find((one) => one.address === address)?.unavailable;
};

test('a decision is total: each message gets a connection that exists', () => {
  fc.assert(
    fc.property(facts, (given) => {
      expect(given.connections.map(({ id }) => id)).toContain(decideSender(given).connectionId);
    }),
  );
});

test('a decision is deterministic: the same facts give the same one', () => {
  fc.assert(fc.property(facts, (given) => expect(decideSender(structuredClone(given))).toEqual(decideSender(given))));
});

test('a decision is explained: a line for each rule in order, up to the one that decided and no further', () => {
  fc.assert(
    fc.property(facts, (given) => {
      const { rule, steps, fails } = decideSender(given);
      const asked = steps.filter((step) => step.rule !== 'next');
      const rules = routingRules.filter((one) => one !== 'workflow' || given.requested !== null);
      expect(asked.map((step) => step.rule)).toEqual(rules.slice(0, rules.indexOf(rule) + 1));
      const decided = asked.at(-1);
      expect(['chosen', 'replaced', 'waits', 'fails']).toContain(decided?.result);
      expect(decided?.result === 'fails').toBe(fails);
      expect(decided?.because === undefined).toBe(decided?.result === 'chosen');
      expect(steps.some((step) => step.rule === 'next')).toBe(decided?.result === 'replaced');
      for (const step of asked.slice(0, -1)) expect(['off', 'no_match', 'unknown', 'removed']).toContain(step.result);
    }),
  );
});

test('what is unavailable is used only to wait or to fail, and never while the next one is available', () => {
  fc.assert(
    fc.property(facts, (given) => {
      const decision = decideSender(given);
      const result = decision.steps.findLast((step) => step.rule !== 'next')?.result;
      expect(isAvailable(given, decision)).toBe(result === 'chosen' || result === 'replaced');
      if (result !== 'waits') return;
      expect(given.policy.whenUnavailable).not.toBe('fail');
      if (given.policy.whenUnavailable === 'wait') return;
      expect(given.connections.some(({ id }) => isAvailable(given, { connectionId: id, sender: null }))).toBe(false);
    }),
  );
});

test('a lower rule never changes what a higher one decides', () => {
  const order: RuleName[] = [...routingRules];
  fc.assert(
    fc.property(facts, (given) => {
      const decision = decideSender(given);
      const isHigher = (name: RuleName) => order.indexOf(name) <= order.indexOf(decision.rule);
      const kinds = {
        override: 'override',
        tag: 'tag',
        assignedTo: 'assignedTo',
        country: 'address',
        prefix: 'address',
      } as const;
      const higher = given.policy.rules.filter((rule) =>
        isHigher(kinds[Object.entries(rule.when).find(([, value]) => value)?.[0] as keyof typeof kinds]),
      );
      const without = {
        ...given.policy,
        rules: higher,
        sticky: given.policy.sticky && isHigher('sticky'),
        spread: isHigher('spread') ? given.policy.spread : [],
      };
      const { connectionId, sender, rule, text } = decideSender({ ...given, policy: without });
      expect({ connectionId, sender, rule, text }).toEqual({
        connectionId: decision.connectionId,
        sender: decision.sender,
        rule: decision.rule,
        text: decision.text,
      });
    }),
  );
});

test('only an override that decided is cut off the text', () => {
  fc.assert(
    fc.property(facts, (given) => {
      const { rule, text } = decideSender(given);
      expect(text).toBe(rule === 'override' ? 'hello' : given.message.text);
    }),
  );
});

const [first = '', second = '', third = ''] = ids;
const connection = (id: string, more = {}) => ({
  id,
  isDefault: id === first,
  unavailable: null,
  ownSender: null,
  senders: [],
  ...more,
});
const example = (given: object, rest: Partial<RoutingFacts> = {}): RoutingFacts => ({
  policy: routingPolicy.parse(given),
  connections: [connection(first), connection(second), connection(third)],
  message: { to: '+12025550143', text: 'hello', country: 'US', contactKey: 'maya' },
  contact: { tags: ['VIP'], assignedTo: 'ana' },
  lastUsed: { connectionId: third, sender: null },
  requested: null,
  ...rest,
});

test('the rules are asked in the documented order, whatever the order in which they are written', () => {
  const rules = [
    { when: { prefix: '+1202' }, connectionId: first },
    { when: { assignedTo: 'ana' }, connectionId: second },
    { when: { tag: 'vip' }, connectionId: third },
  ];
  const decide = (from: number) => decideSender(example({ rules: rules.slice(0, from), sticky: true }));
  expect([3, 2, 1, 0].map((from) => decide(from).rule)).toEqual(['tag', 'assignedTo', 'address', 'sticky']);
  expect(decide(3)).toMatchObject({ connectionId: third, steps: [{}, { rule: 'tag', result: 'chosen', value: 'vip' }] });
});

test('an unknown override is text of the message', () => {
  const rules = [{ when: { override: '2' }, connectionId: second }];
  const decide = (text: string) => decideSender(example({ rules }, { message: { ...example({}).message, text } }));
  expect(decide('#2 see you')).toMatchObject({ connectionId: second, text: 'see you' });
  expect(decide('#1 see you')).toMatchObject({ connectionId: first, rule: 'default', text: '#1 see you' });
});

test('the pool spreads contacts by weight, and a new member moves only those that it takes', () => {
  const contacts = Array.from({ length: 3_000 }, (_, index) => `contact ${index}`);
  const choose = (spread: object[]) =>
    contacts.map(
      (contactKey) => decideSender(example({ spread }, { message: { ...example({}).message, contactKey } })).connectionId,
    );
  const two = [{ connectionId: first, weight: 3 }, { connectionId: second }];
  const before = choose(two);
  expect(before.filter((id) => id === first).length / contacts.length).toBeCloseTo(0.75, 1);
  const after = choose([...two, { connectionId: third }]);
  expect(after.every((id, index) => id === before[index] || id === third)).toBe(true);
  expect(after.filter((id) => id === third).length / contacts.length).toBeCloseTo(0.2, 1);
});

test('the sender that a workflow has chosen goes before every rule; one that no connection has goes with the connection of the rules', () => {
  const rules = [{ when: { tag: 'vip' }, connectionId: second, sender: '+12025550101' }];
  const found = { connectionId: third, sender: '+12025550177' };
  expect(decideSender(example({ rules }, { requested: found }))).toMatchObject({
    ...found,
    rule: 'workflow',
    steps: [{ rule: 'workflow', result: 'chosen', value: '+12025550177' }],
  });
  const unknown = { connectionId: null, sender: '+12025550177' };
  expect(decideSender(example({ rules }, { requested: unknown }))).toMatchObject({
    ...{ connectionId: second, sender: '+12025550177', rule: 'tag' },
    steps: [{ rule: 'workflow', result: 'no_match' }, { rule: 'override' }, { rule: 'tag', result: 'chosen' }],
  });
  const held = [connection(first), connection(second), connection(third, { unavailable: 'held' })];
  const policy = { rules, whenUnavailable: 'next' };
  expect(decideSender(example(policy, { requested: found, connections: held }))).toMatchObject({
    ...{ connectionId: first, sender: null, rule: 'workflow' },
    steps: [{ rule: 'workflow', result: 'replaced', because: 'held' }, { rule: 'next' }],
  });
});
