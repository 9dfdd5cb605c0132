import type { Figure } from './table.ts';

/** What one run of the benchmarks gives to each of its parts. */
export interface Bench {
  /** The PostgreSQL server in which scratch databases are created. */
  serverUrl: string;
  /** Set for a run of some three minutes: fewer turns and fewer messages, so wider spreads. */
  isQuick: boolean;
  /** Prints what is being measured now. */
  report(text: string): void;
}

/** One part of the benchmarks; it yields each figure as soon as it is measured. */
export type Part = (bench: Bench) => AsyncGenerator<Figure>;
