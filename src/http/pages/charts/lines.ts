import { escapeHtml } from '../framework/render.ts';
import { type ChartOptions, renderChart, roundForSvg, toColumn, toY } from './chart.ts';

/** One line of a chart with its values from left to right; null leaves a gap. */
export interface Line {
  /** `round` dots on a solid line, or `square` dots on a dashed one. */
  readonly kind: 'round' | 'square';
  readonly label: string;
  readonly values: readonly (number | null)[];
}

const dotRadius = 4;

/** Renders lines with a dot for each value. */
export function renderLines(options: ChartOptions, given: readonly Line[], valueLabel: (value: number) => string): string {
  const drawn = given.map(({ kind, label, values }) => {
    const dots = values.flatMap((value, index) =>
      value === null ? [] : [renderMark(options, kind, label, value, index, valueLabel)],
    );
    const between = values.flatMap((value, index) => {
      const next = values[index + 1] ?? null;
      if (value === null || next === null) return [];
      const [from, to] = [toColumn(index, values.length).middle, toColumn(index + 1, values.length).middle];
      return `<line x1="${roundForSvg(from)}%" y1="${roundForSvg(toY(options.axis, value))}" x2="${roundForSvg(to)}%" y2="${roundForSvg(toY(options.axis, next))}"/>`;
    });
    return `<g class="line line-${kind}">${between.join('')}${dots.join('')}</g>`;
  });
  return renderChart(options, drawn.join(''));
}

function renderMark(
  options: ChartOptions,
  kind: Line['kind'],
  label: string,
  value: number,
  index: number,
  valueLabel: (value: number) => string,
): string {
  const x = `${roundForSvg(toColumn(index, options.labels.length).middle)}%`;
  const y = roundForSvg(toY(options.axis, value));
  const tip = `<title>${escapeHtml(`${options.labels[index]}: ${label} ${valueLabel(value)}`)}</title>`;
  if (kind === 'round') return `<circle data-value="${value}" cx="${x}" cy="${y}" r="${dotRadius}">${tip}</circle>`;
  // A nested svg places the square around its centre, which percentages alone can't.
  return `<svg class="mark" x="${x}" y="${y}" data-value="${value}"><rect x="-${dotRadius}" y="-${dotRadius}" width="${2 * dotRadius}" height="${2 * dotRadius}">${tip}</rect></svg>`;
}

/** Renders a line's symbol for the legend. */
export function renderLineKey(kind: Line['kind']): string {
  const shape = kind === 'round' ? '<circle cx="12" cy="8" r="4"/>' : '<rect x="8" y="4" width="8" height="8"/>';
  return `<svg class="key" width="24" height="16" aria-hidden="true"><g class="line line-${kind}"><line x1="0" x2="24" y1="8" y2="8"/>${shape}</g></svg>`;
}
