import express, { type Request, type Response, Router } from 'express';
import { safeEqual } from '../../../core/safe-equal.ts';
import type { WebAccount, WebFault, WebRequest } from '../whatsapp-web/account.ts';
import { drawQrPicture, getQrValue, getWebPerson, toWebSpelling } from '../whatsapp-web/state.ts';
import { checkEvolutionSend, toServerJid } from './check-send.ts';
import { toEvolutionMessage, toEvolutionUpdate } from './events.ts';
import { type EvolutionVendorState, toEvolutionState } from './state.ts';

export interface EvolutionRouterDeps {
  state: EvolutionVendorState;
  account: WebAccount;
  now: () => number;
  getFault: () => WebFault | null;
  onRequest: (request: WebRequest) => void;
  onChange: () => void;
}

const errorNames: Readonly<Record<number, string>> = { 400: 'Bad Request', 401: 'Unauthorized', 404: 'Not Found' };

function refuse(response: Response, status: number, message: unknown): void {
  response.status(status).json({ status, error: errorNames[status] ?? 'Internal Server Error', response: { message } });
}

/** Creates the routes of the simulated Evolution API server. */
export function createEvolutionRouter(deps: EvolutionRouterDeps): Router {
  const { state, getFault } = deps;
  const router = Router();
  router.get('/', (_request, response) => {
    response.json({ status: 200, message: 'Welcome to the Evolution API, it is working!', version: '2.3.7' });
  });
  router.use(express.json({ limit: '136mb' }));
  router.use((request, response, next) => {
    const parts = request.path.split('/').slice(1, 3);
    deps.onRequest({ method: request.method, operation: `/${parts.join('/')}`, body: request.body ?? {} });
    if (!state.isActivated) {
      const register_url = 'https://license.example/register?token=1';
      return void response.status(503).json({ error: 'service not activated', code: 'LICENSE_REQUIRED', register_url });
    }
    const isRefused = getFault()?.kind === 'wrong_key';
    if (!isRefused && safeEqual(request.get('apikey') ?? '', state.apiKey)) return next();
    refuse(response, 401, 'Unauthorized');
  });
  router.param('instance', ({ params: { instance } }, response, next) => {
    if (instance === state.instance) return next();
    refuse(response, 404, [`The "${String(instance)}" instance does not exist`]);
  });
  addInstanceRoutes(router, deps);
  addWebhookRoutes(router, deps);
  router.post('/message/:operation/:instance', (request, response) => send(deps, request, response));
  addChatRoutes(router, deps);
  return router;
}

function send(deps: EvolutionRouterDeps, request: Request, response: Response): void {
  const { state, account } = deps;
  const fault = deps.getFault();
  if (fault?.kind === 'hang') return;
  if (fault?.kind === 'error')
    return void response
      .status(fault.status)
      .set(fault.headers ?? {})
      .json(fault.body);
  const checked = checkEvolutionSend(String(request.params.operation), request.body ?? {});
  if (typeof checked === 'string') return void refuse(response, 400, [checked]);
  if (toEvolutionState(state) !== 'open') return void refuse(response, 500, 'Cannot read properties of undefined');
  const jid = toServerJid(checked.number);
  const digits = jid.split('@')[0] ?? '';
  // The server asks WhatsApp at each send, and takes the spelling that WhatsApp knows.
  const chat = jid.endsWith('@s.whatsapp.net') ? `${toWebSpelling(digits)}@s.whatsapp.net` : jid;
  if (state.absent.includes(toWebSpelling(digits))) {
    return void refuse(response, 400, [{ jid: chat, exists: false, number: digits }]);
  }
  const { kind, text, file, replyTo } = checked;
  const message = account.accept({ kind, text, file, replyTo }, chat, fault?.kind === 'silent');
  if (fault?.kind === 'cut_after_accepting') return void request.socket.destroy();
  const described = toEvolutionMessage(message, getWebPerson(state, message.waId));
  response.status(201).json({ ...described, status: 'PENDING' });
}

function addInstanceRoutes(router: Router, { state, account, now }: EvolutionRouterDeps): void {
  const toInstance = () => ({ instance: { instanceName: state.instance, state: toEvolutionState(state) } });
  router.get('/instance/connectionState/:instance', (_request, response) => void response.json(toInstance()));
  router.get('/instance/connect/:instance', ({ query }, response) => {
    if (state.link === 'linked') return void response.json(toInstance());
    if (state.link !== 'scan') account.showQrCode();
    const value = getQrValue(state, now());
    const base64 = `data:image/svg+xml;base64,${drawQrPicture(value)}`;
    response.json({ pairingCode: query.number === undefined ? null : 'WXYZ-1234', code: value, base64, count: 1 });
  });
  router.get('/instance/fetchInstances', (_request, response) => {
    response.json([
      {
        id: '7d2f2f6e-4f9d-4b8f-9c37-0a2f9a6f6d10',
        name: state.instance,
        connectionStatus: toEvolutionState(state),
        ownerJid: state.link === 'linked' ? `${state.phone}@s.whatsapp.net` : null,
        profileName: state.pushName,
        token: 'a-token-of-the-instance',
      },
    ]);
  });
}

function addWebhookRoutes(router: Router, { state, onChange }: EvolutionRouterDeps): void {
  router.get('/webhook/find/:instance', (_request, response) => void response.json(state.webhook));
  router.post('/webhook/set/:instance', ({ body }, response) => {
    const { enabled, url, headers, byEvents, base64, events } = body?.webhook ?? {};
    if (typeof enabled !== 'boolean') return void refuse(response, 400, [['instance.webhook requires property "enabled"']]);
    if (typeof url !== 'string' || !/^https?:\/\//.test(url)) return void refuse(response, 400, ['Invalid "url" property']);
    state.webhook = {
      ...{ enabled, url, events: events ?? [], headers: state.keepsHeaders ? (headers ?? null) : null },
      ...{ webhookByEvents: byEvents === true, webhookBase64: base64 === true },
    };
    onChange();
    response.status(201).json(state.webhook);
  });
}

function addChatRoutes(router: Router, { state }: EvolutionRouterDeps): void {
  const find = (key: unknown) => state.messages.find((message) => message.key === key);
  router.post('/chat/getBase64FromMediaMessage/:instance', ({ body }, response) => {
    const found = find(body?.message?.key?.id);
    if (!found?.file) return void refuse(response, 400, ['Message not found']);
    const { contentType: mimetype, name: fileName, base64 } = found.file;
    response.status(201).json({ mediaType: 'imageMessage', fileName, size: {}, mimetype, base64, buffer: null });
  });
  router.post('/chat/findMessages/:instance', ({ body }, response) => {
    const found = find(body?.where?.key?.id);
    const records = found ? [toEvolutionMessage(found, getWebPerson(state, found.waId))] : [];
    response.status(200).json({ messages: { total: records.length, pages: 1, currentPage: 1, records } });
  });
  router.post('/chat/findStatusMessage/:instance', ({ body }, response) => {
    const found = find(body?.where?.id);
    response.status(201).json(found ? [toEvolutionUpdate(found, getWebPerson(state, found.waId))] : []);
  });
}
