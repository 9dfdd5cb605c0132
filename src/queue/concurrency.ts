/** Maximum of jobs of one queue that a process runs concurrently. */
export interface ConcurrencyLimits {
  /** Of groups that respond quickly. As many again may wait for vendors that do not. */
  readonly total: number;
  /** Of one group. */
  readonly perGroup: number;
}

/**
 * Decides how many jobs each group may start. A group that hangs must not take the slots of one that responds, however many such groups
 * there are, so groups are sorted by how long their jobs take (a multilevel feedback queue). Each level has a bound for itself and the
 * levels below it, and the last slots are reserved for groups that have responded quickly.
 */
export interface Concurrency {
  /** Records that a job of a group starts. @returns a function that records its end */
  start(group: string): () => void;
  /** Returns how many jobs each of these groups may start now. */
  quotas(groups: readonly string[]): number[];
  /** Returns true when any group could start a job. */
  hasRoom(): boolean;
  /** Returns in how many milliseconds a group that runs now drops to a slower level, which frees slots; null when no group can. */
  nextChangeMs(): number | null;
  /** Counts the tracked groups. */
  size(): number;
}

/** Load of a group, as {@link allocateSlots} needs it. */
export interface GroupLoad {
  /** 0 for a quick group, 1 for a slow one, 2 for one that hangs. */
  readonly level: number;
  /** It has responded quickly since it last slowed down. */
  readonly isProven: boolean;
  /** Jobs that it may run as long as it is quick. It grows by one with each quick response and is halved by each slow one. */
  readonly window: number;
  readonly running: number;
}

/** A job that takes this long drops its group to the next level. */
const slowAfterMs = 500;
const hangsAfterMs = 5_000;
const levelsFromMs = [slowAfterMs, hangsAfterMs];
const maxGroups = 10_000;

function levelAfter(ms: number): number {
  return levelsFromMs.filter((from) => ms >= from).length;
}

/** Returns the jobs that a group may run before it has responded. */
function getInitialWindow({ perGroup }: ConcurrencyLimits): number {
  return Math.min(perGroup, Math.max(4, Math.ceil(perGroup / 10)));
}

/** Returns the number of slots that only groups which have responded quickly may use. */
export function countReserved({ total }: ConcurrencyLimits): number {
  return total > 1 ? Math.max(1, Math.floor(total / 4)) : 0;
}

/** Returns the maximum of running jobs, slow groups included. */
export function getMaxRunning({ total }: ConcurrencyLimits): number {
  return 2 * total;
}

/**
 * Shares the free slots among groups, one job a turn, so that each group gets an equal share.
 *
 * @param running the groups that run jobs now. @param ready groups with claimable jobs, in the order of their turns
 */
export function allocateSlots(limits: ConcurrencyLimits, running: readonly GroupLoad[], ready: readonly GroupLoad[]): number[] {
  const room = createSlots(limits, running);
  const groupsAt = [0, 0, 0];
  for (const { level } of running) groupsAt[level] = (groupsAt[level] ?? 0) + 1;
  for (const { level, running } of ready) if (running === 0) groupsAt[level] = (groupsAt[level] ?? 0) + 1;
  const maxima = ready.map(({ level, window }) =>
    Math.min(
      limits.perGroup,
      level === 0 ? window : Math.max(1, Math.floor(levelBound(limits, level) / (groupsAt[level] ?? 1))),
    ),
  );

  const quotas = ready.map(() => 0);
  let turn = ready.map((_, index) => index);
  while (turn.length > 0) {
    turn = turn.filter((index) => {
      const group = ready[index] as GroupLoad;
      const quota = quotas[index] as number;
      if (group.running + quota >= (maxima[index] as number) || !room.take(group)) return false;
      quotas[index] = quota + 1;
      return true;
    });
  }
  return quotas;
}

/** Returns the maximum of running jobs of groups at this level and slower ones. */
function levelBound({ total }: ConcurrencyLimits, level: number): number {
  return level === 1 ? total : Math.ceil((3 * total) / 4);
}

