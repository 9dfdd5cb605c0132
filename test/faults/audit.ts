import type { Simulator } from '../../src/sandbox/highlevel/simulator.ts';
import { auditRouting, mayBeLeftOpen, wasStopped } from './audit-routing.ts';
import type { Crm, ObservedPost } from './crm.ts';
import type { Gateway } from './gateway.ts';
import { expectedStatuses, type Plan, type PlannedMessage, toReplyId, toReplyIdOfText } from './plan.ts';
import type { StoredTriggerEvent } from './routing.ts';
import type { Kill } from './supervisor.ts';

/** Record of a run, for its audit. */
export interface RunRecord {
  plan: Plan;
  crm: Pick<Crm, 'highlevel' | 'contacts' | 'locations' | 'acknowledged' | 'ids' | 'posts' | 'firings'>;
  gateway: Pick<Gateway, 'accepted' | 'replies' | 'requests' | 'invalidSignatures' | 'hasNoLookUp' | 'optOuts' | 'arrivals'>;
  kills: readonly Kill[];
  /** Times without the database. */
  downtimes: readonly { from: number; to: number }[];
  /** Messages that wait for a person, as it could not be found out whether they were sent. */
  held: Set<number>;
  /** Messages whose send was under way on a host that was cut off: they may arrive late, when later ones have passed them. */
  underWay?: ReadonlySet<number>;
  /** Events of the outbox when the run has settled, in a run with triggers. */
  triggerEvents?: readonly StoredTriggerEvent[];
  /** How often each connection was held whose account was refused on purpose. */
  holds?: ReadonlyMap<string, number>;
}

/** Accounts for every message. @returns the broken promises, in sentences */
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
      ...auditRouting(record),
    ],
    duplicateReplies: duplicates.count,
  };
}

/** Counts cheaply the reports and replies that HighLevel still lacks. */
export function countUnsettled(record: RunRecord): number {
  const { plan, crm, gateway, held } = record;
  const reached = new Set([...gateway.accepted.values()].map(({ number }) => number));
  const reported = plan.list.filter((message) => {
    const statuses = crm.highlevel.listStatuses(crm.ids.get(message.number) ?? '');
    return statuses.at(-1) === listExpected(record, message, reached).at(-1);
  });
  const isReported = new Set(reported.map(({ number }) => number));
  const posted = new Set<string | null>(crm.posts.filter(({ hasResponse }) => hasResponse).map(({ altId }) => altId));
  // A reply that the program found in the conversation has no post with a response. Only conversations with a started post are read,
  // as each read walks through all messages and delays the simulated HighLevel.
  const started = new Set(crm.posts.map(({ altId }) => altId));
  const unposted = () => [...gateway.accepted.values()].filter(({ number }) => !posted.has(toReplyId(number)));
  const open = new Set(unposted().flatMap(({ to, number }) => (started.has(toReplyId(number)) ? to : [])));
  for (const { id } of crm.contacts.filter(({ phone }) => phone && open.has(phone))) {
    for (const { altId } of listReplies(crm.highlevel, id)) posted.add(altId);
  }
  const acknowledged = [...crm.acknowledged.values()].flat();
  return acknowledged.filter((number) => !isReported.has(number) && !held.has(number)).length + unposted().length;
}

/** Lists the statuses that may be reported for a message; the last one is true. */
function listExpected(record: RunRecord, { number, fate }: PlannedMessage, reached: ReadonlySet<number>) {
  return !reached.has(number) && wasStopped(record, number) ? (['failed'] as const) : expectedStatuses[fate];
}

function checkSends(record: RunRecord): string[] {
  const { plan, crm, gateway, held } = record;
  const byNumber = Map.groupBy(gateway.accepted.values(), ({ number }) => number);
  const isRefused = (number: number) => (plan.list[number] as PlannedMessage).fate === 'rejected';
  const lost = [...crm.acknowledged.values()]
    .flat()
    .filter((number) => !byNumber.has(number) && !isRefused(number) && !held.has(number) && !wasStopped(record, number))
    .map((number) => `Message ${number} was acknowledged and never reached its contact.`);
  const twice = [...byNumber]
    .filter(([, copies]) => copies.length > 1)
    .map(([number, copies]) => `Message ${number} reached its contact as ${copies.length} different messages.`);
  const unfounded = [...held]
    .filter((number) => byNumber.has(number) && !gateway.hasNoLookUp && !mayBeLeftOpen(record, number))
    .map((number) => `Message ${number} waits for a person, and the vendor lists it.`);
  return [...lost, ...twice, ...unfounded];
}

