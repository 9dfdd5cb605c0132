import { auditRun, type RunRecord } from '../faults/audit.ts';
import { createPlan, shortSize, toReplyId } from '../faults/plan.ts';
import type { Kill } from '../faults/supervisor.ts';

/** Creates a run of three messages to one contact in which every promise was kept; a test changes a part to break one. */
function createRecord() {
  const plan = createPlan(1, { ...shortSize, messages: 3, contacts: 1 });
  const list = plan.list.map((message) => ({ ...message, fate: 'delivered_then_read' as const }));
  const statuses = new Map([0, 1, 2].map((number) => [`h${number}`, ['delivered', 'read']]));
  const conversation = [0, 1, 2].map((number) => ({
    direction: 'inbound',
    altId: toReplyId(number),
    createdAt: 1_000 * number,
  }));
  const violations: { operation: string; refusal: string; responseBody: string }[] = [];
  const parts = {
    statuses,
    conversation,
    violations,
    acknowledged: [0, 1, 2],
    accepted: [0, 1, 2].map((number) => ({ id: `i${number}`, number, to: '+1' })),
    replies: [0, 1, 2].map(toReplyId),
    posts: conversation.map(({ altId, createdAt }) => ({
      altId,
      processIndex: 0,
      startedAt: createdAt,
      endedAt: createdAt,
      hasResponse: true,
    })),
    kills: [] as Kill[],
  };
  const audit = () =>
    auditRun({
      plan: { ...plan, list },
      crm: {
        highlevel: {
          listStatuses: (id: string) => parts.statuses.get(id) ?? [],
          listConversation: () => parts.conversation,
          calls: { listViolations: () => parts.violations },
        },
        contacts: [{ id: 'c', phone: '+1' }],
        acknowledged: new Map([[0, parts.acknowledged]]),
        ids: new Map([0, 1, 2].map((number) => [number, `h${number}`])),
        posts: parts.posts,
      },
      gateway: {
        accepted: new Map(parts.accepted.map((one) => [one.id, one])),
        replies: new Map([['+1', parts.replies]]),
        requests: [],
        invalidSignatures: [],
      },
      kills: parts.kills,
      downtimes: [],
      held: new Set(),
    } as unknown as RunRecord).problems;
  return { parts, audit };
}

test('a run in which every promise was kept has no problem', () => {
  expect(createRecord().audit()).toEqual([]);
});

test.each<[string, (parts: ReturnType<typeof createRecord>['parts']) => void, string]>([
  ['a lost message', ({ accepted }) => void accepted.pop(), 'never reached'],
  ['a doubled message', ({ accepted }) => void accepted.push({ id: 'other', number: 2, to: '+1' }), 'different messages'],
  ['messages out of order', ({ accepted }) => void accepted.reverse(), 'instead of'],
  ['a status that is untrue', ({ statuses }) => void statuses.set('h1', ['failed']), 'was reported as failed'],
  ['a status that was never reported', ({ statuses }) => void statuses.set('h1', []), 'was reported as no status'],
  ['a step back', ({ statuses }) => void statuses.set('h1', ['read', 'delivered', 'read']), 'read, delivered, read'],
  ['a lost reply', ({ conversation }) => void conversation.pop(), 'conversation of contact 0'],
  ['replies out of order', ({ conversation }) => void conversation.reverse(), 'conversation of contact 0'],
  ['a reply doubled for no reason', ({ conversation }) => void conversation.push({ ...conversation[2] } as never), '2 times'],
  [
    'a call that no correct app makes',
    ({ violations }) => void violations.push({ operation: 'x', refusal: 'rate', responseBody: '' }),
    'rate',
  ],
])('%s is found', (_, harm, problem) => {
  const { parts, audit } = createRecord();
  harm(parts);
  expect(audit()).toContainEqual(expect.stringContaining(problem));
});

test('a doubled reply is explained when the response to its post was lost on the network, or with the killed process', () => {
  const first = { altId: toReplyId(2), processIndex: 0, startedAt: 1_400, endedAt: 1_500, hasResponse: true };
  const duplicates = (post: typeof first, kills: Kill[]) => {
    const { parts, audit } = createRecord();
    parts.conversation.push({ ...parts.conversation[2] } as never);
    parts.posts.unshift(post);
    parts.kills.push(...kills);
    return audit();
  };
  expect(duplicates({ ...first, hasResponse: false }, [])).toEqual([]);
  expect(duplicates(first, [{ at: 1_700, processIndex: 0 }])).toEqual([]);
  // Another process was killed, or this one too late: it had the response and posted again.
  expect(duplicates(first, [{ at: 1_700, processIndex: 1 }])).toHaveLength(1);
  expect(duplicates(first, [{ at: 2_100, processIndex: 0 }])).toHaveLength(1);
});
