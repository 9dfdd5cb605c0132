import { auditRun, type RunRecord } from '../faults/audit.ts';
import { createPlan, shortSize } from '../faults/plan.ts';
import type { Kill } from '../faults/supervisor.ts';

/** A run of three messages to one contact in which every promise was kept; what a test changes breaks one. */
function record() {
  const plan = createPlan(1, { ...shortSize, messages: 3, contacts: 1 });
  const list = plan.list.map((message) => ({ ...message, fate: 'delivered_then_read' as const }));
  const statuses = new Map([0, 1, 2].map((number) => [`h${number}`, ['delivered', 'read']]));
  const conversation = [0, 1, 2].map((number) => ({
    direction: 'inbound',
    altId: `answer-${number}`,
    createdAt: 1_000 * number,
  }));
  const violations: { operation: string; refusal: string; responseBody: string }[] = [];
  const parts = {
    statuses,
    conversation,
    violations,
    acknowledged: [0, 1, 2],
    accepted: [0, 1, 2].map((number) => ({ id: `i${number}`, number, to: '+1' })),
    replies: ['answer-0', 'answer-1', 'answer-2'],
    posts: conversation.map(({ altId, createdAt }) => ({
      altId,
      processIndex: 0,
      startedAt: createdAt,
      endedAt: createdAt,
      hasResponse: true,
    })),
    kills: [] as Kill[],
  };
  const wrong = () =>
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
      away: [],
    } as unknown as RunRecord).problems;
  return { parts, wrong };
}

test('a run in which every promise was kept accounts for everything', () => {
  expect(record().wrong()).toEqual([]);
});

test.each<[string, (parts: ReturnType<typeof record>['parts']) => void, string]>([
  ['a lost message', ({ accepted }) => void accepted.pop(), 'never reached'],
  ['a doubled message', ({ accepted }) => void accepted.push({ id: 'other', number: 2, to: '+1' }), 'different messages'],
  ['messages out of order', ({ accepted }) => void accepted.reverse(), 'instead of'],
  ['a status that is untrue', ({ statuses }) => void statuses.set('h1', ['failed']), 'was reported as failed'],
  ['a status that was never reported', ({ statuses }) => void statuses.set('h1', []), 'was reported as nothing'],
  ['a step back', ({ statuses }) => void statuses.set('h1', ['read', 'delivered', 'read']), 'read, delivered, read'],
  ['a lost answer', ({ conversation }) => void conversation.pop(), 'conversation of contact 0'],
  ['answers out of order', ({ conversation }) => void conversation.reverse(), 'conversation of contact 0'],
  ['an answer doubled for no reason', ({ conversation }) => void conversation.push({ ...conversation[2] } as never), '2 times'],
  [
    'a call that no correct app makes',
    ({ violations }) => void violations.push({ operation: 'x', refusal: 'rate', responseBody: '' }),
    'rate',
  ],
])('%s is found', (_, harm, said) => {
  const { parts, wrong } = record();
  harm(parts);
  expect(wrong()).toContainEqual(expect.stringContaining(said));
});

test('an answer is doubled for a reason when the word of it was lost on the way, or with the process that had it', () => {
  const first = { altId: 'answer-2', processIndex: 0, startedAt: 1_400, endedAt: 1_500, hasResponse: true };
  const duplicates = (post: typeof first, kills: Kill[]) => {
    const { parts, wrong } = record();
    parts.conversation.push({ ...parts.conversation[2] } as never);
    parts.posts.unshift(post);
    parts.kills.push(...kills);
    return wrong();
  };
  expect(duplicates({ ...first, hasResponse: false }, [])).toEqual([]);
  expect(duplicates(first, [{ at: 1_700, processIndex: 0 }])).toEqual([]);
  // Another was killed, or this one too late: it had the answer and posted again all the same.
  expect(duplicates(first, [{ at: 1_700, processIndex: 1 }])).toHaveLength(1);
  expect(duplicates(first, [{ at: 2_100, processIndex: 0 }])).toHaveLength(1);
});
