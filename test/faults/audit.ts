import type { Simulator } from '../../src/sandbox/highlevel/simulator.ts';
import type { Crm, ObservedPost } from './crm.ts';
import type { Gateway } from './gateway.ts';
import { expectedStatuses, type Plan, type PlannedMessage } from './plan.ts';
import type { Kill } from './supervisor.ts';

/** What a run leaves behind for the accounting. */
export interface RunRecord {
  plan: Plan;
  crm: Pick<Crm, 'highlevel' | 'contacts' | 'acknowledged' | 'ids' | 'posts'>;
  gateway: Pick<Gateway, 'accepted' | 'replies' | 'requests' | 'invalidSignatures'>;
  kills: readonly Kill[];
  /** When the database was away. */
  downtimes: readonly { from: number; to: number }[];
}

/** Accounts for every message. @returns what is wrong, in sentences; nothing when all promises were kept */
export function auditRun(record: RunRecord): { problems: string[]; duplicateReplies: number } {
  const duplicates = findDuplicateReplies(record);
  return {
    problems: [
      ...checkSends(record),
      ...checkSendOrder(record),
      ...checkStatuses(record),
      ...checkReplyOrder(record),
      ...duplicates.unexplained,
      ...record.gateway.invalidSignatures.map(({ body }) => `A request for ${body.text} had a wrong signature.`),
      ...listViolations(record.crm.highlevel),
    ],
    duplicateReplies: duplicates.count,
  };
}

/** What still is to come, quickly: to know when to stop waiting. */
export function countUnsettled({ plan, crm, gateway }: RunRecord): number {
  const reported = plan.list.filter((message) => {
    const statuses = crm.highlevel.listStatuses(crm.ids.get(message.number) ?? '');
    return statuses.at(-1) === expectedStatuses[message.fate].at(-1);
  });
  const isReported = new Set(reported.map(({ number }) => number));
  const posted = new Set<string | null>(crm.posts.filter(({ hasResponse }) => hasResponse).map(({ altId }) => altId));
  // What was looked for and found got no answer of its own; it is looked up only where a post was begun, as a conversation is a walk
  // through all, and whoever counts holds up the far side.
  const started = new Set(crm.posts.map(({ altId }) => altId));
  const unposted = () => [...gateway.accepted.values()].filter(({ number }) => !posted.has(`answer-${number}`));
  const open = new Set(unposted().flatMap(({ to, number }) => (started.has(`answer-${number}`) ? to : [])));
  for (const { id } of crm.contacts.filter(({ phone }) => phone && open.has(phone))) {
    for (const { altId } of listReplies(crm.highlevel, id)) posted.add(altId);
  }
  const acknowledged = [...crm.acknowledged.values()].flat();
  return acknowledged.filter((number) => !isReported.has(number)).length + unposted().length;
}

function checkSends({ plan, crm, gateway }: RunRecord): string[] {
  const byNumber = Map.groupBy(gateway.accepted.values(), ({ number }) => number);
  const isRefused = (number: number) => (plan.list[number] as PlannedMessage).fate === 'rejected';
  const lost = [...crm.acknowledged.values()]
    .flat()
    .filter((number) => !byNumber.has(number) && !isRefused(number))
    .map((number) => `Message ${number} was acknowledged and never reached its contact.`);
  const twice = [...byNumber]
    .filter(([, taken]) => taken.length > 1)
    .map(([number, taken]) => `Message ${number} reached its contact as ${taken.length} different messages.`);
  return [...lost, ...twice];
}

/** What was given up by HighLevel may or may not have been stored; where it stands among the others nobody promised. */
function checkSendOrder({ crm, gateway }: RunRecord): string[] {
  const reached = Map.groupBy(gateway.accepted.values(), ({ to }) => to);
  return crm.contacts.flatMap(({ phone }, index) => {
    const wanted = crm.acknowledged.get(index) ?? [];
    const got = (reached.get(phone ?? '') ?? []).map(({ number }) => number).filter((number) => wanted.includes(number));
    const expected = wanted.filter((number) => got.includes(number));
    return isSameList(got, expected) ? [] : [`Contact ${index} got ${got} instead of ${expected}.`];
  });
}

function checkStatuses({ plan, crm, gateway }: RunRecord): string[] {
  const acknowledged = new Set([...crm.acknowledged.values()].flat());
  const reached = new Set([...gateway.accepted.values()].map(({ number }) => number));
  return plan.list.flatMap(({ number, fate }) => {
    const reported = crm.highlevel.listStatuses(crm.ids.get(number) ?? '');
    if (!acknowledged.has(number) && !reached.has(number) && reported.length === 0) return [];
    const truth = expectedStatuses[fate];
    const isWrong =
      reported.at(-1) !== truth.at(-1) || reported.some((status) => !(truth as readonly string[]).includes(status));
    const isStepBack = reported.some((status, at) => at > 0 && !mayFollow(reported[at - 1] as string, status));
    if (!isWrong && !isStepBack) return [];
    return [`Message ${number} (${fate}) was reported as ${reported.join(', ') || 'nothing'}.`];
  });
}

function mayFollow(before: string, after: string): boolean {
  return before === after || before === 'failed' || (before === 'delivered' && after === 'read');
}

/** Doubled ones aside: of those the first counts. */
function checkReplyOrder({ crm, gateway }: RunRecord): string[] {
  return crm.contacts.flatMap(({ id, phone }, index) => {
    const wanted = gateway.replies.get(phone ?? '') ?? [];
    const got = [...new Set(listReplies(crm.highlevel, id).map(({ altId }) => altId))];
    return isSameList(got, wanted) ? [] : [`The conversation of contact ${index} has ${got} instead of ${wanted}.`];
  });
}

function listReplies(highlevel: Simulator, contactId: string) {
  return highlevel.listConversation(contactId).filter(({ direction }) => direction === 'inbound');
}

/**
 * HighLevel takes no key that would make a repeated post harmless, so a post whose answer was lost is made again: it broke off on the
 * way, or the process that had it was killed before it could note it, and before anybody posted again.
 */
function findDuplicateReplies({ crm, kills }: RunRecord): { count: number; unexplained: string[] } {
  const stored = Map.groupBy(
    crm.contacts.flatMap(({ id }) => listReplies(crm.highlevel, id)),
    ({ altId }) => altId ?? '',
  );
  const posts = Map.groupBy(
    crm.posts.toSorted((a, b) => a.startedAt - b.startedAt),
    ({ altId }) => altId,
  );
  let count = 0;
  const unexplained: string[] = [];
  for (const [altId, times] of stored) {
    const extra = times.length - 1;
    if (extra === 0) continue;
    count += extra;
    const made = posts.get(altId) ?? [];
    const isLost = (post: ObservedPost, index: number) => {
      const againAt = made[index + 1]?.startedAt ?? 0;
      // A kill takes a moment to show.
      return (
        !post.hasResponse ||
        kills.some(({ at, processIndex }) => processIndex === post.processIndex && at >= post.endedAt - 100 && at <= againAt)
      );
    };
    if (made.filter(isLost).length >= extra) continue;
    unexplained.push(`${altId} stands ${times.length} times, and no word of it was lost: ${JSON.stringify(made)}.`);
  }
  return { count, unexplained };
}

function listViolations(highlevel: Simulator): string[] {
  return highlevel.calls
    .listViolations()
    .map(
      ({ operation, refusal, responseBody: reported }) =>
        `A call that no correct app makes: ${operation} (${refusal}): ${reported.slice(0, 200)}`,
    );
}

function isSameList<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((one, index) => one === b[index]);
}
