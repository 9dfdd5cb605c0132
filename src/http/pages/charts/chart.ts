import { escapeHtml } from '../framework/render.ts';
import type { Axis } from './ticks.ts';

/** The options of every chart. Widths are percentages and heights are pixels, so text keeps its size on every screen. */
export interface ChartOptions {
  /** Unique on the page. */
  readonly id: string;
  readonly title: string;
  /** A description for screen readers. */
  readonly description: string;
  readonly axis: Axis;
  readonly axisLabel: (value: number) => string;
  /** The labels below the columns, from left to right. */
  readonly labels: readonly string[];
}

export const plotHeight = 168;
const marginTop = 12;
const marginBottom = 28;

/** Converts a value to pixels from the top. */
export function toY(axis: Axis, value: number): number {
  return marginTop + plotHeight * (1 - value / axis.max);
}

/** Returns the left edge, width and middle of a column, in percent. */
export function toColumn(index: number, count: number): { left: number; width: number; middle: number } {
  const width = 100 / count;
  return { left: index * width, width, middle: (index + 0.5) * width };
}

/** Rounds to two digits for SVG. */
export function roundForSvg(value: number): string {
  return String(Math.round(value * 100) / 100);
}

/** Renders a chart: its axis, grid lines and `marks`. Uses classes and attributes only, as the content security policy requires. */
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
    // The last day always has a label; narrow screens show only every fourth.
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
