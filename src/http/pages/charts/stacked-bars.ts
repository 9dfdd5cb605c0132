import { escapeHtml } from '../framework/render.ts';
import { type ChartOptions, plotHeight, renderChart, roundForSvg, toColumn, toY } from './chart.ts';

/** One segment of every bar, with its values from left to right. */
export interface Part {
  /** Its CSS class: `delivered`, `read`, `pending`, `unknown` or `failed`. */
  readonly kind: string;
  readonly label: string;
  readonly values: readonly number[];
}

/** The share of a column that its bar fills. */
const barWidthShare = 0.68;
/** Small values stay visible. */
const minBarPixels = 2;

/** Renders stacked bars, the first part at the bottom. Parts differ by pattern as well as by colour. */
export function renderStackedBars(
  options: ChartOptions,
  parts: readonly Part[],
  valueLabel: (value: number) => string,
): string {
  const patterned = [...new Set(parts.map(({ kind }) => kind))].filter((kind) => kind in patterns);
  const bars = options.labels.map((label, index) => {
    const { left, width } = toColumn(index, options.labels.length);
    let below = 0;
    const segments = parts.flatMap(({ kind, label: name, values }) => {
      const value = values[index] ?? 0;
      if (value === 0) return [];
      const bottom = toY(options.axis, below);
      below += value;
      const height = Math.max((value / options.axis.max) * plotHeight, minBarPixels);
      const position = `x="${roundForSvg(left + (width * (1 - barWidthShare)) / 2)}%" width="${roundForSvg(width * barWidthShare)}%" y="${roundForSvg(bottom - height)}" height="${roundForSvg(height)}"`;
      const tip = `<title>${escapeHtml(`${label}: ${name} ${valueLabel(value)}`)}</title>`;
      const pattern = kind in patterns ? `<rect class="pattern" ${position} fill="url(#${options.id}-${kind})"/>` : '';
      return `<g><rect class="bar bar-${kind}" data-value="${value}" ${position}>${tip}</rect>${pattern}</g>`;
    });
    return segments.join('');
  });
  return renderChart(
    options,
    `<defs>${patterned.map((kind) => renderPattern(options.id, kind)).join('')}</defs>${bars.join('')}`,
  );
}

/** Patterns that distinguish the parts without colour. `delivered` is plain. */
const patterns: Readonly<Record<string, string>> = {
  read: '<circle cx="3" cy="3" r="1"/>',
  pending: '<path d="M0 6 6 0"/>',
  unknown: '<path d="M0 3h6M3 0v6"/>',
  failed: '<path d="M0 0 6 6M0 6 6 0"/>',
};

function renderPattern(id: string, kind: string): string {
  return `<pattern id="${id}-${kind}" class="lines lines-${kind}" width="6" height="6" patternUnits="userSpaceOnUse">${patterns[kind]}</pattern>`;
}

/** Renders a part's symbol for the legend. */
export function renderPartKey(id: string, kind: string): string {
  const drawn = patterns[kind];
  return `<svg class="key" width="16" height="16" aria-hidden="true">${drawn ? `<defs>${renderPattern(`${id}-key`, kind)}</defs>` : ''}<rect class="bar bar-${kind}" width="16" height="16" rx="3"/>${drawn ? `<rect class="pattern" width="16" height="16" rx="3" fill="url(#${id}-key-${kind})"/>` : ''}</svg>`;
}
