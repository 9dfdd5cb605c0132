import express, { type Request, type Response, Router } from 'express';
import { safeEqual } from '../../../core/safe-equal.ts';
import { checkMessage } from './check-message.ts';
import { createVendorError, toErrorBody, type VendorError } from './errors.ts';
import type { createMediaServer } from './media.ts';
import type { WhatsAppVendorState } from './state.ts';
import type { WebhookSender } from './webhooks.ts';

/** Failure of the next requests to send, until another is set. */
export type VendorFault =
  | { kind: 'error'; code: number; details?: string; status?: number }
  /** A server's error without Meta's reason. */
  | { kind: 'server_error' }
  | { kind: 'hang' }
  /** The message is accepted, and the connection breaks before the response. */
  | { kind: 'cut_after_accepting' }
  /** The upload of every file. */
  | { kind: 'upload_error'; code: number }
  /** The token of every request. */
  | { kind: 'expired_token' };

/** Request that the simulator has received, for a check against the vendor's description. */
export interface VendorRequest {
  operation: 'send' | 'upload' | 'subscribe' | 'set_webhook' | 'read';
  body: Record<string, unknown>;
}

export interface RouterDeps {
  state: WhatsAppVendorState;
  media: ReturnType<typeof createMediaServer>;
  webhooks: WebhookSender;
  getFault: () => VendorFault | null;
  /** Accepts a message. @returns its id, or a refusal such as that of the pair limit */
  accept: (
    body: Record<string, unknown>,
  ) => { id: string; waId: string; userId: string; isNumberHidden: boolean } | VendorError;
  onRequest: (request: VendorRequest) => void;
  onChange: () => void;
}

const maxBodySize = '110mb';

/** Creates the routes of the simulated Graph API. */
export function createGraphRouter(deps: RouterDeps): Router {
  const { state, media } = deps;
  const router = Router();
  router.use(express.raw({ type: 'multipart/form-data', limit: maxBodySize }), express.json({ limit: '1mb' }));
  router.use((request, response, next) => {
    if (request.path.endsWith('/messages')) deps.onRequest({ operation: 'send', body: request.body });
    const isExpired = deps.getFault()?.kind === 'expired_token';
    const given = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    if (!isExpired && safeEqual(given, state.business.accessToken)) return next();
    fail(response, {
      ...createVendorError(190, undefined, 401),
      message: 'Error validating access token: Session has expired',
    });
  });
  router.get('/whatsapp_business/attachments/:token', (request, response) => media.download(request.params.token, response));
  router.post('/:version/:id/messages', (request, response) => send(deps, request, response));
  router.post('/:version/:id/media', async (request, response) => {
    deps.onRequest({ operation: 'upload', body: { messaging_product: 'whatsapp', file: 'binary' } });
    if (request.params.id !== state.business.phoneNumberId) return fail(response, createMissing());
    const fault = deps.getFault();
    if (fault?.kind === 'upload_error') return fail(response, createVendorError(fault.code));
    const uploaded = await media.upload(request);
    if (typeof uploaded !== 'string') return fail(response, uploaded);
    deps.onChange();
    response.json({ id: uploaded });
  });
  addAccountRoutes(router, deps);
  addNumberRoutes(router, deps);
  return router;
}

function send(deps: RouterDeps, request: Request, response: Response): void {
  const { state } = deps;
  const fault = deps.getFault();
  if (fault?.kind === 'hang') return;
  if (fault?.kind === 'server_error') return void response.status(500).type('html').send('<h1>Sorry</h1>');
  if (fault?.kind === 'error') return void fail(response, createVendorError(fault.code, fault.details, fault.status));
  if (request.params.id !== state.business.phoneNumberId) return void fail(response, createMissing());
  const refusal = checkMessage(state, request.body);
  if (refusal) return void fail(response, refusal);
  const accepted = deps.accept(request.body);
  if ('code' in accepted) return void fail(response, accepted);
  if (fault?.kind === 'cut_after_accepting') return void request.socket.destroy();
  const { id, waId, userId, isNumberHidden } = accepted;
  const isTemplate = request.body.type === 'template';
  response.json({
    messaging_product: 'whatsapp',
    contacts: [
      {
        input: request.body.to ?? request.body.recipient,
        ...(isNumberHidden ? {} : { wa_id: waId }),
        user_id: userId,
      },
    ],
    messages: [{ id, ...(isTemplate ? { message_status: 'accepted' } : {}) }],
  });
}

