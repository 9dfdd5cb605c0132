import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** Creates the metrics, each declared once. Labels are few and known: never a location, an address or a text. */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  const seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
  const metrics = {
    registry,
    /** Node's own figures; they start a timer, so only a real process collects them. */
    collectProcess: () => collectDefaultMetrics({ register: registry }),
    webhooks: new Counter({
      name: 'patchbay_webhooks_total',
      help: 'Webhooks from HighLevel, by kind (provider, app) and outcome.',
      labelNames: ['kind', 'outcome'],
      registers,
    }),
    channelWebhooks: new Counter({
      name: 'patchbay_channel_webhooks_total',
      help: 'Webhooks of vendors, by channel, event and outcome.',
      labelNames: ['channel', 'event', 'outcome'],
      registers,
    }),
    webhookAckDuration: new Histogram({
      name: 'patchbay_webhook_ack_duration_seconds',
      help: 'From a webhook to its acknowledgement, the durable write included.',
      buckets: seconds,
      registers,
    }),
    sendAttempts: new Counter({
      name: 'patchbay_send_attempts_total',
      help: 'Attempts to send, by channel and outcome.',
      labelNames: ['channel', 'outcome'],
      registers,
    }),
    sendDuration: new Histogram({
      name: 'patchbay_send_duration_seconds',
      help: 'Duration of a send until the vendor responded, by channel.',
      labelNames: ['channel'],
      buckets: seconds,
      registers,
    }),
    silentSends: new Counter({
      name: 'patchbay_silent_sends_total',
      help: 'Messages that a vendor accepted and that got no receipt in the time in which its receipts usually come, by channel.',
      labelNames: ['channel'],
      registers,
    }),
    highLevelRequests: new Counter({
      name: 'patchbay_highlevel_requests_total',
      help: 'Requests to HighLevel, by operation and HTTP status (0: no response).',
      labelNames: ['operation', 'status'],
      registers,
    }),
    reports: new Counter({
      name: 'patchbay_status_reports_total',
      help: 'Status reports to HighLevel, by outcome.',
      labelNames: ['outcome'],
      registers,
    }),
    workflowRequests: new Counter({
      name: 'patchbay_workflow_requests_total',
      help: 'Requests of HighLevel’s workflows, by kind (action, fields, trigger) and outcome.',
      labelNames: ['kind', 'outcome'],
      registers,
    }),
    triggerEvents: new Counter({
      name: 'patchbay_trigger_events_total',
      help: 'Events for workflow triggers that have ended, by kind and outcome.',
      labelNames: ['kind', 'outcome'],
      registers,
    }),
    webhookAttempts: new Counter({
      name: 'patchbay_webhook_attempts_total',
      help: 'Attempts to send an event to an agency’s endpoint, by outcome (delivered, retried, failed).',
      labelNames: ['outcome'],
      registers,
    }),
    authFailures: new Counter({
      name: 'patchbay_auth_failures_total',
      help: 'Rejected authentication failures, by kind (operator_token, sign_in, context, metrics_token).',
      labelNames: ['kind'],
      registers,
    }),
    contextReplays: new Counter({
      name: 'patchbay_user_context_replays_total',
      help: 'User contexts that were presented again from another address.',
      registers,
    }),
    slowStatements: new Counter({
      name: 'patchbay_slow_statements_total',
      help: 'Statements of this process that took the database SLOW_STATEMENT_MS or longer.',
      registers,
    }),
    installations: new Gauge({
      name: 'patchbay_installations',
      help: 'Installations by kind (company, location) and status.',
      labelNames: ['kind', 'status'],
      registers,
    }),
    alerts: new Gauge({
      name: 'patchbay_alerts',
      help: 'Open alerts, by kind.',
      labelNames: ['kind'],
      registers,
    }),
    queueDepth: new Gauge({
      name: 'patchbay_queue_jobs',
      help: 'Jobs by queue and state (ready, deferred, active).',
      labelNames: ['queue', 'state'],
      registers,
    }),
    queueLatency: new Gauge({
      name: 'patchbay_queue_latency_seconds',
      help: 'Wait of the oldest ready job, by queue.',
      labelNames: ['queue'],
      registers,
    }),
  };
  // A series that begins with its first event shows Prometheus no increase: those that the alert rules watch begin at 0.
  for (const kind of ['provider', 'app']) {
    for (const outcome of ['signature_invalid', 'overloaded', 'database_unavailable', 'internal']) {
      metrics.webhooks.inc({ kind, outcome }, 0);
    }
  }
  return metrics;
}

export type Metrics = ReturnType<typeof createMetrics>;
