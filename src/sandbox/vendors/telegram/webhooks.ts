import type { Axios } from 'axios';
import type { Clock } from '../../../core/clock.ts';
import type { TelegramVendorState } from './state.ts';
import type { TelegramUpdate } from './updates.ts';

const firstRetryMs = 1_000;
const maxRetryMs = 60_000;
/** Telegram keeps an update for a day. */
const maxAgeMs = 24 * 60 * 60 * 1000;

export interface WebhookSenderDeps {
  clock: Clock;
  http: Axios;
  state: TelegramVendorState;
  /** Runs a method that a response names. */
  runMethod: (method: string, parameters: Record<string, unknown>) => void;
}

/**
 * Creates the sender of updates: those of a chat go one after the other, and an update that is not acknowledged is repeated before the later
 * ones of its chat.
 */
export function createUpdateSender({ clock, http, state, runMethod }: WebhookSenderDeps) {
  const queues = new Map<number, { body: Record<string, unknown>; queuedAt: number }[]>();
  let isStopped = false;

  async function post(body: Record<string, unknown>): Promise<{ status: number; data: unknown }> {
    const { webhook } = state;
    if (!webhook) return { status: 0, data: '' };
    const headers = { 'content-type': 'application/json', 'x-telegram-bot-api-secret-token': webhook.secretToken };
    return http.post(webhook.url, JSON.stringify(body), { headers }).catch(() => ({ status: 503, data: '' }));
  }

  async function drain(chatId: number, waitMs = firstRetryMs): Promise<void> {
    const queue = queues.get(chatId) ?? [];
    for (let next = queue[0]; next && !isStopped; next = queue[0]) {
      const { status, data } = await post(next.body);
      const isAcknowledged = status >= 200 && status < 300;
      if (!isAcknowledged && state.webhook) {
        state.lastError = { at: clock.now(), message: `Wrong response from the webhook: ${status}` };
      }
      if (!isAcknowledged && clock.now() - next.queuedAt < maxAgeMs) {
        clock.setTimeout(() => void drain(chatId, Math.min(waitMs * 2, maxRetryMs)), waitMs);
        return;
      }
      queue.shift();
      if (isAcknowledged) runNamedMethod(data);
    }
    queues.delete(chatId);
  }

  function runNamedMethod(data: unknown): void {
    if (typeof data !== 'string' || !data.trim().startsWith('{')) return;
    const { method, ...parameters } = JSON.parse(data) as Record<string, unknown>;
    if (typeof method === 'string') runMethod(method, parameters);
  }

  return {
    schedule(chatId: number, update: TelegramUpdate): void {
      const [kind = ''] = Object.keys(update);
      if (state.webhook && !state.webhook.allowedUpdates.includes(kind)) return;
      const queue = queues.get(chatId);
      const entry = { body: { update_id: state.nextUpdateId++, ...update }, queuedAt: clock.now() };
      if (queue) return void queue.push(entry);
      queues.set(chatId, [entry]);
      void drain(chatId);
    },
    countPending: () => [...queues.values()].reduce((count, queue) => count + queue.length, 0),
    /** Ends the repeats. */
    stop(): void {
      isStopped = true;
    },
  };
}
