/** One line of the table: a figure, and its peer of the same run. */
export interface Figure {
  name: string;
  ours: number;
  peer?: string;
  theirs?: number;
  ratio?: number;
  target?: string;
  isMet?: boolean;
}

const columns = ['figure', 'ours', 'beside', 'theirs', 'ratio', 'target', ''] as const;

/** Returns the figures as one table of text. */
export function formatTable(figures: readonly Figure[]): string {
  const rows = figures.map(({ name, ours, peer, theirs, ratio, target, isMet }) => [
    name,
    formatValue(ours),
    peer ?? '',
    theirs === undefined ? '' : formatValue(theirs),
    ratio === undefined ? '' : ratio.toFixed(2),
    target ?? '',
    isMet === undefined ? '' : isMet ? 'met' : 'missed',
  ]);
  const widths = columns.map((title, index) => Math.max(title.length, ...rows.map((row) => (row[index] ?? '').length)));
  return [columns, columns.map((_, index) => '-'.repeat(widths[index] ?? 0)), ...rows]
    .map((row) => row.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join('  '))
    .join('\n');
}

function formatValue(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(1);
}
