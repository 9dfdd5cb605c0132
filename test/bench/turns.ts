import type { Bench } from './bench.ts';

/** Values of several turns. */
export type Turns = readonly number[];

/**
 * Measures subjects in turns (A B A B ...): what the machine does besides then falls on all of them alike, which it does not when one is
 * measured after the other has ended.
 *
 * @param measure measures one subject once
 * @returns the results of each subject, in the order of the turns
 */
export async function measureInTurns<Name extends string, Result>(
  { report }: Pick<Bench, 'report'>,
  names: readonly Name[],
  turns: number,
  measure: (name: Name) => Promise<Result>,
): Promise<Record<Name, Result[]>> {
  const results = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, Result[]>;
  for (let turn = 1; turn <= turns; turn++) {
    for (const name of names) {
      report(`turn ${turn} of ${turns}: ${name}`);
      results[name].push(await measure(name));
    }
  }
  return results;
}

export function median(values: Turns): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

/** Compares two subjects turn by turn. @returns the median of the turns' ratios, and the smallest and largest of them */
export function compareTurns(ours: Turns, theirs: Turns): { ratio: number; spread: [number, number] } {
  const ratios = ours.map((value, turn) => value / (theirs[turn] ?? Number.NaN));
  return { ratio: median(ratios), spread: [Math.min(...ratios), Math.max(...ratios)] };
}
