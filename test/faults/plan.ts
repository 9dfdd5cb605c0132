import { createRandom, type Random } from './random.ts';

/** How much a run does, and how much it breaks. */
export interface RunSize {
  messages: number;
  locations: number;
  contacts: number;
  /** `kill -9` of a process. */
  kills: number;
  /** Of the database, where it is a server of our own. */
  restarts: number;
  /** How long things go wrong; then everything must settle. */
  durationMs: number;
  settleTimeoutMs: number;
  /** How often the far side fails one message: a second time costs it half a minute, a third two minutes. */
  maxMishaps: number;
}

/** What becomes of a message at the far side, whatever happens on the way there. */
export type Fate =
  | 'delivered_at_once'
  | 'delivered_at_once_then_read'
  | 'delivered'
  | 'delivered_then_read'
  | 'rejected'
  | 'failed'
  | 'failed_then_delivered';

/** What HighLevel may be told of a fate; the last one is the truth that must stand there in the end. */
export const expectedStatuses: Record<Fate, readonly ('delivered' | 'read' | 'failed')[]> = {
  delivered_at_once: ['delivered'],
  delivered_at_once_then_read: ['delivered', 'read'],
  delivered: ['delivered'],
  delivered_then_read: ['delivered', 'read'],
  rejected: ['failed'],
  failed: ['failed'],
  failed_then_delivered: ['failed', 'delivered'],
};

/** How one request to the far side goes wrong. After `taken` the message has reached the contact, and only we don't know. */
export type Mishap = 'cut' | 'hang' | 'accept_then_cut' | 'accept_then_hang' | 500 | 503 | 429;

export interface PlannedMessage {
  /** Stands in its text. */
  number: number;
  contact: number;
  /** When HighLevel sends it, in milliseconds from the start; later if the contact's message before is not acknowledged yet. */
  at: number;
  fate: Fate;
  mishaps: readonly Mishap[];
  /** How the far side behaves where nothing goes wrong. */
  responseDelayMs: number;
  receipts: { byId: boolean; beforeResponse: boolean; readFirst: boolean; isRepeated: boolean };
  isReplyRepeated: boolean;
}

export interface Plan extends RunSize {
  seed: number;
  list: readonly PlannedMessage[];
  /** From one `kill -9` to the next: a moment in the process's life, or in the midst of its start. */
  killsAfter: readonly { ms: number; duringStart: boolean }[];
  /** When the database is stopped, and for how long. */
  restartsAt: readonly { at: number; forMs: number }[];
  /** When the gateway, or HighLevel, is down altogether. */
  gatewayDown: readonly Span[];
  highlevelDown: readonly Span[];
  /** When all access tokens stop working. */
  tokensExpireAt: readonly number[];
}

export interface Span {
  from: number;
  to: number;
}

/** Everything that is left to chance, drawn from one seed. Only how it meets in time differs from run to run. */
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

/** Each as often as it stands here. */
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

/** Moments, one in each of equal stretches, so that they neither cluster nor keep a beat. */
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

/** A second or two of being down, each quarter of a minute. */
function drawSpans(random: Random, durationMs: number): Span[] {
  return drawMoments(random, Math.ceil(durationMs / 15_000), 0, durationMs).map((from) => ({
    from,
    to: from + random.between(500, 2_500),
  }));
}

/** The form that `npm test` runs. */
export const shortSize: RunSize = {
  messages: 250,
  locations: 8,
  contacts: 80,
  kills: 5,
  restarts: 1,
  durationMs: 14_000,
  // A token is refreshed once a minute at the most: what an early expiry meets twice waits so long.
  settleTimeoutMs: 150_000,
  maxMishaps: 1,
};

/** The embedded database has one process, so each kill stops everything for the time of a start. */
export const embeddedSize: RunSize = { ...shortSize, messages: 80, contacts: 32, kills: 4, restarts: 0, durationMs: 10_000 };

/** The form of `npm run test:faults`: a kill each five seconds or so. */
export function createLongSize(wanted: { messages: number; kills: number; restarts: number }): RunSize {
  return {
    ...wanted,
    locations: 16,
    contacts: Math.ceil(wanted.messages / 10),
    durationMs: Math.max(wanted.kills * 5_000, 20_000),
    settleTimeoutMs: 420_000,
    maxMishaps: 2,
  };
}
