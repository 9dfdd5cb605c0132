import { createHmac } from 'node:crypto';
import type { Axios } from 'axios';
import type { Clock } from '../../../core/clock.ts';
import type { RandomSource } from '../../../core/ids.ts';
import type { MailgunState, SimEvent, SimRoute } from './state.ts';

/** A webhook as Mailgun posts it. */
export interface SignedWebhook {
  body: Buffer;
  headers: Record<string, string>;
}

export interface SigningDeps {
  clock: Clock;
  random: RandomSource;
  state: MailgunState;
}

/** Creates the proof of a webhook: it covers its time and its token alone. */
function createProof({ clock, random, state }: SigningDeps) {
  const timestamp = String(Math.floor(clock.now() / 1000));
  const token = random(25).toString('hex');
  const signature = createHmac('sha256', state.account.signingKey)
    .update(timestamp + token)
    .digest('hex');
  return { timestamp, token, signature };
}

/** Signs the webhook of an event. */
export function signEvent(deps: SigningDeps, event: SimEvent): SignedWebhook {
  const body = { signature: createProof(deps), 'event-data': toEventData(event) };
  return { body: Buffer.from(JSON.stringify(body)), headers: { 'content-type': 'application/json' } };
}

/** Renders an event as webhooks and the list of events show it. */
export function toEventData({ id, event, timestamp, messageId, fields }: SimEvent): Record<string, unknown> {
  return { id, event, timestamp, 'log-level': 'info', message: { headers: { 'message-id': messageId } }, ...fields };
}

/** Finds the event's name among the webhooks. */
export function toWebhookName({ event, fields }: SimEvent): string {
  if (event !== 'failed') return event;
  return fields.severity === 'temporary' ? 'temporary_fail' : 'permanent_fail';
}

/** An email from a contact. */
export interface InboundMail {
  from: string;
  to: string;
  subject?: string;
  text?: string;
  html?: string;
  /** Message-ID, without angle brackets. */
  messageId?: string;
  headers?: readonly (readonly [string, string])[];
  files?: readonly { name: string; contentType: string; data: Buffer }[];
}

/** Builds the form of an inbound email: the files as addresses where it was stored, or inside of the form. */
export function toInboundFields(deps: SigningDeps, mail: InboundMail, messageId: string, fileUrls: readonly string[] | null) {
  const { from, to, subject = 'Hello', text = '', html, files = [] } = mail;
  const address = /<([^<>]*)>\s*$/.exec(from)?.[1] ?? from;
  const headers = [
    ['From', from],
    ['To', to],
    ['Subject', subject],
    ['Date', new Date(deps.clock.now()).toUTCString().replace('GMT', '+0000')],
    ['Message-Id', `<${messageId}>`],
    ...(mail.headers ?? []),
  ];
  const stored = files.map(({ name, contentType, data }, index) => ({
    ...{ name, 'content-type': contentType, size: data.length, url: fileUrls?.[index] },
  }));
  return {
    ...{ recipient: to, sender: address, from, subject, 'body-plain': text, 'stripped-text': text },
    ...(html === undefined ? {} : { 'body-html': html, 'stripped-html': html }),
    ...{ 'message-headers': JSON.stringify(headers), 'Message-Id': `<${messageId}>`, ...createProof(deps) },
    ...(stored.length > 0 && fileUrls ? { attachments: JSON.stringify(stored) } : {}),
    ...(stored.length > 0 && !fileUrls ? { 'attachment-count': String(stored.length) } : {}),
  };
}

/** Encodes a form: in parts where files come along. */
export async function encodeForm(
  fields: Readonly<Record<string, string>>,
  files: readonly { name: string; contentType: string; data: Buffer }[],
): Promise<SignedWebhook> {
  if (files.length === 0) {
    return {
      body: Buffer.from(new URLSearchParams(fields).toString()),
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    };
  }
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  for (const [index, { name, contentType, data }] of files.entries()) {
    form.append(`attachment-${index + 1}`, new Blob([new Uint8Array(data)], { type: contentType }), name);
  }
  const encoded = new Response(form);
  return {
    body: Buffer.from(await encoded.arrayBuffer()),
    headers: { 'content-type': encoded.headers.get('content-type') ?? '' },
  };
}

/** Finds the routes that take an email, in their order, up to one that stops. */
export function findRoutes(routes: readonly SimRoute[], recipient: string): SimRoute[] {
  const matching = routes
    .toSorted((a, b) => a.priority - b.priority)
    .filter(({ expression }) => {
      const pattern = /^match_recipient\(["'](.*)["']\)$/.exec(expression)?.[1];
      return expression === 'catch_all()' || (pattern !== undefined && new RegExp(`^(?:${pattern})$`, 'i').test(recipient));
    });
  const last = matching.findIndex(({ actions }) => actions.includes('stop()'));
  return last < 0 ? matching : matching.slice(0, last + 1);
}

const minuteMs = 60_000;
const eventDelaysMs = [5, 10, 15, 60, 120, 240].map((minutes) => minutes * minuteMs);
const routeDelaysMs = [10, 10, 15, 30, 60, 120, 240].map((minutes) => minutes * minuteMs);

/** Creates the poster of webhooks: 200 ends it, 406 too, and any other status repeats it; that of a delivery is never repeated. */
export function createPoster({ clock, http }: { clock: Clock; http: Axios }) {
  async function post(url: string, webhook: SignedWebhook, delaysMs: readonly number[]): Promise<void> {
    const status = await http
      .post(url, webhook.body, { headers: webhook.headers, validateStatus: () => true })
      .then((response) => response.status)
      .catch(() => 503);
    const [delayMs, ...rest] = delaysMs;
    if (status === 200 || status === 406 || delayMs === undefined) return;
    clock.setTimeout(() => void post(url, webhook, rest), delayMs);
  }
  return {
    postEvent: (url: string, webhook: SignedWebhook, name: string) =>
      post(url, webhook, name === 'delivered' ? [] : eventDelaysMs),
    postMail: (url: string, webhook: SignedWebhook) => post(url, webhook, routeDelaysMs),
  };
}
