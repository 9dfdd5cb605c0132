/** Attributes of a span: names, ids and outcomes. Never an address, a content or a secret. */
export type SpanAttributes = Readonly<Record<string, string | number>>;

/**
 * The traces of messages, one a message, from its webhook to its report, in all processes. Exists only where the operator has set a collector:
 * capabilities are wrapped where they are composed, so that without one no span is made and no function is wrapped.
 */
export interface Tracing {
  /** Starts the first span of a trace. The caller ends it when the message has an id, which names the trace. */
  startTrace(name: string, attributes: SpanAttributes): (messageId: string) => void;
  /** Runs `work` in a span of the message's trace. */
  traceMessage<T>(name: string, messageId: string, work: () => Promise<T>): Promise<T>;
  /** Records a step of the message's trace that has just ended: the caller learns of the message only then. */
  recordStep(name: string, messageId: string, durationMs: number, attributes: SpanAttributes): void;
  /** Runs `work` in a child of the running span; without one, in no span. */
  traceRequest<T>(name: string, attributes: SpanAttributes, work: () => Promise<T>): Promise<T>;
  /** Records a request that has just ended as a child of the running span. */
  recordRequest(name: string, durationMs: number, attributes: SpanAttributes): void;
}

/**
 * Returns the id of a message's trace: the message's own id, without its dashes. So each process knows it, and no column stores it.
 */
export function toTraceId(messageId: string): string {
  return messageId.replaceAll('-', '');
}

/** Wraps the handler of a message's jobs in a span, where there is a collector. */
export function traceJobs<Job extends { readonly messageId: string }, Rest extends unknown[]>(
  tracing: Tracing | undefined,
  name: string,
  handle: (job: Job, ...rest: Rest) => Promise<void>,
): (job: Job, ...rest: Rest) => Promise<void> {
  if (!tracing) return handle;
  return (job, ...rest) => tracing.traceMessage(name, job.messageId, () => handle(job, ...rest));
}
