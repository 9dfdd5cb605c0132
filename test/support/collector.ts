import { gunzipSync } from 'node:zlib';
import { listen } from './http.ts';

interface Attribute {
  key: string;
  value: { stringValue?: string; intValue?: number | string; doubleValue?: number };
}

/** A span as it arrived, with the resource of its process. */
export interface CollectedSpan {
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: Record<string, unknown>;
  role: unknown;
  service: unknown;
}

interface CollectedMetric {
  name: string;
  sum?: { isMonotonic: boolean; dataPoints: { attributes: Attribute[]; asDouble: number }[] };
  gauge?: { dataPoints: unknown[] };
  histogram?: { dataPoints: { count: number; bucketCounts: number[]; explicitBounds: number[] }[] };
}

interface Resource {
  attributes: Attribute[];
}

interface Export {
  resourceSpans?: {
    resource: Resource;
    scopeSpans: { spans: (Omit<CollectedSpan, 'attributes'> & { attributes: Attribute[] })[] }[];
  }[];
  resourceMetrics?: { resource: Resource; scopeMetrics: { metrics: CollectedMetric[] }[] }[];
}

/** Starts a collector that takes OTLP over HTTP, as JSON, and remembers what came. */
export async function startCollector() {
  const bodies: string[] = [];
  const requests: { path: string | undefined; authorization: string | undefined }[] = [];
  const server = await listen(async (request, response) => {
    requests.push({ path: request.url, authorization: request.headers.authorization });
    const chunks = await request.toArray();
    const body = Buffer.concat(chunks as Buffer[]);
    bodies.push(request.headers['content-encoding'] === 'gzip' ? gunzipSync(body).toString() : body.toString());
    response.setHeader('content-type', 'application/json').end('{}');
  });
  const listExports = () => bodies.map((body) => JSON.parse(body) as Export);
  return {
    url: server.url,
    requests,
    /** All that came, as text. */
    readAll: () => bodies.join('\n'),
    listSpans: (): CollectedSpan[] =>
      listExports()
        .flatMap(({ resourceSpans = [] }) => resourceSpans)
        .flatMap(({ resource, scopeSpans }) => {
          const { 'patchbay.role': role, 'service.name': service } = toRecord(resource.attributes);
          return scopeSpans
            .flatMap(({ spans }) => spans)
            .map((span) => ({ ...span, attributes: toRecord(span.attributes), role, service }));
        }),
    listMetrics: (): CollectedMetric[] =>
      listExports()
        .flatMap(({ resourceMetrics = [] }) => resourceMetrics)
        .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics)),
    [Symbol.asyncDispose]: server.close,
  };
}

function toRecord(attributes: Attribute[]): Record<string, unknown> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue ?? value.doubleValue]),
  );
}
