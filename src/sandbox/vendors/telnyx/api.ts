import express, { type Request, type Response, Router } from 'express';
import { renderDetailRecord, renderMessage, renderNumber, renderProfile } from './render.ts';
import type { SimError, SimProfile, TelnyxState } from './state.ts';

/** A request to the API, for a check against its field table. */
export interface ApiCall {
  method: string;
  path: string;
  query: URLSearchParams;
  contentType: string | undefined;
  body: unknown;
}

export interface ApiDeps {
  state: TelnyxState;
  send(body: Record<string, unknown>, response: Response): void;
  onCall(call: ApiCall): void;
  onChange(): void;
}

/** Creates the API: messages, numbers, messaging profiles, detail records and the balance, behind a bearer key. */
export function createApi(deps: ApiDeps): Router {
  const { state } = deps;
  const router = Router();
  // Files of contacts need no key.
  router.get('/media/:id', (request, response) => serveFile(state, request, response));
  router.use(express.raw({ type: () => true, limit: '1mb' }), (request, response, next) => {
    const call = toCall(request);
    deps.onCall(call);
    const key = /^Bearer (.+)$/.exec(request.get('authorization') ?? '')?.[1];
    if (key === undefined) return void respondError(response, 404, [{ code: '10005', title: 'Resource not found' }]);
    if (key !== state.account.apiKey) {
      return void respondError(response, 401, [{ code: '10009', title: 'Authentication failed' }]);
    }
    if (!state.account.isActive && request.method === 'POST') {
      return void respondError(response, 403, [{ code: '20012', title: 'Account inactive' }]);
    }
    response.locals.body = call.body;
    next();
  });
  addRoutes(router, deps);
  router.use((_request, response) => respondError(response, 404, [{ code: '10005', title: 'Resource not found' }]));
  return router;
}

/** Responds with a list of errors. */
export function respondError(response: Response, status: number, errors: readonly SimError[]): void {
  response.status(status).json({ errors });
}

function addRoutes(router: Router, { state, send, onChange }: ApiDeps): void {
  const { account } = state;
  router.get('/v2/balance', (_request, response) => {
    const data = { record_type: 'balance', balance: account.balance, credit_limit: '0.00', currency: 'USD', pending: '0.00' };
    response.json({ data: { ...data, available_credit: account.balance } });
  });
  router.post('/v2/messages', (_request, response) => send(response.locals.body as Record<string, unknown>, response));
  router.get('/v2/messages/:id', (request, response) => {
    const message = state.messages.find(({ id }) => id === request.params.id);
    if (!message) return void respondError(response, 404, [{ code: '10005', title: 'Resource not found' }]);
    response.json({ data: renderMessage(message) });
  });
  router.get('/v2/phone_numbers/messaging', (request, response) => {
    const query = getQuery(request);
    const [number, profile] = [query.get('filter[phone_number]'), query.get('filter[messaging_profile_id]')];
    const rows = state.numbers.filter(
      (one) => (number === null || one.phoneNumber === number) && (profile === null || one.profileId === profile),
    );
    response.json(toPage(rows.map(renderNumber), query, 250));
  });
  router.get('/v2/detail_records', (request, response) => {
    const query = getQuery(request);
    const since = Date.parse(query.get('filter[created_at][gte]') ?? '1970-01-01');
    const contact = query.get('filter[cld][contains]') ?? '';
    const rows = state.messages
      .filter(({ createdAt, to, direction }) => direction === 'outbound' && createdAt >= since && to.includes(contact))
      .reverse();
    response.json(toPage(rows.map(renderDetailRecord), query, 50));
  });
  router
    .route('/v2/messaging_profiles/:id')
    .get((request, response) => withProfile(state, request, response, () => undefined))
    .patch((request, response) =>
      withProfile(state, request, response, (profile) => {
        const body = response.locals.body as Record<string, unknown>;
        if ('webhook_url' in body) profile.webhookUrl = typeof body.webhook_url === 'string' ? body.webhook_url : null;
        if ('webhook_api_version' in body) profile.webhookApiVersion = body.webhook_api_version as '2';
        onChange();
      }),
    );
}

function withProfile(state: TelnyxState, request: Request, response: Response, change: (profile: SimProfile) => void): void {
  const profile = state.profiles.find(({ id }) => id === request.params.id);
  if (!profile) return void respondError(response, 404, [{ code: '10005', title: 'Resource not found' }]);
  change(profile);
  response.json({ data: renderProfile(profile) });
}

function toPage(rows: readonly unknown[], query: URLSearchParams, maxSize: number): Record<string, unknown> {
  const size = Math.min(Number(query.get('page[size]') ?? 20), maxSize);
  const number = Number(query.get('page[number]') ?? 1);
  return {
    data: rows.slice((number - 1) * size, number * size),
    meta: {
      total_pages: Math.ceil(rows.length / size),
      total_results: rows.length,
      page_number: number,
      page_size: size,
    },
  };
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

function serveFile(state: TelnyxState, request: Request, response: Response): void {
  const file = state.media.find(({ id }) => id === request.params.id);
  if (!file) return void respondError(response, 404, [{ code: '10005', title: 'Resource not found' }]);
  response.type(file.contentType).end(Buffer.from(file.data, 'base64'));
}
