import { escapeHtml } from '../framework/render.ts';
import { roundForSvg } from './chart.ts';

const height = 24;
const width = 84;

/** Renders a small chart for a table row: one bar a day, with its failures on top. @param label for screen readers */
export function renderSparkline(days: readonly { readonly sent: number; readonly failed: number }[], label: string): string {
  const highest = Math.max(...days.map(({ sent }) => sent), 1);
  const step = width / Math.max(days.length, 1);
  const bars = days.flatMap(({ sent, failed }, index) => {
    if (sent === 0) return [];
    const full = Math.max((sent / highest) * height, 1);
    const bad = failed === 0 ? 0 : Math.max((failed / sent) * full, 1.5);
    const position = `x="${roundForSvg(index * step)}" width="${roundForSvg(step - 1.5)}"`;
    const good = `<rect class="spark" ${position} y="${roundForSvg(height - full)}" height="${roundForSvg(full)}"/>`;
    return (
      good +
      (bad > 0 ? `<rect class="spark-bad" ${position} y="${roundForSvg(height - full)}" height="${roundForSvg(bad)}"/>` : '')
    );
  });
  return `<svg class="sparkline" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(label)}"><line class="grid-line" x1="0" x2="${width}" y1="${height - 0.5}" y2="${height - 0.5}"/>${bars.join('')}</svg>`;
}
