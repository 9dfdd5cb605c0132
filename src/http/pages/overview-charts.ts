import type { MessageCounts } from '../../messages/stats/daily-counts.ts';
import type { StatsSummary } from '../../messages/stats/summary.ts';
import { type Line, lineKey, lines } from './charts/lines.ts';
import { type Part, partKey, stackedBars } from './charts/stacked-bars.ts';
import { countAxis, timeAxis, wholeAxis } from './charts/ticks.ts';
import { durationText } from './durations.ts';
import type { LinkQuery, PageInput } from './page.ts';
import type { Text } from './texts.ts';

/** A chart as the view shows it: the picture, what its parts are, and the same numbers as a table. */
export interface ShownChart {
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

/** The parts of the bars, from the bottom up, and how the log finds them. */
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
const looks: Readonly<Partial<Record<keyof MessageCounts, string>>> = {
  posted: 'delivered',
  postPending: 'pending',
  postFailed: 'failed',
};

/** What the last days looked like. */
export function overviewCharts(text: Text, url: PageInput['url'], days: readonly Day[]): ShownChart[] {
  return [
    barChart(text, url, days, 'sent', sentParts),
    barChart(text, url, days, 'received', receivedParts),
    lineChart(text, days, 'rate'),
    lineChart(text, days, 'time'),
  ];
}

function barChart(
  text: Text,
  url: PageInput['url'],
  days: readonly Day[],
  name: 'sent' | 'received',
  given: readonly [keyof MessageCounts, LinkQuery][],
): ShownChart {
  const id = `chart-${name}`;
  const parts: Part[] = given.map(([column]) => ({
    kind: looks[column] ?? column,
    label: text(`overview.states.${column}`),
    values: days.map(({ statistics }) => statistics[column]),
  }));
  // What never happened needs no name; what is usual has one all the same.
  const shown = parts.filter(({ kind, values }) => kind === 'delivered' || values.some((value) => value > 0));
  const totals = days.map(({ statistics }) => statistics[name]);
  const frame = {
    id,
    title: text(`overview.charts.${name}.title`),
    description: text(`overview.charts.${name}.description`, { count: totals.reduce((sum, total) => sum + total, 0) }),
    axis: countAxis(Math.max(...totals, 0)),
    axisLabel: (value: number) => text.number(value, { notation: 'compact' }),
    labels: days.map(({ day }) => dayLabel(text, day)),
  };
  return {
    id,
    title: frame.title,
    svg: stackedBars(frame, parts, (value) => text.number(value)),
    keys: shown.map(({ kind, label }) => ({ svg: partKey(id, kind), label })).reverse(),
    columns: parts.map(({ label }) => label),
    rows: days.map(({ day, statistics }) => ({
      day: dayLabel(text, day),
      cells: given.map(([column, query]) => {
        const count = statistics[column];
        return { text: text.number(count), href: count > 0 ? url('messages', { ...query, day }) : null };
      }),
    })),
  };
}

function lineChart(text: Text, days: readonly Day[], name: 'rate' | 'time'): ShownChart {
  const id = `chart-${name}`;
  const label = (value: number) =>
    name === 'rate' ? text.number(value, { style: 'percent', maximumFractionDigits: 1 }) : durationText(text, value);
  const given: Line[] =
    name === 'rate'
      ? [
          line(
            'round',
            text('overview.rate'),
            days.map(({ statistics }) => statistics.deliveryRate),
          ),
        ]
      : [
          line(
            'round',
            text('overview.median'),
            days.map(({ statistics }) => statistics.medianMs),
          ),
          line(
            'square',
            text('overview.p95'),
            days.map(({ statistics }) => statistics.p95Ms),
          ),
        ];
  const highest = Math.max(...given.flatMap(({ values }) => values.map((value) => value ?? 0)), 0);
  const frame = {
    id,
    title: text(`overview.charts.${name}.title`),
    description: text(`overview.charts.${name}.description`),
    axis: name === 'rate' ? wholeAxis : timeAxis(highest),
    axisLabel: (value: number) =>
      name === 'rate' ? text.number(value, { style: 'percent' }) : value === 0 ? '0' : durationText(text, value, 'narrow'),
    labels: days.map(({ day }) => dayLabel(text, day)),
  };
  return {
    id,
    title: frame.title,
    svg: lines(frame, given, label),
    keys: given.length > 1 ? given.map(({ kind, label: words }) => ({ svg: lineKey(kind), label: words })) : [],
    columns: given.map(({ label: words }) => words),
    rows: days.map(({ day }, index) => ({
      day: dayLabel(text, day),
      cells: given.map(({ values }) => {
        const value = values[index] ?? null;
        return { text: value === null ? '–' : label(value), href: null };
      }),
    })),
  };
}

function line(kind: Line['kind'], label: string, values: readonly (number | null)[]): Line {
  return { kind, label, values };
}

/** A day is a day, whatever the zone of whoever looks. */
function dayLabel(text: Text, day: string): string {
  return text.time(new Date(`${day}T00:00:00Z`), { day: 'numeric', month: 'short' });
}
