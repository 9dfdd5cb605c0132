import { createHmac } from 'node:crypto';
import type { Axios } from 'axios';
import type { Clock } from '../../../core/clock.ts';
import type { RandomSource } from '../../../core/ids.ts';

export type Fields = Readonly<Record<string, string>>;

/** A webhook as Twilio posts it. */
export interface SignedWebhook {
  url: string;
  body: string;
  headers: Record<string, string>;
}

/** Signs a webhook: HMAC-SHA1 over the address and the sorted fields. The fragment of an address is neither sent nor signed. */
export function signWebhook(authToken: string, address: string, fields: Fields): SignedWebhook {
  const url = address.replace(/#.*$/s, '');
  const signed = Object.keys(fields)
    .sort()
    .reduce((text, name) => text + name + fields[name], url);
  const signature = createHmac('sha1', authToken).update(signed, 'utf8').digest('base64');
  return {
    url,
    body: new URLSearchParams(fields).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-twilio-signature': signature },
  };
}

const retryDelayMs = 1_000;

/** Creates the poster of webhooks, which repeats them on the terms in the fragment of their address: without any, once, when it can't connect. */
export function createWebhookPoster(options: {
  clock: Clock;
  random: RandomSource;
  http: Axios;
  /** A webhook whose response Twilio would report as an error in the account's log. */
  onProblem: (problem: { code: number; url: string }) => void;
}) {
  const { clock, random, http } = options;

  async function post(
    webhook: SignedWebhook,
    terms: { count: number; on: string[] },
    token: string,
    attempt = 0,
  ): Promise<void> {
    const headers = { ...webhook.headers, ...(attempt > 0 ? { 'i-twilio-idempotency-token': token } : {}) };
    const failure = await http
      .post(webhook.url, webhook.body, { headers, responseType: 'text', validateStatus: () => true })
      .then((response) =>
        findFailure(response.status, String(response.headers['content-type'] ?? ''), String(response.data ?? '')),
      )
      .catch(() => ({ code: 11200, kind: 'ct' }));
    if (!failure) return;
    options.onProblem({ code: failure.code, url: webhook.url });
    const isRepeated = failure.kind !== null && (terms.on.includes('all') || terms.on.includes(failure.kind));
    if (!isRepeated || attempt >= terms.count) return;
    clock.setTimeout(() => void post(webhook, terms, token, attempt + 1), retryDelayMs);
  }

  return (authToken: string, address: string, fields: Fields): Promise<void> =>
    post(signWebhook(authToken, address, fields), parseTerms(address), random(16).toString('hex'));
}

function parseTerms(address: string): { count: number; on: string[] } {
  const fragment = new URLSearchParams(/#(.*)$/s.exec(address)?.[1] ?? '');
  return { count: Number(fragment.get('rc') ?? 1), on: (fragment.get('rp') ?? 'ct').split(',') };
}

function findFailure(status: number, contentType: string, body: string): { code: number; kind: string | null } | null {
  if (status >= 500) return { code: 11200, kind: '5xx' };
  if (status >= 400) return { code: 11200, kind: '4xx' };
  if (body === '') return null;
  if (!/^(text|application)\/xml\b/.test(contentType)) return { code: 12300, kind: null };
  return /^(<\?xml[^>]*>)?\s*<Response\b/.test(body) ? null : { code: 12100, kind: null };
}
