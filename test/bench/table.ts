import { compareTurns, median, type Turns } from './turns.ts';

/** One line of the table: a figure, and its peer of the same run. */
export interface Figure {
  name: string;
  ours: number;
  peer?: string;
  theirs?: number;
  ratio?: number;
  /** Smallest and largest ratio of the turns. */
  spread?: [number, number];
  target?: string;
  isMet?: boolean;
}

/** A limit on a ratio, or on the figure itself where there is no peer. */
export type Target = { atLeast: number } | { atMost: number };

/** Returns a figure with the medians of the turns, the median ratio with its spread, and whether the target is met. */
export function compare(name: string, ours: Turns, peer: { name: string; turns: Turns }, target?: Target): Figure {
  const { ratio, spread } = compareTurns(ours, peer.turns);
  return {
    ...{ name, ours: median(ours), peer: peer.name, theirs: median(peer.turns), ratio, spread },
    ...(target ? judge(ratio, target) : {}),
  };
}

/** Returns a figure without a peer. */
export function measured(name: string, ours: number, target?: Target): Figure {
  return { name, ours, ...(target ? judge(ours, target) : {}) };
}

function judge(value: number, target: Target): Pick<Figure, 'target' | 'isMet'> {
  if ('atLeast' in target) return { target: `≥ ${target.atLeast}`, isMet: value >= target.atLeast };
  return { target: `≤ ${target.atMost}`, isMet: value <= target.atMost };
}

const columns: readonly { title: string; width: number; show(figure: Figure): string }[] = [
  { title: 'figure', width: 62, show: ({ name }) => name },
  { title: 'ours', width: 8, show: ({ ours }) => formatValue(ours) },
  { title: 'beside', width: 42, show: ({ peer }) => peer ?? '' },
  { title: 'theirs', width: 8, show: ({ theirs }) => (theirs === undefined ? '' : formatValue(theirs)) },
  { title: 'ratio', width: 5, show: ({ ratio }) => ratio?.toFixed(2) ?? '' },
  { title: 'spread', width: 13, show: ({ spread }) => spread?.map((value) => value.toFixed(2)).join(' to ') ?? '' },
  { title: 'target', width: 7, show: ({ target }) => target ?? '' },
  { title: '', width: 6, show: ({ isMet }) => (isMet === undefined ? '' : isMet ? 'met' : 'missed') },
];

/** Returns the two lines above the figures. Columns have a fixed width, as each line is printed once its figure is measured. */
export function formatHeader(): string {
  return [columns.map(({ title }) => title), columns.map(({ width }) => '-'.repeat(width))].map(formatCells).join('\n');
}

export function formatFigure(figure: Figure): string {
  return formatCells(columns.map(({ show }) => show(figure)));
}

function formatCells(cells: readonly string[]): string {
  return cells
    .map((cell, index) => cell.padEnd(columns[index]?.width ?? 0))
    .join('  ')
    .trimEnd();
}

function formatValue(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en');
  return value.toFixed(value >= 10 ? 1 : 2);
}
