import { AsyncLocalStorage } from 'node:async_hooks';
import { type Context, ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, TraceFlags, trace } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  type IdGenerator,
  RandomIdGenerator,
  type SpanProcessor,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-base';
import type { Clock } from '../../core/clock.ts';
import { isAppError } from '../../core/errors.ts';
import { type SpanAttributes, type Tracing, toTraceId } from '../tracing.ts';

export interface SpanOptions {
  clock: Pick<Clock, 'now'>;
  resource: Resource;
  processors: SpanProcessor[];
  /** Share of the traces that are recorded, from 0 to 1. All processes choose the same ones, as the trace's id decides. */
  ratio: number;
}

/** Id of the first span of a trace: each process knows it, too, so that the spans of workers are children of it. */
const toFirstSpanId = (messageId: string) => toTraceId(messageId).slice(16);

/** Creates the spans of messages' traces with the SDK. */
export function createTracing({ clock, resource, processors, ratio }: SpanOptions): {
  tracing: Tracing;
  provider: BasicTracerProvider;
} {
  const ids = createIds();
  const sampler = new TraceIdRatioBasedSampler(ratio);
  const provider = new BasicTracerProvider({ resource, sampler, idGenerator: ids, spanProcessors: processors });
  const tracer = provider.getTracer('patchbay');
  const running = new AsyncLocalStorage<Context>();

  const run = async <T>(span: Span, work: () => Promise<T>): Promise<T> => {
    try {
      return await running.run(trace.setSpan(ROOT_CONTEXT, span), work);
    } catch (error) {
      // The code alone: a message can quote what a vendor or HighLevel responded.
      span.setStatus({ code: SpanStatusCode.ERROR, message: isAppError(error) ? error.code : 'internal' });
      throw error;
    } finally {
      span.end();
    }
  };

  const tracing: Tracing = {
    startTrace(name, attributes) {
      const startTime = clock.now();
      return (messageId) => {
        ids.setNext({ traceId: toTraceId(messageId), spanId: toFirstSpanId(messageId) });
        const options = { kind: SpanKind.SERVER, startTime, attributes: withMessageId(attributes, messageId), root: true };
        tracer.startSpan(name, options, ROOT_CONTEXT).end(clock.now());
        ids.setNext(null);
      };
    },
    traceMessage(name, messageId, work) {
      const attributes = withMessageId({}, messageId);
      return run(tracer.startSpan(name, { kind: SpanKind.CONSUMER, attributes }, toMessageContext(messageId)), work);
    },
    recordStep(name, messageId, durationMs, attributes) {
      const endTime = clock.now();
      const options = {
        kind: SpanKind.SERVER,
        attributes: withMessageId(attributes, messageId),
        startTime: endTime - durationMs,
      };
      tracer.startSpan(name, options, toMessageContext(messageId)).end(endTime);
    },
    traceRequest(name, attributes, work) {
      const context = running.getStore();
      return context ? run(tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes }, context), work) : work();
    },
    recordRequest(name, durationMs, attributes) {
      const context = running.getStore();
      if (!context) return;
      const endTime = clock.now();
      tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes, startTime: endTime - durationMs }, context).end(endTime);
    },
  };
  return { tracing, provider };
}

/** Returns the context of a message's trace, in which spans are children of its first one. */
function toMessageContext(messageId: string): Context {
  const parent = { traceId: toTraceId(messageId), spanId: toFirstSpanId(messageId) };
  return trace.setSpanContext(ROOT_CONTEXT, { ...parent, traceFlags: TraceFlags.SAMPLED, isRemote: true });
}

function withMessageId(attributes: SpanAttributes, messageId: string): SpanAttributes {
  return { ...attributes, 'patchbay.message.id': messageId };
}

/** Creates ids at random, except where the next span has ids of its own. The SDK asks for both within the call that starts a span. */
function createIds(): IdGenerator & { setNext(ids: { traceId: string; spanId: string } | null): void } {
  const random = new RandomIdGenerator();
  let next: { traceId: string; spanId: string } | null = null;
  return {
    setNext: (ids) => {
      next = ids;
    },
    generateTraceId: () => next?.traceId ?? random.generateTraceId(),
    generateSpanId: () => next?.spanId ?? random.generateSpanId(),
  };
}