/** Checks the order of acknowledged messages: one that HighLevel abandoned may have been stored, and has no promised position. */
function checkSendOrder({ crm, gateway, underWay }: RunRecord): string[] {
  const reached = Map.groupBy(gateway.accepted.values(), ({ to }) => to);
  return crm.contacts.flatMap(({ phone }, index) => {
    const wanted = (crm.acknowledged.get(index) ?? []).filter((number) => !underWay?.has(number));
    const got = (reached.get(phone ?? '') ?? []).map(({ number }) => number).filter((number) => wanted.includes(number));
    const expected = wanted.filter((number) => got.includes(number));
    return isSameList(got, expected) ? [] : [`Contact ${index} got ${got} instead of ${expected}.`];
  });
}

function checkStatuses(record: RunRecord): string[] {
  const { plan, crm, gateway, held } = record;
  const acknowledged = new Set([...crm.acknowledged.values()].flat());
  const reached = new Set([...gateway.accepted.values()].map(({ number }) => number));
  return plan.list.flatMap((message) => {
    const { number, fate } = message;
    const reported = crm.highlevel.listStatuses(crm.ids.get(number) ?? '');
    const isOpen = held.has(number) || (!acknowledged.has(number) && !reached.has(number));
    if (isOpen && reported.length === 0) return [];
    const truth = listExpected(record, message, reached);
    const isUntrue =
      reported.at(-1) !== truth.at(-1) || reported.some((status) => !(truth as readonly string[]).includes(status));
    const isStepBack = reported.some((status, at) => at > 0 && !canFollow(reported[at - 1] as string, status));
    if (!isUntrue && !isStepBack) return [];
    return [`Message ${number} (${fate}) was reported as ${reported.join(', ') || 'no status'}.`];
  });
}

function canFollow(before: string, after: string): boolean {
  return before === after || before === 'failed' || (before === 'delivered' && after === 'read');
}

/** Checks the order of replies; of duplicates the first counts. */
function checkReplyOrder({ crm, gateway }: RunRecord): string[] {
  return crm.contacts.flatMap(({ id, phone }, index) => {
    const wanted = gateway.replies.get(phone ?? '') ?? [];
    const got = [...new Set(listReplies(crm.highlevel, id).map(({ altId }) => altId))];
    return isSameList(got, wanted) ? [] : [`The conversation of contact ${index} has ${got} instead of ${wanted}.`];
  });
}

function listReplies(highlevel: Simulator, contactId: string) {
  const replies = highlevel.listConversation(contactId).filter(({ direction }) => direction === 'inbound');
  // A carrier with SMPP gives replies no id: their text counts.
  return replies.map((reply) => ({ ...reply, altId: toReplyIdOfText(reply.text) ?? reply.altId }));
}

/**
 * Finds replies that HighLevel has more than once. HighLevel takes no idempotency key, so the program repeats a post whose response was
 * lost: the connection broke, or the process was killed after the response, before its commit and before the next post.
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
  for (const [altId, copies] of stored) {
    const extra = copies.length - 1;
    if (extra === 0) continue;
    count += extra;
    const own = posts.get(altId) ?? [];
    const isLost = (post: ObservedPost, index: number) => {
      const nextPostAt = own[index + 1]?.startedAt ?? 0;
      // A kill takes a moment to show.
      return (
        !post.hasResponse ||
        kills.some(({ at, processIndex }) => processIndex === post.processIndex && at >= post.endedAt - 100 && at <= nextPostAt)
      );
    };
    if (own.filter(isLost).length >= extra) continue;
    unexplained.push(`${altId} is stored ${copies.length} times, and no response was lost: ${JSON.stringify(own)}.`);
  }
  return { count, unexplained };
}

function listViolations(highlevel: Simulator): string[] {
  return highlevel.calls
    .listViolations()
    .map(
      ({ operation, refusal, responseBody }) =>
        `A call that no correct app makes: ${operation} (${refusal}): ${responseBody.slice(0, 200)}`,
    );
}

function isSameList<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((one, index) => one === b[index]);
}
