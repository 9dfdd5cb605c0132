import * as z from 'zod';
import type { TelemetryOptions } from '../runtime/telemetry/start-telemetry.ts';
import { fraction, parseList, webAddress, wholeNumber } from './setting-schemas.ts';

const headers = z.string().transform((text, context): Record<string, string> => {
  const pairs = parseList(text).map((pair) => pair.split(/=(.*)/s, 2).map((part) => part.trim()));
  if (pairs.every(([name, value]) => /^[A-Za-z0-9_-]+$/.test(name ?? '') && value)) {
    return Object.fromEntries(pairs.map(([name, value]) => [name, decode(value ?? '')]));
  }
  context.addIssue({ code: 'custom', message: 'must be headers such as authorization=Bearer%20token, separated by commas' });
  return z.NEVER;
});

/** The values are percent-encoded, by OpenTelemetry's specification. */
function decode(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

/** Settings of OpenTelemetry, under their standard names. */
export const telemetryShape = {
  OTEL_EXPORTER_OTLP_ENDPOINT: webAddress.optional(),
  OTEL_EXPORTER_OTLP_HEADERS: headers.default({}),
  OTEL_SERVICE_NAME: z.string().trim().min(1).max(100).default('patchbay'),
  OTEL_TRACES_SAMPLER_ARG: fraction(0, 1).default(1),
  OTEL_METRIC_EXPORT_INTERVAL: wholeNumber(1_000, 3_600_000).default(60_000),
};

/** Returns the collector; undefined where none is set. */
export function toTelemetry(read: z.output<z.ZodObject<typeof telemetryShape>>): TelemetryOptions | undefined {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } = read;
  if (endpoint === undefined) return undefined;
  return {
    endpoint,
    headers: read.OTEL_EXPORTER_OTLP_HEADERS,
    serviceName: read.OTEL_SERVICE_NAME,
    traceRatio: read.OTEL_TRACES_SAMPLER_ARG,
    metricIntervalMs: read.OTEL_METRIC_EXPORT_INTERVAL,
  };
}
