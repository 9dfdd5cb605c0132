import { safeEqual } from '../../core/safe-equal.ts';
import type { RegisterResult } from '../channel.ts';
import { isCallable } from '../mail/public-address.ts';
import type { VendorResponse } from '../mail/request.ts';
import { type ApiContext, requestResend } from './api.ts';
import { describeError } from './errors.ts';
import { resendId } from './inbound.ts';
import { readApiError, readWebhook, readWebhooks, type WebhookRecord } from './records.ts';

/** Resend's events that are read. */
const baseEvents = ['sent', 'delivered', 'bounced', 'failed', 'suppressed', 'complained', 'received'].map(
  (name) => `email.${name}`,
);
const maxWebhooks = '100';
/** Bounds the requests of one registration. */
const maxLookUps = 20;

type Problem = Exclude<VendorResponse, { kind: 'ok' }>;

/**
 * Gives our address to the webhook whose signing secret was entered: Resend makes the secret with the webhook, and a webhook needs an address,
 * so that a person creates it first, with any address of this program. One that leads to another program, or to another connection, is
 * taken.
 */
export async function registerWebhooks(context: ApiContext, replace: boolean): Promise<RegisterResult> {
  const { config, webhookUrl } = context.connection;
  const endpoint = toEndpoint(context);
  if (!isCallable(webhookUrl, config.baseUrl, 'resend.com')) {
    const message = `Resend cannot call ${new URL(webhookUrl).hostname}: APP_URL must be a public address.`;
    return { kind: 'failed', code: 'address_private', message };
  }
  const listed = await listWebhooks(context);
  if ('problem' in listed) return toFailed(context, listed.problem);
  const own = listed.rows.find(({ secret }) => secret !== undefined && safeEqual(secret, config.webhookSecret));
  if (!own?.id || !resendId.test(own.id)) {
    const isHere = listed.rows.some((row) => row.endpoint === endpoint);
    const message = `Resend has a webhook with the address ${endpoint}, and it has another signing secret: enter that one.`;
    return isHere ? { kind: 'failed', code: 'secret_mismatch', message } : toManual(context);
  }
  const events = config.openedIsRead ? [...baseEvents, 'email.opened'] : baseEvents;
  const isComplete = events.every((event) => own.events.includes(event)) && own.status !== 'disabled';
  if (own.endpoint === endpoint && isComplete) return { kind: 'registered' };
  const takenBy = own.endpoint === endpoint ? null : findOwner(own.endpoint, webhookUrl);
  if (takenBy !== null && !replace) return { kind: 'taken', by: takenBy };
  const body = { endpoint, events: [...new Set([...own.events, ...events])], status: 'enabled' };
  const response = await requestResend(context, { method: 'PATCH', path: `/webhooks/${own.id}`, body });
  return response.kind === 'ok' ? { kind: 'registered' } : toFailed(context, response);
}

/** Removes the webhook, where it is this connection's. */
export async function unregisterWebhooks(context: ApiContext): Promise<void> {
  const response = await requestResend(context, { path: '/webhooks', query: { limit: maxWebhooks } });
  if (response.kind !== 'ok') return;
  for (const { id, endpoint } of readWebhooks(response.body)) {
    if (endpoint === toEndpoint(context) && id && resendId.test(id)) {
      await requestResend(context, { method: 'DELETE', path: `/webhooks/${id}` });
    }
  }
}

function toEndpoint({ connection }: ApiContext): string {
  return `${connection.webhookUrl}/webhook`;
}

/** Lists the webhooks with their secrets, which Resend may name in the list, or for each alone. */
async function listWebhooks(context: ApiContext): Promise<{ rows: WebhookRecord[] } | { problem: Problem }> {
  const response = await requestResend(context, { path: '/webhooks', query: { limit: maxWebhooks } });
  if (response.kind !== 'ok') return { problem: response };
  const rows: WebhookRecord[] = [];
  for (const row of readWebhooks(response.body).slice(0, maxLookUps)) {
    if (row.secret !== undefined || row.id === undefined || !resendId.test(row.id)) {
      rows.push(row);
      continue;
    }
    const single = await requestResend(context, { path: `/webhooks/${row.id}` });
    if (single.kind !== 'ok') return { problem: single };
    rows.push({ ...row, ...readWebhook(single.body), id: row.id });
  }
  return { rows };
}

/** Returns the owner of an address: another program, or another connection of this one; null for an address that leads to neither. */
function findOwner(endpoint: string | undefined, webhookUrl: string): string | null {
  if (endpoint === undefined || !URL.canParse(endpoint)) return null;
  const [theirs, ours] = [new URL(endpoint), new URL(webhookUrl)];
  if (theirs.host !== ours.host) return theirs.host;
  return theirs.pathname.startsWith('/channels/') ? 'another connection of this program' : null;
}

function toFailed(context: ApiContext, response: Problem): RegisterResult {
  if (response.kind === 'failed') return { kind: 'failed', code: 'unreachable', message: response.message };
  const { name } = readApiError(response.body);
  if (name === 'restricted_api_key') return toManual(context);
  return { kind: 'failed', code: name ?? `http_${response.status}`, message: describeError(response) };
}

function toManual(context: ApiContext): RegisterResult {
  const message = `In Resend, open Webhooks and the webhook whose signing secret was entered here, or add one and enter its secret here. Set its endpoint to ${toEndpoint(context)}, with these events: ${baseEvents.join(', ')}.`;
  return { kind: 'manual', message };
}
