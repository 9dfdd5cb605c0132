import type { MessageCounts } from '../../../messages/stats/daily-counts.ts';
import type { StatsSummary } from '../../../messages/stats/summary.ts';
import { type Line, renderLineKey, renderLines } from '../charts/lines.ts';
import { type Part, renderPartKey, renderStackedBars } from '../charts/stacked-bars.ts';
import { createCountAxis, createTimeAxis, shareAxis } from '../charts/ticks.ts';
import { formatDuration } from '../framework/durations.ts';
import type { LinkQuery, PageInput } from '../framework/page.ts';
import type { Text } from '../framework/texts.ts';

/** A chart for the view: its SVG, its legend, and the same numbers as a table. */
export interface ChartModel {
  readonly id: string;
  readonly title: string;
  readonly svg: string;
  readonly keys: readonly { readonly svg: string; readonly label: string }[];
  readonly columns: readonly string[];
  readonly rows: readonly {
    readonly day: string;
    readonly cells: readonly { readonly text: string; readonly href: string | null }[];
  }[];
}

type Day = { readonly day: string; readonly statistics: StatsSummary };

/** The parts of the bars, from the bottom up, with the log's filters for them. */
const sentParts: readonly [keyof MessageCounts, LinkQuery][] = [
  ['read', { direction: 'outbound', status: 'read' }],
  ['delivered', { direction: 'outbound', status: 'delivered' }],
  ['pending', { direction: 'outbound', status: 'pending' }],
  ['unknown', { direction: 'outbound', status: 'unknown' }],
  ['failed', { direction: 'outbound', status: 'failed' }],
];
const receivedParts: readonly [keyof MessageCounts, LinkQuery][] = [
  ['posted', { direction: 'inbound', status: 'delivered' }],
  ['postPending', { direction: 'inbound', status: 'pending' }],
  ['postFailed', { direction: 'inbound', status: 'failed' }],
];
const barKinds: Readonly<Partial<Record<keyof MessageCounts, string>>> = {
  posted: 'delivered',
  postPending: 'pending',
  postFailed: 'failed',
};

/** Creates the charts of the last days. */
export function createOverviewCharts(text: Text, url: PageInput['url'], days: readonly Day[]): ChartModel[] {
  return [
    createBarChart(text, url, days, 'sent', sentParts),
    createBarChart(text, url, days, 'received', receivedParts),
    createLineChart(text, days, 'rate'),
    createLineChart(text, days, 'time'),
  ];
}

function createBarChart(
  text: Text,
  url: PageInput['url'],
  days: readonly Day[],
  name: 'sent' | 'received',
  given: readonly [keyof MessageCounts, LinkQuery][],
): ChartModel {
  const id = `chart-${name}`;
  const parts: Part[] = given.map(([column]) => ({
    kind: barKinds[column] ?? column,
    label: text(`overview.states.${column}`),
    values: days.map(({ statistics }) => statistics[column]),
  }));
  // The legend leaves out states without messages, except delivered.
  const shown = parts.filter(({ kind, values }) => kind === 'delivered' || values.some((value) => value > 0));
  const totals = days.map(({ statistics }) => statistics[name]);
  const options = {
    id,
    title: text(`overview.charts.${name}.title`),
    description: text(`overview.charts.${name}.description`, { count: totals.reduce((sum, total) => sum + total, 0) }),
    axis: createCountAxis(Math.max(...totals, 0)),
    axisLabel: (value: number) => text.number(value, { notation: 'compact' }),
    labels: days.map(({ day }) => formatDay(text, day)),
  };
  return {
    id,
    title: options.title,
    svg: renderStackedBars(options, parts, (value) => text.number(value)),
    keys: shown.map(({ kind, label }) => ({ svg: renderPartKey(id, kind), label })).reverse(),
    columns: parts.map(({ label }) => label),
    rows: days.map(({ day, statistics }) => ({
      day: formatDay(text, day),
      cells: given.map(([column, query]) => {
        const count = statistics[column];
        return { text: text.number(count), href: count > 0 ? url('messages', { ...query, day }) : null };
      }),
    })),
  };
}

function createLineChart(text: Text, days: readonly Day[], name: 'rate' | 'time'): ChartModel {
  const id = `chart-${name}`;
  const label = (value: number) =>
    name === 'rate' ? text.number(value, { style: 'percent', maximumFractionDigits: 1 }) : formatDuration(text, value);
  const given: Line[] =
    name === 'rate'
      ? [
          createLine(
            'round',
            text('overview.rate'),
            days.map(({ statistics }) => statistics.deliveryRate),
          ),
        ]
      : [
          createLine(
            'round',
            text('overview.median'),
            days.map(({ statistics }) => statistics.medianMs),
          ),
          createLine(
            'square',
            text('overview.p95'),
            days.map(({ statistics }) => statistics.p95Ms),
          ),
        ];
  const highest = Math.max(...given.flatMap(({ values }) => values.map((value) => value ?? 0)), 0);
  const options = {
    id,
    title: text(`overview.charts.${name}.title`),
    description: text(`overview.charts.${name}.description`),
    axis: name === 'rate' ? shareAxis : createTimeAxis(highest),
    axisLabel: (value: number) =>
      name === 'rate' ? text.number(value, { style: 'percent' }) : value === 0 ? '0' : formatDuration(text, value, 'narrow'),
    labels: days.map(({ day }) => formatDay(text, day)),
  };
  return {
    id,
    title: options.title,
    svg: renderLines(options, given, label),
    keys: given.length > 1 ? given.map(({ kind, label: words }) => ({ svg: renderLineKey(kind), label: words })) : [],
    columns: given.map(({ label: words }) => words),
    rows: days.map(({ day }, index) => ({
      day: formatDay(text, day),
      cells: given.map(({ values }) => {
        const value = values[index] ?? null;
        return { text: value === null ? '–' : label(value), href: null };
      }),
    })),
  };
}

function createLine(kind: Line['kind'], label: string, values: readonly (number | null)[]): Line {
  return { kind, label, values };
}

/** Formats a calendar day; the viewer's time zone does not change it. */
function formatDay(text: Text, day: string): string {
  return text.time(new Date(`${day}T00:00:00Z`), { day: 'numeric', month: 'short' });
}
