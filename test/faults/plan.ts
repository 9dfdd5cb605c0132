import { createRandom, type Random } from './random.ts';

/** Size of a run: messages and faults. */
export interface RunSize {
  messages: number;
  locations: number;
  contacts: number;
  /** `kill -9`s of processes. */
  kills: number;
  /** Restarts of the database, where it is a server of our own. */
  restarts: number;
  /** Duration of the faults; after it every message must settle. */
  durationMs: number;
  settleTimeoutMs: number;
  /** The gateway's failures of one message: a second one costs it half a minute, a third two minutes. */
  maxMishaps: number;
}

/** Outcome of a message at the gateway, independent of failed requests. */
export type Fate =
  | 'delivered_at_once'
  | 'delivered_at_once_then_read'
  | 'delivered'
  | 'delivered_then_read'
  | 'rejected'
  | 'failed'
  | 'failed_then_delivered';

/** Statuses that may be reported to HighLevel for each fate; the last one is the true one and must be the final status. */
export const expectedStatuses: Record<Fate, readonly ('delivered' | 'read' | 'failed')[]> = {
  delivered_at_once: ['delivered'],
  delivered_at_once_then_read: ['delivered', 'read'],
  delivered: ['delivered'],
  delivered_then_read: ['delivered', 'read'],
  rejected: ['failed'],
  failed: ['failed'],
  failed_then_delivered: ['failed', 'delivered'],
};

/** Failure of one request to the gateway. After `accept_then_...` the message has reached the contact without a response. */
export type Mishap = 'cut' | 'hang' | 'accept_then_cut' | 'accept_then_hang' | 500 | 503 | 429;

export interface PlannedMessage {
  /** Part of its text. */
  number: number;
  contact: number;
  /** Time of HighLevel's send, in milliseconds from the start; later if the contact's message before is not acknowledged yet. */
  at: number;
  fate: Fate;
  mishaps: readonly Mishap[];
  /** Delay of the gateway's response to a request that succeeds. */
  responseDelayMs: number;
  receipts: { byId: boolean; beforeResponse: boolean; readFirst: boolean; isRepeated: boolean };
  isReplyRepeated: boolean;
  /** Place of the sender that its text asks for, in a run with several. */
  via?: number | undefined;
  /** Its reply is STOP. */
  isLast?: boolean | undefined;
}

export interface Plan extends RunSize {
  seed: number;
  /** Each location has several senders, rules, triggers, and contacts that opt out. */
  hasRouting?: boolean;
  list: readonly PlannedMessage[];
  /** Time from one `kill -9` to the next, which hits a running process or one that starts. */
  killsAfter: readonly { ms: number; duringStart: boolean }[];
  /** Times and durations of the database's restarts. */
  restartsAt: readonly { at: number; forMs: number }[];
  /** Outages of the gateway and of HighLevel. */
  gatewayDown: readonly Span[];
  highlevelDown: readonly Span[];
  /** Times at which all access tokens stop working. */
  tokensExpireAt: readonly number[];
}

export interface Span {
  from: number;
  to: number;
}

/** Draws all random choices of a run from one seed. Only their timing against each other differs from run to run. */
export function createPlan(seed: number, size: RunSize): Plan {
  const random = createRandom(seed);
  const list = Array.from({ length: size.messages }, (_, number) => planMessage(random, number, size));
  const { durationMs } = size;
  return {
    ...size,
    seed,
    list,
    killsAfter: drawGaps(random, size.kills, durationMs),
    restartsAt: drawMoments(random, size.restarts, 0, durationMs).map((at) => ({ at, forMs: random.between(300, 2_500) })),
    gatewayDown: drawSpans(random, durationMs),
    highlevelDown: drawSpans(random, durationMs),
    tokensExpireAt: drawMoments(random, Math.ceil(durationMs / 20_000), 0, durationMs),
  };
}

/** Returns the vendor's id of the reply to a message; it is the reply's `altId` at HighLevel. */
export function toReplyId(number: number): string {
  return `reply-${number}`;
}

/** Returns the id of a reply by its text. */
export function toReplyIdOfText(text: unknown): string | null {
  const number = /^reply (\d+)$/.exec(String(text))?.[1];
  return number === undefined ? null : toReplyId(Number(number));
}

function planMessage(random: Random, number: number, size: RunSize): PlannedMessage {
  const count = random.isHit(0.14) ? (random.isHit(0.2) ? size.maxMishaps : 1) : 0;
  return {
    number,
    contact: number % size.contacts,
    at: random.between(0, size.durationMs),
    fate: random.pick(fates),
    mishaps: Array.from({ length: count }, () => random.pick(mishaps)),
    responseDelayMs: random.isHit(0.5) ? 0 : random.between(20, 400),
    receipts: {
      byId: random.isHit(0.5),
      beforeResponse: random.isHit(0.3),
      readFirst: random.isHit(0.3),
      isRepeated: random.isHit(0.2),
    },
    isReplyRepeated: random.isHit(0.1),
  };
}

/** Fates, each as often as its share. */
const fates: readonly Fate[] = [
  ...Array<Fate>(2).fill('delivered_at_once'),
  ...Array<Fate>(2).fill('delivered_at_once_then_read'),
  ...Array<Fate>(6).fill('delivered'),
  ...Array<Fate>(4).fill('delivered_then_read'),
  'rejected',
  'failed',
  'failed_then_delivered',
];

const mishaps: readonly Mishap[] = ['cut', 'hang', 'accept_then_cut', 'accept_then_cut', 'accept_then_hang', 500, 503, 429];

/** Draws moments, one in each of equal stretches, so that they neither cluster nor come at a regular interval. */
function drawMoments(random: Random, count: number, from: number, to: number): number[] {
  const stretch = (to - from) / Math.max(count, 1);
  return Array.from({ length: count }, (_, index) => from + stretch * (index + random.between(0.05, 0.95)));
}

function drawGaps(random: Random, count: number, durationMs: number): Plan['killsAfter'] {
  const stretch = durationMs / Math.max(count, 1);
  return Array.from({ length: count }, () => ({
    ms: stretch * random.between(0.3, 1.3),
    duringStart: random.isHit(0.15),
  }));
}

/** Draws an outage of one or two seconds in each quarter of a minute. */
function drawSpans(random: Random, durationMs: number): Span[] {
  return drawMoments(random, Math.ceil(durationMs / 15_000), 0, durationMs).map((from) => ({
    from,
    to: from + random.between(500, 2_500),
  }));
}

/** Size of the runs of `npm test`. */
export const shortSize: RunSize = {
  messages: 250,
  locations: 8,
  contacts: 80,
  kills: 5,
  restarts: 1,
  durationMs: 14_000,
  // A token is refreshed once a minute at the most: a job that meets an early expiry twice waits so long.
  settleTimeoutMs: 150_000,
  maxMishaps: 1,
};

/** Size on the embedded database: it has one process, so each kill stops all work for the time of a start. */
export const embeddedSize: RunSize = { ...shortSize, messages: 80, contacts: 32, kills: 4, restarts: 0, durationMs: 10_000 };

/** Creates the size of `npm run test:faults`: about one kill each five seconds. */
export function createLongSize(wanted: { messages: number; kills: number; restarts: number }): RunSize {
  return {
    ...wanted,
    locations: 16,
    contacts: Math.ceil(wanted.messages / 10),
    durationMs: Math.max(wanted.kills * 5_000, 20_000),
    // A reply whose post met two outages waits three minutes, and those of its contact wait behind it.
    settleTimeoutMs: 900_000,
    maxMishaps: 2,
  };
}
