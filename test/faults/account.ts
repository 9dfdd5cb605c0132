import type { Simulator } from '../../src/sandbox/highlevel/simulator.ts';
import type { Crm, SeenPost } from './crm.ts';
import type { Gateway } from './gateway.ts';
import type { Kill } from './keeper.ts';
import { type Plan, type PlannedMessage, truths } from './plan.ts';

/** What a run leaves behind for the accounting. */
export interface Books {
  plan: Plan;
  crm: Pick<Crm, 'highlevel' | 'contacts' | 'acknowledged' | 'ids' | 'posts'>;
  gateway: Pick<Gateway, 'taken' | 'answered' | 'requests' | 'wrongSignatures'>;
  kills: readonly Kill[];
  /** When the database was away. */
  away: readonly { from: number; to: number }[];
}

/** Accounts for every message. @returns what is wrong, in sentences; nothing when all promises were kept */
export function account(books: Books): { wrong: string[]; doubledAnswers: number } {
  const doubled = doubledAnswers(books);
  return {
    wrong: [
      ...sends(books),
      ...orderOfSends(books),
      ...statuses(books),
      ...orderOfAnswers(books),
      ...doubled.unexplained,
      ...books.gateway.wrongSignatures.map(({ body }) => `A request for ${body.text} had a wrong signature.`),
      ...violations(books.crm.highlevel),
    ],
    doubledAnswers: doubled.count,
  };
}

/** What still is to come, quickly: to know when to stop waiting. */
export function unsettled({ plan, crm, gateway }: Books): number {
  const reported = plan.list.filter((message) => {
    const statuses = crm.highlevel.listStatuses(crm.ids.get(message.number) ?? '');
    return statuses.at(-1) === truths[message.fate].at(-1);
  });
  const isReported = new Set(reported.map(({ number }) => number));
  const posted = new Set<string | null>(crm.posts.filter(({ wasAnswered }) => wasAnswered).map(({ altId }) => altId));
  // What was looked for and found got no answer of its own; it is looked up only where a post was begun, as a conversation is a walk
  // through all, and whoever counts holds up the far side.
  const begun = new Set(crm.posts.map(({ altId }) => altId));
  const unposted = () => [...gateway.taken.values()].filter(({ number }) => !posted.has(`answer-${number}`));
  const open = new Set(unposted().flatMap(({ to, number }) => (begun.has(`answer-${number}`) ? to : [])));
  for (const { id } of crm.contacts.filter(({ phone }) => phone && open.has(phone))) {
    for (const { altId } of answersIn(crm.highlevel, id)) posted.add(altId);
  }
  const acknowledged = [...crm.acknowledged.values()].flat();
  return acknowledged.filter((number) => !isReported.has(number)).length + unposted().length;
}

function sends({ plan, crm, gateway }: Books): string[] {
  const byNumber = Map.groupBy(gateway.taken.values(), ({ number }) => number);
  const isRefused = (number: number) => (plan.list[number] as PlannedMessage).fate === 'refused';
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
function orderOfSends({ crm, gateway }: Books): string[] {
  const reached = Map.groupBy(gateway.taken.values(), ({ to }) => to);
  return crm.contacts.flatMap(({ phone }, index) => {
    const wanted = crm.acknowledged.get(index) ?? [];
    const got = (reached.get(phone ?? '') ?? []).map(({ number }) => number).filter((number) => wanted.includes(number));
    const expected = wanted.filter((number) => got.includes(number));
    return sameList(got, expected) ? [] : [`Contact ${index} got ${got} instead of ${expected}.`];
  });
}

function statuses({ plan, crm, gateway }: Books): string[] {
  const acknowledged = new Set([...crm.acknowledged.values()].flat());
  const reached = new Set([...gateway.taken.values()].map(({ number }) => number));
  return plan.list.flatMap(({ number, fate }) => {
    const said = crm.highlevel.listStatuses(crm.ids.get(number) ?? '');
    if (!acknowledged.has(number) && !reached.has(number) && said.length === 0) return [];
    const truth = truths[fate];
    const wrong = said.at(-1) !== truth.at(-1) || said.some((status) => !(truth as readonly string[]).includes(status));
    const isStepBack = said.some((status, at) => at > 0 && !mayFollow(said[at - 1] as string, status));
    if (!wrong && !isStepBack) return [];
    return [`Message ${number} (${fate}) was reported as ${said.join(', ') || 'nothing'}.`];
  });
}

function mayFollow(before: string, after: string): boolean {
  return before === after || before === 'failed' || (before === 'delivered' && after === 'read');
}

/** Doubled ones aside: of those the first counts. */
function orderOfAnswers({ crm, gateway }: Books): string[] {
  return crm.contacts.flatMap(({ id, phone }, index) => {
    const wanted = gateway.answered.get(phone ?? '') ?? [];
    const got = [...new Set(answersIn(crm.highlevel, id).map(({ altId }) => altId))];
    return sameList(got, wanted) ? [] : [`The conversation of contact ${index} has ${got} instead of ${wanted}.`];
  });
}

function answersIn(highlevel: Simulator, contactId: string) {
  return highlevel.listConversation(contactId).filter(({ direction }) => direction === 'inbound');
}

/**
 * HighLevel takes no key that would make a repeated post harmless, so a post whose answer was lost is made again: it broke off on the
 * way, or the process that had it was killed before it could note it, and before anybody posted again.
 */
function doubledAnswers({ crm, kills }: Books): { count: number; unexplained: string[] } {
  const stored = Map.groupBy(
    crm.contacts.flatMap(({ id }) => answersIn(crm.highlevel, id)),
    ({ altId }) => altId ?? '',
  );
  const posts = Map.groupBy(
    crm.posts.toSorted((a, b) => a.begunAt - b.begunAt),
    ({ altId }) => altId,
  );
  let count = 0;
  const unexplained: string[] = [];
  for (const [altId, times] of stored) {
    const extra = times.length - 1;
    if (extra === 0) continue;
    count += extra;
    const made = posts.get(altId) ?? [];
    const isLost = (post: SeenPost, index: number) => {
      const againAt = made[index + 1]?.begunAt ?? 0;
      // A kill takes a moment to show.
      return !post.wasAnswered || kills.some(({ at, which }) => which === post.by && at >= post.endedAt - 100 && at <= againAt);
    };
    if (made.filter(isLost).length >= extra) continue;
    unexplained.push(`${altId} stands ${times.length} times, and no word of it was lost: ${JSON.stringify(made)}.`);
  }
  return { count, unexplained };
}

function violations(highlevel: Simulator): string[] {
  return highlevel.calls
    .listViolations()
    .map(
      ({ operation, refusal, responseBody: said }) =>
        `A call that no correct app makes: ${operation} (${refusal}): ${said.slice(0, 200)}`,
    );
}

function sameList<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((one, index) => one === b[index]);
}
