import express, { type Request, type Response, Router } from 'express';
import type { Clock } from '../../../core/clock.ts';
import type { AndroidState, SimDevice, SimMessage } from './state.ts';

/** A request to the API, for a check against its field table. */
export interface ApiCall {
  method: string;
  path: string;
  query: URLSearchParams;
  contentType: string | undefined;
  body: unknown;
}

export interface ApiDeps {
  state: AndroidState;
  clock: Clock;
  /** Events that webhooks may be registered for. */
  events: ReadonlySet<string>;
  send(body: Record<string, unknown>, response: Response): void;
  newId(): string;
  onCall(call: ApiCall): void;
  onChange(): void;
}

/** Creates the API: messages, phones and webhooks, behind Basic authentication. */
export function createApi(deps: ApiDeps): Router {
  const { state } = deps;
  const router = Router();
  router.use(express.raw({ type: () => true, limit: '1mb' }), (request, response, next) => {
    const call = toCall(request);
    deps.onCall(call);
    const { username, password, isRefused } = state.account;
    const expected = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
    if (isRefused || request.get('authorization') !== expected) return void respondError(response, 401, 'Unauthorized');
    response.locals.body = call.body;
    next();
  });
  router.post('/messages', (_request, response) => deps.send(response.locals.body as Record<string, unknown>, response));
  router.get('/messages', (request, response) => {
    const query = getQuery(request);
    const [wanted, deviceId] = [query.get('state'), query.get('deviceId')];
    const found = state.messages.filter(
      (message) => (wanted === null || message.state === wanted) && (deviceId === null || message.deviceId === deviceId),
    );
    const sorted = query.get('sort') === 'created_at' ? found : found.toReversed();
    response.json(sorted.slice(0, Number(query.get('limit') ?? 50)).map(renderMessage));
  });
  router.get('/messages/:id', (request, response) => {
    const found = state.messages.filter(({ id }) => id === request.params.id);
    if (found.length > 1) return void respondError(response, 500, 'failed to get message state');
    const [message] = found;
    if (!message) return void respondError(response, 404, 'message not found');
    response.json(renderMessage(message));
  });
  router.get('/devices', (_request, response) => {
    response.json(state.devices.map((device) => renderDevice(device, deps.clock.now())));
  });
  addWebhookRoutes(router, deps);
  router.use((_request, response) => respondError(response, 404, 'Not Found'));
  return router;
}

/** Responds with an error, which has words and no code. */
export function respondError(response: Response, status: number, message: string): void {
  response.status(status).json({ message });
}

function addWebhookRoutes(router: Router, { state, events, newId, onChange }: ApiDeps): void {
  router.get('/webhooks', (_request, response) => {
    response.json(state.webhooks);
  });
  router.post('/webhooks', (_request, response) => {
    const { id, url, event, deviceId = null } = response.locals.body as Record<string, string | undefined>;
    if (!event || !events.has(event)) return void respondError(response, 400, 'invalid event type');
    // The app allows plain http on its own machine alone; the sandbox is one.
    const isCallable = /^https:\/\/|^http:\/\/(127\.0\.0\.1|localhost)[:/]/.test(url ?? '');
    if (!url || !isCallable || url.length > 256) return void respondError(response, 400, 'url must start with https://');
    if (deviceId !== null && !state.devices.some((device) => device.id === deviceId)) {
      return void respondError(response, 400, 'record not found');
    }
    const webhook = { id: id ?? newId(), url, event, deviceId };
    state.webhooks = [...state.webhooks.filter((one) => one.id !== webhook.id), webhook];
    onChange();
    response.status(201).json(webhook);
  });
  router.delete('/webhooks/:id', (request, response) => {
    state.webhooks = state.webhooks.filter(({ id }) => id !== request.params.id);
    onChange();
    response.status(204).end();
  });
}

const iso = (ms: number) => new Date(ms).toISOString();

/** Renders a message. Once it has left the phone, its number is a hash. */
export function renderMessage(message: SimMessage): Record<string, unknown> {
  const isHashed = message.state !== 'Pending';
  return {
    ...{ id: message.id, deviceId: message.deviceId, state: message.state, isHashed, isEncrypted: false },
    recipients: [
      {
        phoneNumber: isHashed ? '0123456789abcdef' : message.to,
        state: message.state,
        ...(message.error === null ? {} : { error: message.error }),
      },
    ],
    states: Object.fromEntries(Object.entries(message.times).map(([state, at]) => [state, iso(at)])),
  };
}

function renderDevice(device: SimDevice, nowMs: number): Record<string, unknown> {
  const lastSeen = iso(device.isOnline ? nowMs : device.lastSeenAt);
  const dates = { createdAt: '2026-01-01T00:00:00.000Z', updatedAt: lastSeen, lastSeen };
  return { id: device.id, name: device.name, ...dates, simCards: device.simCards };
}

function toCall(request: Request): ApiCall {
  const { method, path, headers } = request;
  return { method, path, query: getQuery(request), contentType: headers['content-type'], body: readBody(request) };
}

function getQuery(request: Request): URLSearchParams {
  return new URL(request.originalUrl, 'http://localhost').searchParams;
}

function readBody({ body }: Request): unknown {
  if (!Buffer.isBuffer(body) || body.length === 0) return {};
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return {};
  }
}
