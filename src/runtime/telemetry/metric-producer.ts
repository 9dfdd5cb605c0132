import { type HrTime, ValueType } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type Histogram,
  type MetricData,
  type MetricProducer,
} from '@opentelemetry/sdk-metrics';
import type { MetricObjectWithValues, MetricValue, Registry } from 'prom-client';
import type { Clock } from '../../core/clock.ts';

type PromMetric = MetricObjectWithValues<MetricValue<string> & { metricName?: string }>;

export interface MetricSource {
  registry: Registry;
  /** Sets the gauges that are read from the database. */
  refresh(): Promise<void>;
}

/** Creates the bridge from the metrics of `/metrics` to OpenTelemetry: the same names and labels, cumulative since the start of the process. */
export function createMetricProducer(
  clock: Pick<Clock, 'now'>,
  resource: Resource,
  { registry, refresh }: MetricSource,
): MetricProducer {
  const startTime = toHrTime(clock.now());
  return {
    async collect() {
      const errors: unknown[] = [];
      await refresh().catch((error: unknown) => errors.push(error));
      const all = (await registry.getMetricsAsJSON()) as unknown as PromMetric[];
      const times = { startTime, endTime: toHrTime(clock.now()) };
      const metrics = all.filter(({ type }) => type.toString() !== 'summary').map((metric) => toMetricData(metric, times));
      return { resourceMetrics: { resource, scopeMetrics: [{ scope: { name: 'patchbay' }, metrics }] }, errors };
    },
  };
}

interface Times {
  startTime: HrTime;
  endTime: HrTime;
}

function toMetricData({ name, help, type, values }: PromMetric, times: Times): MetricData {
  const base = {
    descriptor: { name, description: help, unit: name.endsWith('_seconds') ? 's' : '', valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  };
  if (type.toString() === 'histogram') {
    return { ...base, dataPointType: DataPointType.HISTOGRAM, dataPoints: toHistograms(values, times) };
  }
  const dataPoints = values.map(({ labels, value }) => ({ ...times, attributes: { ...labels }, value }));
  if (type.toString() === 'counter') return { ...base, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints };
  return { ...base, dataPointType: DataPointType.GAUGE, dataPoints };
}

/** Groups the buckets of each set of labels. Prometheus counts what is at most `le`, OpenTelemetry what is in the bucket alone. */
function toHistograms(values: PromMetric['values'], times: Times): DataPoint<Histogram>[] {
  const groups = Map.groupBy(values, ({ labels }) => JSON.stringify({ ...labels, le: undefined }));
  return [...groups].map(([labels, own]) => {
    const find = (suffix: string) => own.find(({ metricName }) => metricName?.endsWith(suffix))?.value ?? 0;
    const buckets = own.filter(({ metricName }) => metricName?.endsWith('_bucket'));
    const counts = buckets.map(({ value }, index) => value - (buckets[index - 1]?.value ?? 0));
    const boundaries = buckets.map((bucket) => Number(bucket.labels.le)).filter(Number.isFinite);
    const value = { buckets: { boundaries, counts }, sum: find('_sum'), count: find('_count') };
    return { ...times, attributes: JSON.parse(labels) as Record<string, string>, value };
  });
}

function toHrTime(ms: number): HrTime {
  return [Math.floor(ms / 1000), Math.round((ms % 1000) * 1_000_000)];
}
