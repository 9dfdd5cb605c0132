import express, { type Request, type Response, Router } from 'express';
import type { RandomSource } from '../../../core/ids.ts';
import { getAll, getFirst, type MailForm } from './rules.ts';
import type { MailgunState, SimDomain } from './state.ts';
import { toEventData } from './webhooks.ts';

export interface ApiDeps {
  state: MailgunState;
  random: RandomSource;
  send(domain: SimDomain, form: MailForm, response: Response): void;
  /** Called for each request that a correct client does not make. */
  onMistake(mistake: string): void;
  onChange(): void;
}

const webhookNames = new Set([
  ...['accepted', 'clicked', 'opened', 'unsubscribed', 'delivered', 'permanent_fail', 'temporary_fail', 'complained'],
]);

/** Creates the API: messages, events, domains, webhooks, routes and stored files, behind Basic authentication. */
export function createApi(deps: ApiDeps): Router {
  const { state } = deps;
  const router = Router();
  router.use(express.raw({ type: () => true, limit: '40mb' }), (request, response, next) => {
    const key = readKey(request);
    const isSending = request.method === 'POST' && /^\/v3\/[^/]+\/messages$/.test(request.path);
    const sendingDomain = state.sendingKeys.find((one) => one.key === key)?.domain;
    const isAllowed = isSending && sendingDomain !== undefined && request.path.startsWith(`/v3/${sendingDomain}/`);
    if (key !== state.account.apiKey && !isAllowed) return void response.status(401).type('text/plain').send('Forbidden');
    next();
  });
  router.post('/v3/:domain/messages', async (request, response) => {
    const domain = findDomain(state, request.params.domain);
    if (!domain) return void respondError(response, 404, `Domain not found: ${request.params.domain}`);
    deps.send(domain, await readForm(request), response);
  });
  router.get('/v3/:domain/events', (request, response) => {
    const id = String(request.query['message-id'] ?? '');
    const rows = state.events.filter(
      ({ domain, messageId }) => domain === request.params.domain && (id === '' || messageId === id),
    );
    response.json({
      items: rows
        .toReversed()
        .slice(0, Number(request.query.limit ?? 100))
        .map(toEventData),
      paging: {},
    });
  });
  addDomainRoutes(router, deps);
  addRouteRoutes(router, deps);
  router.get('/v3/domains/:domain/messages/:key/attachments/:index', (request, response) => {
    const file = state.files.find(({ id }) => id === `${request.params.key}/${request.params.index}`);
    if (!file) return void respondError(response, 404, 'Message not found');
    response.type(file.contentType).send(Buffer.from(file.data, 'base64'));
  });
  // Mailgun's servers greet at every other address.
  router.use((_request, response) => void response.type('text/plain').send('Mailgun Magnificent API'));
  return router;
}

export function respondError(response: Response, status: number, message: string): void {
  response.status(status).json({ message });
}

function readKey(request: Request): string {
  const [scheme, value = ''] = (request.get('authorization') ?? '').split(' ');
  const [user, ...rest] = Buffer.from(value, 'base64').toString('utf8').split(':');
  return scheme === 'Basic' && user === 'api' ? rest.join(':') : '';
}

function findDomain(state: MailgunState, name: string | undefined): SimDomain | undefined {
  return state.domains.find((domain) => domain.name === name);
}

async function readForm(request: Request): Promise<MailForm> {
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  const contentType = request.get('content-type') ?? '';
  if (!contentType.startsWith('multipart/form-data')) {
    return { fields: [...new URLSearchParams(body.toString('utf8'))], files: [] };
  }
  const form = await new PlatformResponse(new Uint8Array(body), { headers: { 'content-type': contentType } }).formData();
  const fields: [string, string][] = [];
  const files: MailForm['files'][number][] = [];
  for (const [field, value] of form) {
    if (typeof value === 'string') fields.push([field, value]);
    else files.push({ field, name: value.name, contentType: value.type, data: Buffer.from(await value.arrayBuffer()) });
  }
  return { fields, files };
}

/** The response of the platform: Express has a type of the same name. */
const PlatformResponse = globalThis.Response;

