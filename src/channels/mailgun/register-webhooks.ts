import type { RegisterResult } from '../channel.ts';
import { parseMailbox } from '../mail/addresses.ts';
import { isCallable } from '../mail/public-address.ts';
import type { VendorResponse } from '../mail/request.ts';
import { type ApiContext, type ApiRequest, requestMailgun } from './api.ts';
import { describeError } from './errors.ts';
import { type RouteRecord, readErrorMessage, readRoutes, readWebhookUrls } from './records.ts';

/** Mailgun's events that are read. */
const baseEvents = ['delivered', 'permanent_fail', 'complained', 'unsubscribed'];
/** Mailgun takes three addresses for each event. */
const maxUrls = 3;
const pageSize = 100;
const maxPages = 20;

type Problem = Exclude<VendorResponse, { kind: 'ok' }>;

/** A change of Mailgun's settings, or the host of the program that has to give way to it. */
interface Step {
  readonly request: ApiRequest | null;
  readonly takenFrom: string | null;
}

/**
 * Registers the address for events with the domain, beside those of up to two other programs, and a route for mail to the sender's address.
 * The route stores each email, so that its files can be fetched, and notifies; other routes run as before.
 */
export async function registerWebhooks(context: ApiContext, replace: boolean): Promise<RegisterResult> {
  const { config, webhookUrl } = context.connection;
  if (!isCallable(webhookUrl, config.baseUrl, 'mailgun.net')) {
    const message = `Mailgun cannot call ${new URL(webhookUrl).hostname}: APP_URL must be a public address.`;
    return { kind: 'failed', code: 'address_private', message };
  }
  const webhooks = await requestMailgun(context, { path: toWebhooksPath(context) });
  if (webhooks.kind !== 'ok') return toFailed(context, webhooks);
  const routes = await listRoutes(context);
  if ('problem' in routes) return toFailed(context, routes.problem);
  const urls = readWebhookUrls(webhooks.body);
  const steps = [
    ...listEventNames(context).map((event) => planEvent(context, event, urls.get(event) ?? [])),
    planRoute(context, routes.rows),
  ];
  const takenFrom = steps.find((step) => step.takenFrom !== null)?.takenFrom;
  if (takenFrom && !replace) return { kind: 'taken', by: takenFrom };
  for (const { request } of steps) {
    const response = request ? await requestMailgun(context, request) : null;
    if (response && response.kind !== 'ok') return toFailed(context, response);
  }
  return { kind: 'registered' };
}

/** Removes the addresses and the route, where they are this connection's. */
export async function unregisterWebhooks(context: ApiContext): Promise<void> {
  const webhooks = await requestMailgun(context, { path: toWebhooksPath(context) });
  if (webhooks.kind === 'ok') {
    for (const [event, urls] of readWebhookUrls(webhooks.body)) {
      const others = urls.filter((url) => url !== toEventUrl(context));
      if (others.length === urls.length) continue;
      const path = `${toWebhooksPath(context)}/${encodeURIComponent(event)}`;
      await requestMailgun(
        context,
        others.length === 0 ? { method: 'DELETE', path } : { method: 'PUT', path, form: others.map((url) => ['url', url]) },
      );
    }
  }
  const routes = await listRoutes(context);
  if ('problem' in routes) return;
  for (const route of routes.rows.filter((row) => isOwnRoute(context, row))) {
    if (route.id) await requestMailgun(context, { method: 'DELETE', path: `/v3/routes/${encodeURIComponent(route.id)}` });
  }
}

function listEventNames({ connection: { config } }: ApiContext): string[] {
  return config.openedIsRead ? [...baseEvents, 'opened'] : baseEvents;
}

function toWebhooksPath({ connection: { config } }: ApiContext): string {
  return `/v3/domains/${config.domain}/webhooks`;
}

function toEventUrl({ connection }: ApiContext): string {
  return `${connection.webhookUrl}/webhook`;
}