function addAccountRoutes(router: Router, { state, onRequest, onChange }: RouterDeps): void {
  const { business } = state;
  const forAccount = (handle: (request: Request, response: Response) => void) => (request: Request, response: Response) =>
    request.params.id === business.accountId ? handle(request, response) : fail(response, createMissing());
  router.get(
    '/:version/:id/phone_numbers',
    forAccount((_request, response) => void response.json({ data: [toNumber(state)], paging: { cursors: {} } })),
  );
  router.get(
    '/:version/:id/subscribed_apps',
    forAccount((_request, response) => {
      const { appId, verifiedName } = business;
      const app = { id: appId, name: verifiedName, link: `https://www.facebook.com/games/?app_id=${appId}` };
      const override = state.accountWebhookUrl ? { override_callback_uri: state.accountWebhookUrl } : {};
      response.json({ data: state.isSubscribed ? [{ whatsapp_business_api_data: app, ...override }] : [] });
    }),
  );
  router.post(
    '/:version/:id/subscribed_apps',
    forAccount((request, response) => {
      onRequest({ operation: 'subscribe', body: request.body ?? {} });
      state.isSubscribed = true;
      if (!request.body?.override_callback_uri) state.accountWebhookUrl = null;
      onChange();
      response.json({ success: true });
    }),
  );
  router.get(
    '/:version/:id/message_templates',
    forAccount(({ query }, response) => {
      const found = state.templates.filter(({ name }) => typeof query.name !== 'string' || name.includes(query.name));
      const start = Number(query.after ?? 0);
      const end = start + Math.min(Number(query.limit ?? 25), 100);
      const data = found.slice(start, end).map(({ parameterFormat, body, ...rest }, index) => ({
        ...rest,
        id: String(900_000 + start + index),
        parameter_format: parameterFormat,
        components: [{ type: 'BODY', text: body }],
      }));
      const next = end < found.length ? { next: 'https://graph.facebook.com/next' } : {};
      response.json({ data, paging: { cursors: { before: String(start), after: String(end) }, ...next } });
    }),
  );
}

function addNumberRoutes(router: Router, { state, media, webhooks, onRequest, onChange }: RouterDeps): void {
  const { business } = state;
  router.get('/:version/:id', ({ params: { id } }, response) => {
    const found = id === business.phoneNumberId ? toNumber(state) : media.describe(id);
    if (found) response.json(found);
    else fail(response, createMissing());
  });
  router.post('/:version/:id', async (request, response) => {
    onRequest({ operation: 'set_webhook', body: request.body });
    const { override_callback_uri: url, verify_token: verifyToken } = request.body?.webhook_configuration ?? {};
    if (request.params.id !== business.phoneNumberId) return fail(response, createMissing());
    if (typeof url !== 'string' || url.length > 200) return fail(response, createVendorError(100, 'override_callback_uri'));
    if (url === '') state.webhook = null;
    else if (typeof verifyToken === 'string' && (await webhooks.verify(url, verifyToken))) state.webhook = { url, verifyToken };
    else return fail(response, { status: 400, code: 2200, message: '(#2200) Callback verification failed' });
    onChange();
    response.json({ success: true });
  });
}

function toNumber({ business, webhook, accountWebhookUrl }: WhatsAppVendorState) {
  return {
    id: business.phoneNumberId,
    display_phone_number: `+${business.displayNumber}`,
    verified_name: business.verifiedName,
    quality_rating: 'GREEN',
    code_verification_status: 'VERIFIED',
    name_status: 'APPROVED',
    health_status: {
      can_send_message: business.health,
      entities: [{ entity_type: 'PHONE_NUMBER', id: business.phoneNumberId, can_send_message: business.health }],
    },
    webhook_configuration: {
      ...(webhook ? { phone_number: webhook.url } : {}),
      ...(accountWebhookUrl ? { whatsapp_business_account: accountWebhookUrl } : {}),
      application: 'https://app.example/webhook',
    },
  };
}

function createMissing(): VendorError {
  const message = 'Unsupported request. Object does not exist, cannot be loaded due to missing permissions.';
  return { status: 400, code: 100, subcode: 33, message };
}

function fail(response: Response, error: VendorError): void {
  response.status(error.status).json(toErrorBody(error));
}