function addDomainRoutes(router: Router, { state, onMistake, onChange }: ApiDeps): void {
  router.get('/v4/domains/:domain', (request, response) => {
    const domain = findDomain(state, request.params.domain);
    if (!domain) return void respondError(response, 404, 'Domain not found');
    const { name, type } = domain;
    const mx = { record_type: 'MX', valid: domain.canReceive ? 'valid' : 'unknown', value: 'mxa.mailgun.org', priority: '10' };
    response.json({
      domain: { name, type, state: domain.state, is_disabled: domain.state === 'disabled' },
      receiving_dns_records: [mx],
      sending_dns_records: [{ record_type: 'TXT', valid: domain.state === 'active' ? 'valid' : 'unknown' }],
    });
  });
  router.get('/v3/domains/:domain/webhooks', (request, response) => {
    const domain = findDomain(state, request.params.domain);
    if (!domain) return void respondError(response, 404, 'Domain not found');
    response.json({ webhooks: Object.fromEntries(Object.entries(domain.webhooks).map(([name, urls]) => [name, { urls }])) });
  });
  const change = async (request: Request, response: Response, name: string, isNew: boolean) => {
    const domain = findDomain(state, String(request.params.domain));
    if (!domain) return void respondError(response, 404, 'Domain not found');
    const urls = getAll(await readForm(request), 'url');
    if (!webhookNames.has(name)) return void respondError(response, 400, 'Invalid webhook type');
    if (isNew === name in domain.webhooks)
      onMistake(isNew ? `the webhook ${name} exists` : `the webhook ${name} does not exist`);
    if (isNew && name in domain.webhooks) return void respondError(response, 400, 'Webhook already exists');
    if (!isNew && !(name in domain.webhooks)) return void respondError(response, 404, 'Webhook not found');
    if (urls.length < 1 || urls.length > 3) return void respondError(response, 400, 'Between 1 and 3 urls are needed');
    domain.webhooks[name] = urls;
    onChange();
    response.json({ message: 'Webhook has been updated', webhook: { urls } });
  };
  router.post('/v3/domains/:domain/webhooks', async (request, response) => {
    const name = getFirst(await readForm(request), 'id') ?? '';
    await change(request, response, name, true);
  });
  router.put('/v3/domains/:domain/webhooks/:name', (request, response) =>
    change(request, response, request.params.name, false),
  );
  router.delete('/v3/domains/:domain/webhooks/:name', (request, response) => {
    const domain = findDomain(state, request.params.domain);
    if (!domain || !(request.params.name in domain.webhooks)) return void respondError(response, 404, 'Webhook not found');
    delete domain.webhooks[request.params.name];
    onChange();
    response.json({ message: 'Webhook has been deleted' });
  });
}

function addRouteRoutes(router: Router, { state, random, onChange }: ApiDeps): void {
  const read = async (request: Request) => {
    const form = await readForm(request);
    const actions = getAll(form, 'action');
    return {
      priority: Number(getFirst(form, 'priority') ?? 0),
      description: getFirst(form, 'description') ?? '',
      expression: getFirst(form, 'expression') ?? '',
      actions,
    };
  };
  const isValid = ({ expression, actions }: { expression: string; actions: string[] }) =>
    /^(?:match_recipient\(".*"\)|match_recipient\('.*'\)|catch_all\(\))$/.test(expression) &&
    actions.length > 0 &&
    actions.every((action) => /^(?:forward\("[^"]+"\)|store\(\)|store\(notify="[^"]+"\)|stop\(\))$/.test(action));
  router.get('/v3/routes', (request, response) => {
    const [skip, limit] = [Number(request.query.skip ?? 0), Number(request.query.limit ?? 100)];
    response.json({ total_count: state.routes.length, items: state.routes.slice(skip, skip + limit) });
  });
  router.post('/v3/routes', async (request, response) => {
    const route = { id: random(12).toString('hex'), ...(await read(request)) };
    if (!isValid(route)) return void respondError(response, 400, 'Invalid expression or action');
    state.routes.push(route);
    onChange();
    response.json({ message: 'Route has been created', route });
  });
  router.put('/v3/routes/:id', async (request, response) => {
    const route = state.routes.find(({ id }) => id === request.params.id);
    if (!route) return void respondError(response, 404, 'Route not found');
    const changed = await read(request);
    if (!isValid(changed)) return void respondError(response, 400, 'Invalid expression or action');
    Object.assign(route, changed);
    onChange();
    response.json({ message: 'Route has been updated', ...route });
  });
  router.delete('/v3/routes/:id', (request, response) => {
    state.routes = state.routes.filter(({ id }) => id !== request.params.id);
    onChange();
    response.json({ message: 'Route has been deleted', id: request.params.id });
  });
}
