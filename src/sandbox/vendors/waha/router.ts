import express, { type Request, type Response, Router } from 'express';
import { safeEqual } from '../../../core/safe-equal.ts';
import type { WebAccount, WebFault, WebRequest } from '../whatsapp-web/account.ts';
import { drawQrPicture, getQrValue, getWebPerson, toWebSpelling, type WebMessage } from '../whatsapp-web/state.ts';
import { checkWahaSend } from './check-send.ts';
import { toWahaMessage } from './events.ts';
import { toWahaStatus, type WahaVendorState } from './state.ts';

export interface WahaRouterDeps {
  state: WahaVendorState;
  account: WebAccount;
  now: () => number;
  getFault: () => WebFault | null;
  toFileUrl: (message: WebMessage) => string | null;
  onRequest: (request: WebRequest) => void;
  onChange: () => void;
}

const kinds: Readonly<Record<string, string>> = {
  sendText: 'text',
  sendImage: 'image',
  sendVideo: 'video',
  sendVoice: 'audio',
  sendFile: 'document',
};

/** Creates the routes of the simulated WAHA server. */
export function createWahaRouter(deps: WahaRouterDeps): Router {
  const { state } = deps;
  const router = Router();
  router.use(express.json({ limit: '60mb' }));
  router.use((request, response, next) => {
    const operation = request.path
      .replace(/^\/api\/sessions\/[^/]+/, '/api/sessions/{session}')
      .replace(`/${state.session}/`, '/{session}/');
    deps.onRequest({ method: request.method, operation, body: request.body ?? {} });
    const isRefused = deps.getFault()?.kind === 'wrong_key';
    if (!isRefused && safeEqual(request.get('x-api-key') ?? '', state.apiKey)) return next();
    response.status(401).json({ message: 'Unauthorized', statusCode: 401 });
  });
  addSessionRoutes(router, deps);
  router.get('/api/contacts/check-exists', ({ query }, response) => {
    if (!requireWorking(state, response)) return;
    const digits = String(query.phone ?? '').replace(/\D/g, '');
    const waId = toWebSpelling(digits);
    const exists = /^\d{5,15}$/.test(digits) && !state.absent.includes(waId);
    response.json(exists ? { numberExists: true, chatId: `${waId}@c.us` } : { numberExists: false });
  });
  router.get('/api/:session/lids/:lid', ({ params: { lid } }, response) => {
    const person = state.people.find((one) => one.lid === lid);
    response.json({ lid: `${lid}@lid`, pn: person && !person.isNumberHidden ? `${person.waId}@c.us` : null });
  });
  router.get('/api/files/:session/:key', ({ params: { key } }, response) => {
    const found = state.messages.find((message) => message.key === key.replace(/\.\w+$/, ''));
    if (!found?.file) return void response.status(404).json({ statusCode: 404, message: 'Not Found' });
    response.type(found.file.contentType).send(Buffer.from(found.file.base64, 'base64'));
  });
  router.post('/api/:operation', (request, response) => send(deps, request, response));
  return router;
}

function requireWorking(state: WahaVendorState, response: Response): boolean {
  if (state.link === 'linked') return true;
  const error = 'Session status is not as expected. Try again later or restart the session';
  response.status(422).json({ error, session: state.session, status: toWahaStatus(state), expected: ['WORKING'] });
  return false;
}

function send(deps: WahaRouterDeps, request: Request, response: Response): void {
  const { state, account } = deps;
  const operation = String(request.params.operation);
  const fault = deps.getFault();
  if (fault?.kind === 'hang') return;
  if (fault?.kind === 'error')
    return void response
      .status(fault.status)
      .set(fault.headers ?? {})
      .json(fault.body);
  if (!requireWorking(state, response)) return;
  const checked = checkWahaSend(operation, request.body ?? {}, state.session);
  if (typeof checked === 'string') {
    return void response.status(400).json({ statusCode: 400, message: [checked], error: 'Bad Request' });
  }
  const { chatId, text, file, replyTo } = checked;
  const kind = kinds[operation] as string;
  const message = account.accept({ kind, text, file, replyTo }, chatId, fault?.kind === 'silent');
  if (fault?.kind === 'cut_after_accepting') return void request.socket.destroy();
  response.status(201).json(toWahaMessage(state, message, getWebPerson(state, message.waId), deps.toFileUrl(message)));
}

function addSessionRoutes(router: Router, { state, account, now, onChange }: WahaRouterDeps): void {
  const toSession = () => ({
    name: state.session,
    status: toWahaStatus(state),
    presence: {},
    timestamps: { activity: null },
    config: state.config,
    engine: { engine: state.engine },
    ...(state.link === 'linked' ? { me: { id: `${state.phone}@c.us`, pushName: state.pushName } } : {}),
  });
  router.param('name', ({ params: { name } }, response, next) => {
    if (name === state.session) return next();
    response.status(404).json({ statusCode: 404, message: 'Session not found', error: 'Not Found' });
  });
  router.get('/api/sessions/:name', (_request, response) => void response.json(toSession()));
  router.put('/api/sessions/:name', ({ body }, response) => {
    state.config = body?.config ?? {};
    state.restartCount += 1;
    onChange();
    response.json(toSession());
  });
  router.post('/api/sessions/:name/:action', ({ params: { action } }, response) => {
    if (action === 'stop') account.setLink('stopped');
    else if (action === 'logout' || state.link !== 'linked') account.showQrCode();
    response.status(201).json(toSession());
  });
  router.get('/api/:name/auth/qr', ({ query }, response) => {
    if (state.link !== 'scan') {
      return void response
        .status(422)
        .json({ error: 'Can get QR code only in SCAN_QR_CODE status', status: toWahaStatus(state) });
    }
    const value = getQrValue(state, now());
    response.json(query.format === 'raw' ? { value } : { mimetype: 'image/svg+xml', data: drawQrPicture(value) });
  });
  router.post('/api/:name/auth/request-code', ({ body }, response) => {
    if (state.link !== 'scan') return void response.status(422).json({ error: 'Session status is not as expected' });
    if (!/^\d{7,15}$/.test(String(body?.phoneNumber))) return void response.status(400).json({ message: ['phoneNumber'] });
    response.status(201).json({ code: 'ABCD-EFGH' });
  });
}
