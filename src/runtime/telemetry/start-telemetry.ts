import { DiagLogLevel, diag } from '@opentelemetry/api';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { type Clock, sleep } from '../../core/clock.ts';
import type { Log } from '../log.ts';
import type { Tracing } from '../tracing.ts';
import { createMetricProducer, type MetricSource } from './metric-producer.ts';
import { createTracing } from './spans.ts';

/** The collector, from the operator's settings. */
export interface TelemetryOptions {
  /** Base address; traces go to `/v1/traces` below it, metrics to `/v1/metrics`. */
  endpoint: string;
  headers: Record<string, string>;
  serviceName: string;
  traceRatio: number;
  metricIntervalMs: number;
}

/** Exports traces and metrics to a collector. */
export interface Telemetry {
  tracing: Tracing;
  /** Starts the export of metrics. */
  exportMetrics(source: MetricSource): void;
  /** Sends what is left, for two seconds at most: a collector that is down must not delay the end of the process. */
  stop(): Promise<void>;
}

const flushTimeoutMs = 2_000;
/** Beyond it, the newest spans are dropped: a collector that is down costs no more memory. */
const maxQueuedSpans = 4_096;
const warningIntervalMs = 60_000;

/** Starts OpenTelemetry. Loaded only where a collector is set: the SDK costs a start 60 ms and 10 MB. */
export function startTelemetry(
  deps: { clock: Clock; log: Log },
  options: TelemetryOptions & { version: string; role: string; instanceId: string },
): Telemetry {
  const { clock } = deps;
  logProblems(deps);
  const resource = resourceFromAttributes({
    'service.name': options.serviceName,
    'service.version': options.version,
    'service.instance.id': options.instanceId,
    'patchbay.role': options.role,
  });
  const toExporterOptions = (path: string) => ({ url: `${options.endpoint}${path}`, headers: options.headers });
  const processor = new BatchSpanProcessor(new OTLPTraceExporter(toExporterOptions('/v1/traces')), {
    maxQueueSize: maxQueuedSpans,
  });
  const { tracing, provider } = createTracing({ clock, resource, processors: [processor], ratio: options.traceRatio });
  let meterProvider: MeterProvider | undefined;
  return {
    tracing,
    exportMetrics(source) {
      const reader = new PeriodicExportingMetricReader({
        exporter: new OTLPMetricExporter(toExporterOptions('/v1/metrics')),
        exportIntervalMillis: options.metricIntervalMs,
        exportTimeoutMillis: Math.min(10_000, options.metricIntervalMs),
        metricProducers: [createMetricProducer(clock, resource, source)],
      });
      meterProvider = new MeterProvider({ resource, readers: [reader] });
    },
    async stop() {
      const flushed = Promise.allSettled([provider.shutdown(), meterProvider?.shutdown()]);
      await Promise.race([flushed, sleep(clock, flushTimeoutMs)]);
    },
  };
}

/** Logs that exports fail, once a minute at most. */
function logProblems({ clock, log }: { clock: Clock; log: Log }): void {
  let nextAt = 0;
  const warn = (message: string) => {
    if (clock.now() < nextAt) return;
    nextAt = clock.now() + warningIntervalMs;
    log.warn({ problem: message.slice(0, 300) }, 'OpenTelemetry: traces or metrics could not be exported');
  };
  const ignore = () => {};
  diag.setLogger({ error: warn, warn: ignore, info: ignore, debug: ignore, verbose: ignore }, DiagLogLevel.ERROR);
}
