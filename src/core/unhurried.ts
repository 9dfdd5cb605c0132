import type { Clock } from './clock.ts';

interface Look<Result> {
  readonly result: Promise<Result>;
  /** Until when it is good; null while it is under way. */
  goodUntilMs: number | null;
}

/** What was looked at takes at most this part of the time. */
const atMostEvery = 20;
const keptAtMost = 500;

/**
 * Looks that cost something, shared by all who ask for the same: an answer is given again for twenty times as long as it took. So what is
 * quick is always new, and what is slow takes no more than a twentieth of the time however many ask.
 */
export function unhurried<Result>(clock: Clock): (key: string, look: () => Promise<Result>) => Promise<Result> {
  const looks = new Map<string, Look<Result>>();
  const isGood = ({ goodUntilMs }: Look<Result>) => goodUntilMs === null || clock.now() < goodUntilMs;

  return (key, look) => {
    const known = looks.get(key);
    if (known && isGood(known)) return known.result;
    if (looks.size >= keptAtMost) for (const [old, one] of looks) if (!isGood(one)) looks.delete(old);
    const begunMs = clock.now();
    const one: Look<Result> = { result: look(), goodUntilMs: null };
    looks.set(key, one);
    one.result.then(
      () => {
        one.goodUntilMs = clock.now() + (clock.now() - begunMs) * atMostEvery;
      },
      // A failure is nobody else's answer.
      () => looks.delete(key),
    );
    return one.result;
  };
}
