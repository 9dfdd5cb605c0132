import { type Clock, dateNow } from '../core/clock.ts';
import { isAppError } from '../core/errors.ts';
import type { NewId } from '../core/ids.ts';
import { parseRetryAfterMs } from '../core/retry-after.ts';
import { truncate } from '../core/sanitize.ts';
import type { SecretBox } from '../core/secret-box.ts';
import type { Database } from '../database/client.ts';
import {
  type ClaimedWebhook,
  claimWebhooks,
  endWithoutAttempt,
  findEndpoint,
  listDueEndpoints,
  recordWebhookAttempt,
  type WebhookAttemptResult,
} from '../outbox/webhook-claims.ts';
import { openSigningSecrets, type WebhookEndpoint } from '../outbox/webhook-endpoints.ts';
import type { Log } from '../runtime/log.ts';
import { type HttpClient, toRequestFailure } from '../runtime/outbound-http.ts';
import { createSignatureHeaders } from '../runtime/standard-webhooks.ts';
import type { WebhookPayload } from './build-payload.ts';
import { computeWebhookDelayMs, decideDisabling } from './schedule.ts';

export interface WebhookSenderDeps {
  db: Database;
  clock: Clock;
  newId: NewId;
  log: Log;
  jitter: () => number;
  box: SecretBox;
  /** Guarded against private targets; agencies choose the addresses. */
  webhookHttp: HttpClient;
  buildWebhookPayload(event: ClaimedWebhook): Promise<WebhookPayload>;
  recordWebhook(outcome: string): void;
}

export interface WebhookSender {
  /** Starts to send to the endpoints whose events are due, and does not wait for them. */
  sendDueWebhooks(): Promise<void>;
  /** Aborts the attempts that run: their events are sent again. */
  stop(): Promise<void>;
}

/** A receiver has this long to acknowledge, body included. */
export const webhookTimeoutMs = 15_000;
const maxResponseChars = 500;
/** Concurrent requests to one endpoint, in this process. */
const batchSize = 10;
/**
 * Endpoints that are served at the same time. Those whose last attempt failed have places of their own and get one request at a time, so that
 * dead endpoints never hold up the others.
 */
const maxHealthy = 200;
const maxFailing = 50;

/** Creates what sends events to the endpoints of agencies. Each endpoint is served on its own: a slow one delays only itself. */
export function createWebhookSender(deps: WebhookSenderDeps): WebhookSender {
  const serving = { healthy: new Set<string>(), failing: new Set<string>() };
  const running = new Set<Promise<void>>();
  const abort = new AbortController();

  async function serve(endpointId: string, isFailing: boolean, places: Set<string>): Promise<void> {
    try {
      let goesOn = true;
      while (goesOn && !abort.signal.aborted) {
        const claimed = await claimWebhooks(deps, endpointId, isFailing ? 1 : batchSize);
        const sent = await Promise.all(claimed.map((event) => sendClaimed(deps, event, abort.signal)));
        // Leaves its place to an endpoint that waits, and after a failure to the next poll.
        goesOn = claimed.length > 0 && sent.includes(true) && places.size < (isFailing ? maxFailing : maxHealthy);
      }
    } catch (error) {
      deps.log.error({ err: error, endpointId }, 'webhooks could not be sent');
    } finally {
      places.delete(endpointId);
    }
  }

  return {
    async sendDueWebhooks() {
      if (abort.signal.aborted) return;
      for (const { endpointId, isFailing } of await listDueEndpoints(deps)) {
        const places = isFailing ? serving.failing : serving.healthy;
        const isServed = serving.healthy.has(endpointId) || serving.failing.has(endpointId);
        if (isServed || places.size >= (isFailing ? maxFailing : maxHealthy)) continue;
        places.add(endpointId);
        const serviced = serve(endpointId, isFailing, places).finally(() => running.delete(serviced));
        running.add(serviced);
      }
    },
    async stop() {
      abort.abort();
      await Promise.all(running);
    },
  };
}

/** @returns whether the endpoint has acknowledged */
async function sendClaimed(deps: WebhookSenderDeps, event: ClaimedWebhook, stopping: AbortSignal): Promise<boolean> {
  const { db, clock, log } = deps;
  const endpoint = await findEndpoint(db, event.endpointId);
  if (!endpoint || endpoint.disabledAt) {
    await endWithoutAttempt(db, event, dateNow(clock));
    return false;
  }
  const { result, retryAfterMs } = await attemptWebhook(deps, endpoint, event, stopping);
  // Another process sends it again.
  if (stopping.aborted && !result.isSuccess) return false;
  const now = dateNow(clock);
  const delayMs = result.isSuccess ? null : computeWebhookDelayMs(event.attemptCount, deps.jitter(), retryAfterMs);
  const retryAt = delayMs === null ? null : new Date(now.getTime() + delayMs);
  const decide = (failures: { since: Date; count: number }) => decideDisabling(result.status, failures, now);
  const disabled = await recordWebhookAttempt(db, event, result, retryAt, decide, now);
  deps.recordWebhook(result.isSuccess ? 'delivered' : retryAt ? 'retried' : 'failed');
  const { id: endpointId, locationId } = endpoint;
  if (disabled) log.warn({ endpointId, locationId, reason: disabled }, 'a webhook endpoint was disabled');
  return result.isSuccess;
}

async function attemptWebhook(
  deps: WebhookSenderDeps,
  endpoint: WebhookEndpoint,
  event: ClaimedWebhook,
  stopping: AbortSignal,
): Promise<{ result: WebhookAttemptResult; retryAfterMs: number | null }> {
  const { clock } = deps;
  const startedAt = dateNow(clock);
  const body = JSON.stringify(await deps.buildWebhookPayload(event));
  const end = (result: Pick<WebhookAttemptResult, 'isSuccess' | 'status' | 'error' | 'response'>) => ({
    id: deps.newId(),
    startedAt,
    durationMs: Math.max(0, Math.round(clock.now() - startedAt.getTime())),
    ...result,
  });
  try {
    const secrets = openSigningSecrets(deps.box, endpoint, startedAt);
    const headers = { 'content-type': 'application/json', ...createSignatureHeaders(secrets, event.id, startedAt, body) };
    const signal = AbortSignal.any([stopping, AbortSignal.timeout(webhookTimeoutMs)]);
    const response = await deps.webhookHttp.post(endpoint.url, body, { headers, signal });
    const { status } = response;
    const isSuccess = status >= 200 && status < 300;
    const text = typeof response.data === 'string' ? truncate(response.data, maxResponseChars) : null;
    return {
      result: end({ isSuccess, status, error: null, response: text }),
      retryAfterMs: parseRetryAfterMs(response.headers['retry-after'], clock.now()) ?? null,
    };
  } catch (error) {
    const message = isAppError(error, 'secret_unreadable') ? error.message : toRequestFailure(error).message;
    return { result: end({ isSuccess: false, status: null, error: message, response: null }), retryAfterMs: null };
  }
}