function planEvent(context: ApiContext, event: string, urls: readonly string[]): Step {
  const own = toEventUrl(context);
  if (urls.includes(own)) return { request: null, takenFrom: null };
  const path = toWebhooksPath(context);
  if (urls.length === 0) {
    const form = [
      ['id', event],
      ['url', own],
    ] as const;
    return { request: { path, form }, takenFrom: null };
  }
  const kept = urls.slice(0, maxUrls - 1);
  const form = [...kept, own].map((url) => ['url', url] as const);
  const removed = urls[maxUrls - 1];
  return {
    request: { method: 'PUT', path: `${path}/${event}`, form },
    takenFrom: removed === undefined ? null : toHost(removed),
  };
}

function planRoute(context: ApiContext, routes: readonly RouteRecord[]): Step {
  const expression = toExpression(context);
  const own = routes.find((route) => isOwnRoute(context, route));
  if (own?.expression === expression) return { request: null, takenFrom: null };
  // A route of another program for this very address; routes for many addresses run beside ours.
  const other = own
    ? undefined
    : routes.find((route) => normalizeExpression(route.expression) === normalizeExpression(expression));
  const id = own?.id ?? other?.id;
  const form = [
    ['priority', '0'],
    ['description', 'Patchbay: replies to a connection'],
    ['expression', expression],
    ['action', `store(notify="${toInboundUrl(context)}")`],
  ] as const;
  const request: ApiRequest =
    id === undefined ? { path: '/v3/routes', form } : { method: 'PUT', path: `/v3/routes/${encodeURIComponent(id)}`, form };
  return { request, takenFrom: other ? (other.actions.map(findHost).find(Boolean) ?? 'another route') : null };
}

function toInboundUrl({ connection }: ApiContext): string {
  return `${connection.webhookUrl}/inbound`;
}

/** Builds the filter of the route. It is a pattern, so that special characters stand in classes. */
function toExpression({ connection: { config } }: ApiContext): string {
  const address = parseMailbox(config.from)?.address ?? '';
  return `match_recipient("${address.replace(/[+*?^$(){}|]/g, '[$&]')}")`;
}

function normalizeExpression(expression: string): string {
  return expression.replace(/[\s'"\\[\]^$]/g, '').toLowerCase();
}

function isOwnRoute(context: ApiContext, { actions }: RouteRecord): boolean {
  return actions.some(
    (action) => action.includes(`"${toInboundUrl(context)}"`) || action.includes(`'${toInboundUrl(context)}'`),
  );
}

function findHost(action: string): string | undefined {
  const url = /https?:\/\/[^"'\s)]+/.exec(action)?.[0];
  return url === undefined ? undefined : toHost(url);
}

function toHost(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}

async function listRoutes(context: ApiContext): Promise<{ rows: RouteRecord[] } | { problem: Problem }> {
  const rows: RouteRecord[] = [];
  for (let page = 0; page < maxPages; page += 1) {
    const query = { skip: String(page * pageSize), limit: String(pageSize) };
    const response = await requestMailgun(context, { path: '/v3/routes', query });
    if (response.kind !== 'ok') return { problem: response };
    const found = readRoutes(response.body);
    rows.push(...found);
    if (found.length < pageSize) break;
  }
  return { rows };
}

function toFailed(context: ApiContext, response: Problem): RegisterResult {
  if (response.kind === 'failed') return { kind: 'failed', code: 'unreachable', message: response.message };
  const { status, body } = response;
  if (status === 401 || status === 403) return toManual(context);
  return { kind: 'failed', code: `http_${status}`, message: describeError(status, readErrorMessage(body)) };
}

/** A sending key may neither read nor change webhooks and routes. */
function toManual(context: ApiContext): RegisterResult {
  const address = parseMailbox(context.connection.config.from)?.address ?? '';
  const message = `The API key may not change webhooks. In Mailgun, open Sending › Webhooks and add ${toEventUrl(context)} for delivered messages, permanent failures, spam complaints and unsubscribes; then open Receiving › Routes and create a route that matches the recipient ${address}, with the action store and notify, and ${toInboundUrl(context)}.`;
  return { kind: 'manual', message };
}
