import type { Axios } from 'axios';
import type { Clock } from '../../../core/clock.ts';

const firstRetryMs = 1_000;
const maxRetryMs = 60_000;
const maxRetries = 10;

/** Statuses after which an event is not repeated. */
const finalStatuses = new Set([400, 401, 403, 404, 422]);

/** Creates the sender of events: one a request, repeated until it is acknowledged. */
export function createEventSender({ clock, http }: { clock: Clock; http: Axios }) {
  let isStopped = false;

  function post(url: string, body: Buffer, headers: Record<string, string>, waitMs = firstRetryMs, retries = maxRetries): void {
    if (isStopped) return;
    http
      .post(url, body, { headers: { 'content-type': 'application/json', ...headers } })
      .then(({ status }) => status)
      .catch(() => 503)
      .then((status) => {
        const isDone = (status >= 200 && status < 300) || finalStatuses.has(status);
        if (isDone || retries === 0 || isStopped) return;
        clock.setTimeout(() => post(url, body, headers, Math.min(waitMs * 2, maxRetryMs), retries - 1), waitMs);
      });
  }

  return {
    /** Posts an event after the response to the request that has caused it. */
    schedule(url: string, body: Buffer, headers: Record<string, string>): void {
      clock.setTimeout(() => post(url, body, headers), 20);
    },
    /** Ends the retries. */
    stop(): void {
      isStopped = true;
    },
  };
}
