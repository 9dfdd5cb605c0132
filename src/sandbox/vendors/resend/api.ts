import express, { type Request, type Response, Router } from 'express';
import type { RandomSource } from '../../../core/ids.ts';
import type { Refusal } from './rules.ts';
import { createWebhook, type ResendState, type SimReceived, type SimWebhook } from './state.ts';
import { toFileRow } from './webhooks.ts';

export interface ApiDeps {
  state: ResendState;
  random: RandomSource;
  /** Address of files. */
  url: () => string;
  send(body: unknown, key: string | undefined, response: Response): void;
  onChange(): void;
}

/** Creates the API: emails, received emails with their files, domains and webhooks, behind a bearer token. */
export function createApi(deps: ApiDeps): Router {
  const { state, url } = deps;
  const router = Router();
  router.get('/files/:id', (request, response) => {
    const file = state.received.flatMap(({ files }) => files).find(({ id }) => id === request.params.id);
    // The address holds its own proof: with a key it would be another vendor's mistake.
    if (!file || request.get('authorization')) return void response.status(400).end();
    response.type(file.contentType).send(Buffer.from(file.data, 'base64'));
  });
  router.use(express.json({ limit: '60mb' }), (request, response, next) => {
    const key = /^Bearer (.+)$/.exec(request.get('authorization') ?? '')?.[1];
    if (key === undefined) return void refuse(response, 401, 'missing_api_key', 'Missing API key in the authorization header.');
    const isSend = request.method === 'POST' && request.path === '/emails';
    if (key === state.account.sendingKey && !isSend) {
      return void refuse(response, 401, 'restricted_api_key', 'This API key is restricted to only send emails.');
    }
    if (key !== state.account.apiKey && key !== state.account.sendingKey) {
      return void refuse(response, 403, 'invalid_api_key', 'API key is invalid.');
    }
    next();
  });
  router.post('/emails', (request, response) => deps.send(request.body, request.get('idempotency-key'), response));
  router.get('/emails/:id', (request, response) => {
    const email = state.emails.find(({ id }) => id === request.params.id);
    if (!email) return void refuse(response, 404, 'not_found', 'Email not found');
    const { id, messageId, from, to, subject, text, html, tags, lastEvent } = email;
    response.json({ object: 'email', id, message_id: messageId, from, to, subject, text, html, tags, last_event: lastEvent });
  });
  router.get('/emails/receiving/:id', (request, response) => {
    const email = findReceived(state, request);
    if (!email) return void refuse(response, 404, 'not_found', 'Email not found');
    const { id, from, to, subject, text, html, headers, files } = email;
    response.json({
      ...{ object: 'email', id, from, to, subject, text, html, headers, cc: null, bcc: null, reply_to: null },
      ...{ message_id: `<${email.messageId}>`, created_at: new Date(email.at).toISOString(), received_for: to },
      attachments: files.map(toFileRow),
    });
  });
  router.get('/emails/receiving/:id/attachments/:file', (request, response) => {
    const file = findReceived(state, request)?.files.find(({ id }) => id === request.params.file);
    if (!file) return void refuse(response, 404, 'not_found', 'Attachment not found');
    response.json({ object: 'attachment', ...toFileRow(file), download_url: `${url()}/files/${file.id}` });
  });
  router.get('/domains', (_request, response) => {
    const rows = state.domains.map(({ name, status, receiving }) => ({
      name,
      status,
      capabilities: { sending: 'enabled', receiving },
    }));
    response.json({ object: 'list', has_more: false, data: rows });
  });
  addWebhookRoutes(router, deps);
  router.use((_request, response) => refuse(response, 404, 'not_found', 'The requested endpoint does not exist.'));
  return router;
}

/** Responds with an error. */
export function respondError(response: Response, { statusCode, name, message }: Refusal): void {
  response.status(statusCode).json({ statusCode, name, message });
}

function refuse(response: Response, statusCode: number, name: string, message: string): void {
  respondError(response, { statusCode, name, message });
}

function findReceived(state: ResendState, request: Request): SimReceived | undefined {
  return state.received.find(({ id }) => id === request.params.id);
}

function addWebhookRoutes(router: Router, { state, random, onChange }: ApiDeps): void {
  const render = ({ id, endpoint, events, status }: SimWebhook) => ({ object: 'webhook', id, endpoint, events, status });
  const find = (request: Request) => state.webhooks.find(({ id }) => id === request.params.id);
  router.get('/webhooks', (_request, response) => {
    response.json({ object: 'list', has_more: false, data: state.webhooks.map(render) });
  });
  router.post('/webhooks', (request, response) => {
    const webhook = { ...createWebhook(random, request.body.endpoint), events: request.body.events };
    state.webhooks.push(webhook);
    onChange();
    response.status(201).json({ object: 'webhook', id: webhook.id, signing_secret: webhook.secret });
  });
  router.get('/webhooks/:id', (request, response) => {
    const webhook = find(request);
    if (!webhook) return void refuse(response, 404, 'not_found', 'Webhook not found');
    response.json({ ...render(webhook), signing_secret: webhook.secret });
  });
  router.patch('/webhooks/:id', (request, response) => {
    const webhook = find(request);
    if (!webhook) return void refuse(response, 404, 'not_found', 'Webhook not found');
    const { endpoint, events, status } = request.body;
    Object.assign(webhook, {
      endpoint: endpoint ?? webhook.endpoint,
      events: events ?? webhook.events,
      status: status ?? webhook.status,
    });
    onChange();
    response.json({ object: 'webhook', id: webhook.id });
  });
  router.delete('/webhooks/:id', (request, response) => {
    state.webhooks = state.webhooks.filter(({ id }) => id !== request.params.id);
    onChange();
    response.json({ object: 'webhook', id: request.params.id, deleted: true });
  });
}
