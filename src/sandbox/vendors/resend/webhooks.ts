import { createHmac } from 'node:crypto';
import type { Axios } from 'axios';
import type { Clock } from '../../../core/clock.ts';
import type { RandomSource } from '../../../core/ids.ts';
import type { SimEmail, SimReceived, SimWebhook } from './state.ts';

/** A webhook as Resend posts it. */
export interface SignedWebhook {
  body: Buffer;
  headers: Record<string, string>;
}

/** Signs a webhook by the standard, under the names of Resend's library. */
export function signWebhook(secret: string, id: string, atMs: number, event: object): SignedWebhook {
  const body = Buffer.from(JSON.stringify(event));
  const timestamp = String(Math.floor(atMs / 1000));
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64');
  return {
    body,
    headers: {
      ...{ 'content-type': 'application/json', 'svix-id': id, 'svix-timestamp': timestamp },
      'svix-signature': `v1,${signature}`,
    },
  };
}

/** Renders the event of an email that was sent. */
export function toSentEvent(email: SimEmail, type: string, atMs: number, more: object = {}): object {
  return {
    ...{ type: `email.${type}`, created_at: new Date(atMs).toISOString() },
    data: {
      ...{ email_id: email.id, message_id: email.messageId, from: email.from, to: email.to, subject: email.subject },
      ...{ created_at: new Date(email.at).toISOString(), ...more },
      tags: Object.fromEntries(email.tags.map(({ name, value }) => [name, value])),
    },
  };
}

/** Renders the event of an email that was received: without its content. */
export function toReceivedEvent(email: SimReceived, atMs: number): object {
  return {
    ...{ type: 'email.received', created_at: new Date(atMs).toISOString() },
    data: {
      ...{ email_id: email.id, created_at: new Date(email.at).toISOString(), from: email.from, to: email.to, cc: [], bcc: [] },
      ...{ received_for: email.to, message_id: `<${email.messageId}>`, subject: email.subject },
      attachments: email.files.map(toFileRow),
    },
  };
}

/** Renders a file of a received email. */
export function toFileRow({ id, name, contentType }: SimReceived['files'][number]) {
  return { id, filename: name, content_type: contentType, content_disposition: 'attachment', content_id: null };
}

const minuteMs = 60_000;
const delaysMs = [5_000, 5 * minuteMs, 30 * minuteMs, 120 * minuteMs, 300 * minuteMs, 600 * minuteMs, 600 * minuteMs];

/** Creates the poster of webhooks: a status outside of 2xx repeats one, with the same id and a new signature. */
export function createPoster({ clock, random, http }: { clock: Clock; random: RandomSource; http: Axios }) {
  async function post({ endpoint, secret }: SimWebhook, id: string, event: object, left: readonly number[]): Promise<void> {
    const { body, headers } = signWebhook(secret, id, clock.now(), event);
    const status = await http
      .post(endpoint, body, { headers, validateStatus: () => true })
      .then((response) => response.status)
      .catch(() => 503);
    const [delayMs, ...rest] = left;
    if ((status >= 200 && status < 300) || delayMs === undefined) return;
    clock.setTimeout(() => void post({ endpoint, secret } as SimWebhook, id, event, rest), delayMs);
  }
  return (webhook: SimWebhook, event: object) => post(webhook, `msg_${random(12).toString('hex')}`, event, delaysMs);
}
