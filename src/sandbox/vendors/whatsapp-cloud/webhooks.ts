import { createHmac } from 'node:crypto';
import type { Axios } from 'axios';
import type { Clock } from '../../../core/clock.ts';
import type { RandomSource } from '../../../core/ids.ts';
import type { WhatsAppVendorState } from './state.ts';

/** Update of one field, before it is posted. */
export interface VendorUpdate {
  field: string;
  value: Record<string, unknown>;
}

const batchDelayMs = 20;
const maxBatch = 1_000;
const firstRetryMs = 1_000;
const maxRetryMs = 60_000;
const maxRetries = 20;

export type WebhookSender = ReturnType<typeof createWebhookSender>;

/** Creates the sender of webhooks: updates of a short time go together, and a batch is repeated until it is acknowledged with 200. */
export function createWebhookSender(deps: { clock: Clock; random: RandomSource; http: Axios; state: WhatsAppVendorState }) {
  const { clock, random, http, state } = deps;
  let pending: VendorUpdate[] = [];
  let isScheduled = false;
  let isStopped = false;

  function flush(): void {
    isScheduled = false;
    for (let at = 0; at < pending.length; at += maxBatch) post(pending.slice(at, at + maxBatch), firstRetryMs, maxRetries);
    pending = [];
  }

  function post(updates: readonly VendorUpdate[], waitMs: number, retries: number): void {
    const url = state.webhook?.url;
    if (!url || !state.isSubscribed || isStopped) return;
    const { body, signature } = signUpdates(state, updates);
    http
      .post(url, body, { headers: { 'content-type': 'application/json', 'x-hub-signature-256': signature } })
      .then(({ status }) => status)
      .catch(() => 503)
      .then((status) => {
        if (status === 200 || retries === 0 || isStopped) return;
        clock.setTimeout(() => post(updates, Math.min(waitMs * 2, maxRetryMs), retries - 1), waitMs);
      });
  }

  return {
    schedule(...updates: VendorUpdate[]): void {
      pending.push(...updates);
      if (isScheduled) return;
      isScheduled = true;
      clock.setTimeout(flush, batchDelayMs);
    },
    /** Ends the retries. */
    stop(): void {
      isStopped = true;
    },
    /** Asks an address whether it is the app's, as Meta does when it is registered. */
    async verify(url: string, verifyToken: string): Promise<boolean> {
      const challenge = String(random(4).readUInt32BE());
      const query = new URLSearchParams({
        'hub.mode': 'subscribe',
        'hub.challenge': challenge,
        'hub.verify_token': verifyToken,
      });
      const response = await http.get(`${url}?${query}`).catch(() => null);
      return response?.status === 200 && String(response.data).trim() === challenge;
    },
  };
}

/** Builds the body of a batch of updates, as Meta writes it, and its signature. */
export function signUpdates(state: WhatsAppVendorState, updates: readonly VendorUpdate[]): { body: Buffer; signature: string } {
  const { accountId, appSecret } = state.business;
  const changes = updates.map(({ field, value }) => ({ value, field }));
  const body = Buffer.from(toMetaJson({ object: 'whatsapp_business_account', entry: [{ id: accountId, changes }] }));
  return { body, signature: `sha256=${createHmac('sha256', appSecret).update(body).digest('hex')}` };
}

/** Writes JSON as Meta does: letters with accents as escapes of small hexadecimal digits, and slashes with a backslash. */
export function toMetaJson(value: unknown): string {
  return JSON.stringify(value)
    .replaceAll('/', '\\/')
    .replace(/[\u0080-\uffff]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
