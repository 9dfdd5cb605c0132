import { type Chance, chanceOf } from './chance.ts';

/** How much a run does, and how much it breaks. */
export interface Size {
  messages: number;
  locations: number;
  contacts: number;
  /** `kill -9` of a process. */
  kills: number;
  /** Of the database, where it is a server of our own. */
  restarts: number;
  /** How long things go wrong; then everything must settle. */
  lastsMs: number;
  settlesWithinMs: number;
  /** How often the far side fails one message: a second time costs it half a minute, a third two minutes. */
  mishapsAtMost: number;
}

/** What becomes of a message at the far side, whatever happens on the way there. */
export type Fate =
  | 'delivered at once'
  | 'delivered at once, read'
  | 'delivered'
  | 'delivered, read'
  | 'refused'
  | 'failed'
  | 'failed, delivered after all';

/** What HighLevel may be told of a fate; the last one is the truth that must stand there in the end. */
export const truths: Record<Fate, readonly ('delivered' | 'read' | 'failed')[]> = {
  'delivered at once': ['delivered'],
  'delivered at once, read': ['delivered', 'read'],
  delivered: ['delivered'],
  'delivered, read': ['delivered', 'read'],
  refused: ['failed'],
  failed: ['failed'],
  'failed, delivered after all': ['failed', 'delivered'],
};

/** How one request to the far side goes wrong. After `taken` the message has reached the contact, and only we don't know. */
export type Mishap = 'cut' | 'hang' | 'taken, then cut' | 'taken, then hang' | 500 | 503 | 429;

export interface PlannedMessage {
  /** Stands in its text. */
  number: number;
  contact: number;
  /** When HighLevel sends it, in milliseconds from the start; later if the contact's message before is not acknowledged yet. */
  at: number;
  fate: Fate;
  mishaps: readonly Mishap[];
  /** How the far side behaves where nothing goes wrong. */
  answersAfterMs: number;
  receipts: { byId: boolean; beforeAnswer: boolean; readFirst: boolean; again: boolean };
  answerIsRepeated: boolean;
}

export interface Plan extends Size {
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
export function planOf(seed: number, size: Size): Plan {
  const chance = chanceOf(seed);
  const list = Array.from({ length: size.messages }, (_, number) => messageOf(chance, number, size));
  const { lastsMs } = size;
  return {
    ...size,
    seed,
    list,
    killsAfter: gaps(chance, size.kills, lastsMs),
    restartsAt: spread(chance, size.restarts, 0, lastsMs).map((at) => ({ at, forMs: chance.between(300, 2_500) })),
    gatewayDown: spans(chance, lastsMs),
    highlevelDown: spans(chance, lastsMs),
    tokensExpireAt: spread(chance, Math.ceil(lastsMs / 20_000), 0, lastsMs),
  };
}

function messageOf(chance: Chance, number: number, size: Size): PlannedMessage {
  const count = chance.happens(0.14) ? (chance.happens(0.2) ? size.mishapsAtMost : 1) : 0;
  return {
    number,
    contact: number % size.contacts,
    at: chance.between(0, size.lastsMs),
    fate: chance.pick(fates),
    mishaps: Array.from({ length: count }, () => chance.pick(mishaps)),
    answersAfterMs: chance.happens(0.5) ? 0 : chance.between(20, 400),
    receipts: {
      byId: chance.happens(0.5),
      beforeAnswer: chance.happens(0.3),
      readFirst: chance.happens(0.3),
      again: chance.happens(0.2),
    },
    answerIsRepeated: chance.happens(0.1),
  };
}

/** Each as often as it stands here. */
const fates: readonly Fate[] = [
  ...Array<Fate>(2).fill('delivered at once'),
  ...Array<Fate>(2).fill('delivered at once, read'),
  ...Array<Fate>(6).fill('delivered'),
  ...Array<Fate>(4).fill('delivered, read'),
  'refused',
  'failed',
  'failed, delivered after all',
];

const mishaps: readonly Mishap[] = ['cut', 'hang', 'taken, then cut', 'taken, then cut', 'taken, then hang', 500, 503, 429];

/** Moments, one in each of equal stretches, so that they neither cluster nor keep a beat. */
function spread(chance: Chance, count: number, from: number, to: number): number[] {
  const stretch = (to - from) / Math.max(count, 1);
  return Array.from({ length: count }, (_, index) => from + stretch * (index + chance.between(0.05, 0.95)));
}

function gaps(chance: Chance, count: number, lastsMs: number): Plan['killsAfter'] {
  const stretch = lastsMs / Math.max(count, 1);
  return Array.from({ length: count }, () => ({
    ms: stretch * chance.between(0.3, 1.3),
    duringStart: chance.happens(0.15),
  }));
}

/** A second or two of being down, each quarter of a minute. */
function spans(chance: Chance, lastsMs: number): Span[] {
  return spread(chance, Math.ceil(lastsMs / 15_000), 0, lastsMs).map((from) => ({
    from,
    to: from + chance.between(500, 2_500),
  }));
}

/** The form that `npm test` runs. */
export const shortSize: Size = {
  messages: 250,
  locations: 8,
  contacts: 80,
  kills: 5,
  restarts: 1,
  lastsMs: 14_000,
  // A token is refreshed once a minute at the most: what an early expiry meets twice waits so long.
  settlesWithinMs: 150_000,
  mishapsAtMost: 1,
};

/** The embedded database has one process, so each kill stops everything for the time of a start. */
export const embeddedSize: Size = { ...shortSize, messages: 80, contacts: 32, kills: 4, restarts: 0, lastsMs: 10_000 };

/** The form of `npm run test:faults`: a kill each five seconds or so. */
export function longSize(wanted: { messages: number; kills: number; restarts: number }): Size {
  return {
    ...wanted,
    locations: 16,
    contacts: Math.ceil(wanted.messages / 10),
    lastsMs: Math.max(wanted.kills * 5_000, 20_000),
    settlesWithinMs: 420_000,
    mishapsAtMost: 2,
  };
}