/** Creates a count of the free slots, as each kind of group sees them. */
function createSlots(limits: ConcurrencyLimits, running: readonly GroupLoad[]) {
  const reserve = countReserved(limits);
  const held = [0, 0, 0];
  for (const { level, running: count } of running) held[level] = (held[level] ?? 0) + count;
  const [quick, slow, hanging] = [() => held[0] ?? 0, () => (held[1] ?? 0) + (held[2] ?? 0), () => held[2] ?? 0];
  const isOpen = ({ level, isProven }: Pick<GroupLoad, 'level' | 'isProven'>) => {
    const reserved = level === 0 && isProven ? 0 : reserve;
    if (quick() + slow() >= getMaxRunning(limits) - reserved) return false;
    if (level === 0) return quick() < limits.total - reserved;
    return slow() < levelBound(limits, 1) && (level === 1 || hanging() < levelBound(limits, 2));
  };
  return {
    isOpen,
    take(group: GroupLoad): boolean {
      if (!isOpen(group)) return false;
      held[group.level] = (held[group.level] ?? 0) + 1;
      return true;
    },
  };
}

/** A tracked group. */
interface Group {
  /** Start times of its jobs, the oldest first. */
  readonly running: Set<{ readonly at: number }>;
  window: number;
  isProven: boolean;
  /** Level at which its last job ended. */
  endedAt: number;
  /** Number of its last start. */
  turn: number;
}

/**
 * Tracks the loads for {@link allocateSlots} in this process's memory: those of the groups used last, up to a bound.
 *
 * @param elapsedMs a clock that is never set
 */
export function trackConcurrency(limits: ConcurrencyLimits, elapsedMs: () => number): Concurrency {
  const createGroup = (): Group => ({
    running: new Set(),
    window: getInitialWindow(limits),
    isProven: false,
    endedAt: 0,
    turn: 0,
  });
  /** In the order of their last start. */
  const groups = new Map<string, Group>();
  const runningGroups = new Set<Group>();
  const slowGroups = new Set<Group>();
  let turns = 0;

  const oldestMs = ({ running }: Group, now: number) => {
    const [oldest] = running;
    return oldest ? now - oldest.at : 0;
  };
  const toLoad = (group: Group, now: number): GroupLoad => ({
    level: Math.max(group.endedAt, levelAfter(oldestMs(group, now))),
    isProven: group.isProven,
    window: group.window,
    running: group.running.size,
  });
  const loads = (now: number) => [...runningGroups].map((group) => toLoad(group, now));

  function evictOldest(): void {
    if (groups.size <= maxGroups) return;
    for (const [key, group] of groups) {
      if (group.running.size > 0) continue;
      groups.delete(key);
      slowGroups.delete(group);
      return;
    }
  }

  function end(group: Group, job: { at: number }): void {
    group.running.delete(job);
    if (group.running.size === 0) runningGroups.delete(group);
    group.endedAt = levelAfter(elapsedMs() - job.at);
    if (group.endedAt === 0) {
      slowGroups.delete(group);
      group.isProven = true;
      group.window = Math.min(group.window + 1, limits.perGroup);
    } else {
      slowGroups.add(group);
      group.isProven = false;
      group.window = Math.max(Math.floor(group.window / 2), getInitialWindow(limits));
    }
  }

  return {
    start(key) {
      const group = groups.get(key) ?? createGroup();
      groups.delete(key);
      groups.set(key, group);
      const job = { at: elapsedMs() };
      group.running.add(job);
      group.turn = ++turns;
      runningGroups.add(group);
      evictOldest();
      return () => end(group, job);
    },

    quotas(keys) {
      const now = elapsedMs();
      const requested = keys.map((key) => groups.get(key) ?? createGroup());
      // The group whose last turn is longest ago goes first: where slots are short, the same ones would go first each time.
      const order = keys
        .map((_, index) => index)
        .sort((a, b) => (requested[a]?.turn ?? 0) - (requested[b]?.turn ?? 0) || a - b);
      const shares = allocateSlots(
        limits,
        loads(now),
        order.map((index) => toLoad(requested[index] as Group, now)),
      );
      const quotas = keys.map(() => 0);
      for (const [position, index] of order.entries()) quotas[index] = shares[position] as number;
      return quotas;
    },

    hasRoom() {
      const now = elapsedMs();
      const running = loads(now);
      const { isOpen } = createSlots(limits, running);
      const isAnySlow = slowGroups.size > 0 || running.some(({ level }) => level > 0);
      return isOpen({ level: 0, isProven: true }) || (isAnySlow && isOpen({ level: 1, isProven: false }));
    },

    nextChangeMs() {
      const now = elapsedMs();
      const waits = [...runningGroups].flatMap((group) =>
        levelsFromMs.map((from) => from - oldestMs(group, now)).filter((ms) => ms > 0),
      );
      return waits.reduce<number | null>((a, b) => Math.min(a ?? b, b), null);
    },

    size: () => groups.size,
  };
}
