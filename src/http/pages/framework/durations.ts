import type { Text } from './texts.ts';

const units = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
] as const;

/** Formats a duration in at most two units: `1 min 35 sec`, or `1m 35s` when `narrow`. */
export function formatDuration(text: Text, ms: number, width: 'short' | 'narrow' = 'short'): string {
  const unitText = (value: number, unit: string) =>
    text.number(value, { style: 'unit', unit, unitDisplay: width, maximumFractionDigits: 1 });
  if (ms < 1_000) return unitText(Math.round(ms), 'millisecond');
  if (ms < 60_000) return unitText(Math.round(ms / 100) / 10, 'second');
  const first = units.findIndex(([, size]) => ms >= size);
  const [unit, size] = units[first] as (typeof units)[number];
  const [small, smallSize] = units[first + 1] as (typeof units)[number];
  // Rounding first turns 60 of the small unit into one more of the large.
  const rounded = Math.round(ms / smallSize) * smallSize;
  const remainder = Math.round((rounded % size) / smallSize);
  return [unitText(Math.floor(rounded / size), unit), remainder > 0 ? unitText(remainder, small) : '']
    .filter(Boolean)
    .join(' ');
}
