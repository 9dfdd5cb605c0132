import { auditRun, type RunRecord } from '../faults/audit.ts';
import { createPlan, shortSize, toReplyId } from '../faults/plan.ts';
import { addRouting, senders } from '../faults/routing.ts';

const phone = '+1';
const stoppedAt = 10_000;

/**
 * Creates a run of four messages to one contact in which every promise was kept: the first two are delivered over two connections, the reply
 * to the second is STOP, and the others are refused for it. A test changes a part to break a promise.
 */
function createRecord() {
  const plan = createPlan(1, { ...shortSize, messages: 4, contacts: 1 });
  const numbers = [0, 1, 2, 3];
  const reached = [0, 1];
  const statuses = new Map(numbers.map((number) => [`h${number}`, reached.includes(number) ? ['delivered'] : ['failed']]));
  const event = (id: string, kind: string, highlevelMessageId: string | null, outcome = 'fired') => ({
    ...{ id, kind, highlevelMessageId, outcome, address: highlevelMessageId === null ? phone : null, details: null },
    ...{ replyId: kind === 'reply_received' ? highlevelMessageId : null, connectionId: kind === 'channel_held' ? 'c1' : null },
    ...{ startedAt: new Date(1_000), endedAt: new Date(1_100) },
  });
  const parts = {
    statuses,
    accepted: reached.map((number) => ({ id: `i${number}`, number, to: phone, from: senders[number] as string })),
    arrivals: reached.map((number) => ({ number, to: phone, at: 1_000 })),
    optOuts: new Map([[phone, { number: 1, at: stoppedAt }]]),
    triggerEvents: [
      event('e0', 'message_delivered', 'h0'),
      event('e1', 'message_delivered', 'h1'),
      event('e2', 'message_failed', 'h2'),
      event('e3', 'message_failed', 'h3'),
      event('e4', 'opted_out', null),
      ...reached.map((number) => event(`r${number}`, 'reply_received', toReplyId(number))),
      event('e5', 'channel_held', null),
    ],
    holds: new Map([['c1', 1]]),
    executions: ['e0', 'e1', 'e2', 'e3', 'e4', 'r0', 'r1', 'e5'].map((eventId) => ({ eventId })),
    firings: [] as { eventId: string; status: number }[],
    kills: [] as { at: number; processIndex: number }[],
    acknowledged: numbers,
    event,
  };
  const conversation = reached.map((number) => ({ direction: 'inbound', altId: toReplyId(number) }));
  const audit = () =>
    auditRun({
      plan: {
        ...plan,
        hasRouting: true,
        list: plan.list.map((message) => ({
          ...{ ...message, fate: 'delivered' as const, isLast: message.number === 1 },
          via: reached.includes(message.number) ? message.number : undefined,
        })),
      },
      crm: {
        highlevel: {
          listStatuses: (id: string) => parts.statuses.get(id) ?? [],
          listConversation: () => conversation,
          calls: { listViolations: () => [] },
          state: { triggers: { t: { executions: parts.executions } } },
        },
        contacts: [{ id: 'c', phone }],
        acknowledged: new Map([[0, parts.acknowledged]]),
        ids: new Map(numbers.map((number) => [number, `h${number}`])),
        posts: [],
        firings: parts.firings,
      },
      gateway: {
        accepted: new Map(parts.accepted.map((one) => [one.id, one])),
        replies: new Map([[phone, reached.map(toReplyId)]]),
        requests: [],
        invalidSignatures: [],
        optOuts: parts.optOuts,
        arrivals: parts.arrivals,
      },
      kills: parts.kills,
      downtimes: [],
      held: new Set(),
      triggerEvents: parts.triggerEvents,
      holds: parts.holds,
    } as unknown as RunRecord).problems;
  return { parts, audit };
}

type Parts = ReturnType<typeof createRecord>['parts'];

test('a run with several senders, an opt-out and triggers in which every promise was kept has no problem', () => {
  expect(createRecord().audit()).toEqual([]);
});

