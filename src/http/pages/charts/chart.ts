import { escapeHtml } from '../framework/render.ts';
import type { Axis } from './ticks.ts';

/** What every chart is drawn with. Widths are parts of the whole, heights are pixels, so letters keep their size on every screen. */
export interface ChartOptions {
  /** Unique on the page. */
  readonly id: string;
  readonly title: string;
  /** What it shows, for those who do not see it. */
  readonly description: string;
  readonly axis: Axis;
  readonly axisLabel: (value: number) => string;
  /** What stands below each place, from left to right. */
  readonly labels: readonly string[];
}

export const plotHeight = 168;
const marginTop = 12;
const marginBottom = 28;

/** Where a value stands, in pixels from the top. */
export function toY(axis: Axis, value: number): number {
  return marginTop + plotHeight * (1 - value / axis.max);
}

/** The left edge and the width of a place, in percent. */
export function toColumn(index: number, count: number): { left: number; width: number; middle: number } {
  const width = 100 / count;
  return { left: index * width, width, middle: (index + 0.5) * width };
}

/** Rounded for SVG: two digits are less than anybody sees. */
export function roundForSvg(value: number): string {
  return String(Math.round(value * 100) / 100);
}

/** A whole chart: its axis, its lines, and what `marks` draws between them. Classes and attributes only, as the policy asks. */
export function renderChart(options: ChartOptions, marks: string): string {
  const { id, title, description, axis, axisLabel, labels } = options;
  const height = marginTop + plotHeight + marginBottom;
  const lines = axis.ticks.map((tick) => {
    const y = roundForSvg(toY(axis, tick));
    return `<line class="grid-line" x1="0" x2="100%" y1="${y}" y2="${y}"/>`;
  });
  const scale = axis.ticks.map(
    (tick) => `<text x="100%" y="${roundForSvg(toY(axis, tick))}" dy="4">${escapeHtml(axisLabel(tick))}</text>`,
  );
  const days = labels.map((label, index) => {
    // The last is always named; where there is little room only every fourth.
    const isAlways = (labels.length - 1 - index) % 4 === 0;
    const isOften = (labels.length - 1 - index) % 2 === 0;
    const kind = isAlways ? '' : isOften ? ' class="roomy"' : ' class="roomiest"';
    return `<text${kind} x="${roundForSvg(toColumn(index, labels.length).middle)}%" y="${height - 6}">${escapeHtml(label)}</text>`;
  });
  return `<div class="chart"><svg class="chart-scale" height="${height}" aria-hidden="true">${scale.join('')}</svg>
<svg class="chart-plot" height="${height}" role="img" aria-labelledby="${id}-title ${id}-desc">
<title id="${id}-title">${escapeHtml(title)}</title><desc id="${id}-desc">${escapeHtml(description)}</desc>
${lines.join('')}${marks}<g class="chart-days">${days.join('')}</g></svg></div>`;
}