test.each<[string, (parts: Parts) => void, string]>([
  ['order that is lost across connections', ({ accepted }) => void accepted.reverse(), 'got 1,0 instead of 0,1'],
  [
    'a sender that was not asked for',
    ({ accepted }) => void accepted.splice(0, 1, { ...accepted[0], from: '+9' } as never),
    'from +9',
  ],
  [
    'a send after an opt-out was acknowledged',
    ({ arrivals }) => void arrivals.push({ number: 2, to: phone, at: stoppedAt + 60_000 }),
    'Message 2 left 60000 ms after',
  ],
  ['a STOP that was never acknowledged', ({ optOuts }) => void optOuts.clear(), 'reply-1, a STOP, was never acknowledged'],
  [
    'a refusal of a message before the STOP',
    (parts) => {
      parts.accepted.shift();
      parts.arrivals.shift();
      parts.statuses.set('h0', ['failed']);
    },
    'Message 0 was acknowledged and never reached',
  ],
  ['a lost event', ({ triggerEvents }) => void triggerEvents.shift(), 'delivery of message 0 has 0 events instead of 1'],
  [
    'a doubled event',
    (parts) => {
      parts.triggerEvents.push(parts.event('e9', 'message_failed', 'h2'));
      parts.executions.push({ eventId: 'e9' });
    },
    'failure of message 2 has 2 events',
  ],
  ['an event of an opt-out that is lost', removeEvent('e4'), 'opt-out of contact 0 has 0 events'],
  ['an event of a reply that is lost', removeEvent('r1'), 'The reply-1 has 0 events instead of 1'],
  ['a hold without its event', removeEvent('e5'), 'hold of connection c1 has 0 events instead of 1'],
  ['a connection that was never held', ({ holds }) => void holds.set('c2', 0), 'Connection c2 was never held'],
  [
    'a workflow that was started twice',
    ({ executions }) => void executions.push({ eventId: 'e0' }),
    'started its workflow 2 times',
  ],
  ['a workflow that was not started', ({ executions }) => void executions.shift(), 'has not started its workflow'],
  ['an event that ended without its workflow', ({ triggerEvents }) => setOutcome(triggerEvents, 'refused'), 'was lost'],
  ['an event that has not ended', ({ triggerEvents }) => setOutcome(triggerEvents, null), 'it has not ended'],
  [
    'an uncertain event without a cause',
    ({ triggerEvents }) => setOutcome(triggerEvents, 'unconfirmed'),
    'no response was lost',
  ],
  ['a start without an event', ({ executions }) => void executions.push({ eventId: 'e77' }), 'e77, no stored event'],
])('%s is found', (_, harm, problem) => {
  const { parts, audit } = createRecord();
  harm(parts);
  expect(audit()).toContainEqual(expect.stringContaining(problem));
});

test('a send that was under way when the opt-out was acknowledged is no problem', () => {
  const { parts, audit } = createRecord();
  parts.arrivals.push({ number: 1, to: phone, at: stoppedAt + 500 });
  expect(audit()).toEqual([]);
});

test('an uncertain event is explained by a lost response or a kill, whether its workflow was started or not', () => {
  const judge = (change: (parts: Parts) => void) => {
    const { parts, audit } = createRecord();
    setOutcome(parts.triggerEvents, 'unconfirmed');
    change(parts);
    return audit();
  };
  const lose = ({ firings }: Parts, status: number) => void firings.push({ eventId: 'e0', status });
  expect(judge((parts) => lose(parts, 0))).toEqual([]);
  expect(judge((parts) => lose(parts, 502))).toEqual([]);
  expect(judge(({ kills }) => void kills.push({ at: 1_050, processIndex: 0 }))).toEqual([]);
  expect(
    judge((parts) => {
      lose(parts, 0);
      parts.executions.shift();
    }),
  ).toEqual([]);
  // HighLevel has responded to it, or another event was hit, or the kill came later.
  expect(judge((parts) => lose(parts, 200))).toHaveLength(1);
  expect(judge(({ firings }) => void firings.push({ eventId: 'e1', status: 0 }))).toHaveLength(1);
  expect(judge(({ kills }) => void kills.push({ at: 5_000, processIndex: 0 }))).toHaveLength(1);
});

test('a plan with routing draws the same again, and lets a contact opt out between two of its messages', () => {
  const plan = addRouting(createPlan(3, { ...shortSize, messages: 400, contacts: 40 }));
  expect(addRouting(createPlan(3, { ...shortSize, messages: 400, contacts: 40 }))).toEqual(plan);
  const last = plan.list.filter(({ isLast }) => isLast);
  expect(last.length).toBeGreaterThan(3);
  for (const { contact, at, fate } of last) {
    const own = plan.list.filter((message) => message.contact === contact);
    expect(fate).not.toBe('rejected');
    expect(own.some((message) => message.at < at)).toBe(true);
    expect(own.some((message) => message.at > at)).toBe(true);
  }
  expect(new Set(plan.list.map(({ via }) => via))).toEqual(new Set([undefined, 0, 1, 2]));
});

function setOutcome(events: Parts['triggerEvents'], outcome: string | null): void {
  (events[0] as { outcome: string | null }).outcome = outcome;
}

function removeEvent(id: string) {
  return ({ triggerEvents }: Parts) =>
    void triggerEvents.splice(
      triggerEvents.findIndex((event) => event.id === id),
      1,
    );
}
