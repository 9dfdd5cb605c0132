import express, { type Request, type Response, Router } from 'express';
import { renderAccount, renderMessage, renderMetaPage, renderNumber, renderPage, renderService } from './render.ts';
import type { TwilioState } from './state.ts';

/** A request to the API, for a check against Twilio's own description. */
export interface ApiCall {
  method: string;
  path: string;
  query: URLSearchParams;
  contentType: string | undefined;
  form: URLSearchParams;
}

export interface ApiDeps {
  state: TwilioState;
  /** Address of this API, for lists of the newer kind. */
  url: () => string;
  /** Storage to which the address of a file leads: it takes no credentials. */
  storageUrl: () => string;
  send(form: URLSearchParams, response: Response): void;
  onCall(call: ApiCall): void;
  onChange(): void;
}

type Caller = 'account' | 'key';

/** Creates the API: messages, numbers, files, Messaging Services and WhatsApp senders, behind Basic authentication. */
export function createApi(deps: ApiDeps): Router {
  const { state } = deps;
  const router = Router();
  router.get('/storage/:sid', (request, response) => serveFile(state, request, response));
  router.use(express.raw({ type: () => true, limit: '1mb' }), (request, response, next) => {
    deps.onCall(toCall(request));
    const caller = identifyCaller(state, request);
    if (!caller) {
      response.set('www-authenticate', 'Basic realm="Twilio API"');
      return void respondError(response, 401, 20003, 'Authenticate');
    }
    response.locals.caller = caller;
    const sid = /^\/2010-04-01\/Accounts\/([^/.]+)/.exec(request.path)?.[1];
    if (sid !== undefined && sid !== state.account.sid)
      return void respondError(response, 404, 20404, 'The requested resource was not found');
    if (state.account.status !== 'active' && request.method === 'POST')
      return void respondError(response, 403, 20005, 'Account not active');
    next();
  });
  router.get('/2010-04-01/Accounts/:account.json', (_request, response) => {
    if ((response.locals.caller as Caller) === 'key') return void respondError(response, 401, 20003, 'Authenticate');
    response.json(renderAccount(state));
  });
  const account = Router();
  addMessageRoutes(account, deps);
  addNumberRoutes(account, deps);
  router.use('/2010-04-01/Accounts/:account', account);
  addServiceRoutes(router, deps);
  router.use((_request, response) => respondError(response, 404, 20404, 'The requested resource was not found'));
  return router;
}

export function respondError(response: Response, status: number, code: number, message: string): void {
  const moreInfo = `https://www.twilio.com/docs/errors/${code}`;
  response.status(status).json({ code, message, more_info: moreInfo, status });
}

function toCall(request: Request): ApiCall {
  return {
    method: request.method,
    path: request.path,
    query: getQuery(request),
    contentType: request.headers['content-type'],
    form: readForm(request),
  };
}

function getQuery(request: Request): URLSearchParams {
  return new URL(request.originalUrl, 'http://localhost').searchParams;
}

/** Reads the form of a request; one of another type has no fields for Twilio. */
function readForm(request: Request): URLSearchParams {
  const isForm = request.headers['content-type']?.startsWith('application/x-www-form-urlencoded');
  return new URLSearchParams(isForm && Buffer.isBuffer(request.body) ? request.body.toString('utf8') : '');
}

function identifyCaller({ account, apiKeys }: TwilioState, { headers }: Request): Caller | null {
  const [, encoded = ''] = /^Basic (.+)$/.exec(headers.authorization ?? '') ?? [];
  const credentials = Buffer.from(encoded, 'base64').toString('utf8');
  if (credentials === `${account.sid}:${account.authToken}`) return 'account';
  return apiKeys.some(({ sid, secret }) => credentials === `${sid}:${secret}`) ? 'key' : null;
}

function addMessageRoutes(router: Router, deps: ApiDeps): void {
  const { state } = deps;
  router.post('/Messages.json', (request, response) => deps.send(readForm(request), response));
  router.get('/Messages.json', (request, response) => {
    const query = getQuery(request);
    const day = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString().slice(0, 10));
    const fits = (name: string, value: string | null, compare: (value: string, wanted: string) => boolean) => {
      const wanted = query.get(name);
      return wanted === null || (value !== null && compare(value, wanted));
    };
    const rows = state.messages
      .filter(
        ({ to, from, sentAt }) =>
          fits('To', to, (a, b) => a === b) &&
          fits('From', from, (a, b) => a === b) &&
          fits('DateSent', day(sentAt), (a, b) => a === b) &&
          fits('DateSent>', day(sentAt), (a, b) => a >= b.slice(0, 10)) &&
          fits('DateSent<', day(sentAt), (a, b) => a <= b.slice(0, 10)),
      )
      .toReversed();
    const path = `/2010-04-01/Accounts/${state.account.sid}/Messages.json`;
    response.json(
      renderPage(
        'messages',
        rows.map((row) => renderMessage(state, row)),
        path,
        query,
      ),
    );
  });
  router.get('/Messages/:sid.json', (request, response) => {
    const message = state.messages.find(({ sid }) => sid === request.params.sid);
    if (!message) return void respondError(response, 404, 20404, 'The requested resource was not found');
    response.json(renderMessage(state, message));
  });
  router.get('/Messages/:message/Media/:sid', (request, response) => {
    const file = state.media.find(({ sid, messageSid }) => sid === request.params.sid && messageSid === request.params.message);
    if (!file) return void respondError(response, 404, 20404, 'The requested resource was not found');
    response.redirect(307, `${deps.storageUrl()}/storage/${file.sid}`);
  });
}

/** Serves a file from the storage, which refuses credentials as a signed address does. */
function serveFile({ media }: TwilioState, request: Request, response: Response): void {
  if (request.headers.authorization !== undefined) return void response.status(400).send('Only one auth mechanism allowed');
  const file = media.find(({ sid }) => sid === request.params.sid);
  if (!file) return void response.status(404).end();
  response.type(file.contentType).end(Buffer.from(file.data, 'base64'));
}

function addNumberRoutes(router: Router, { state, onChange }: ApiDeps): void {
  router.get('/IncomingPhoneNumbers.json', (request, response) => {
    const query = getQuery(request);
    const wanted = query.get('PhoneNumber') ?? '';
    const rows = state.numbers.filter(({ phoneNumber }) => phoneNumber.includes(wanted)).map((row) => renderNumber(state, row));
    const path = `/2010-04-01/Accounts/${state.account.sid}/IncomingPhoneNumbers.json`;
    response.json(renderPage('incoming_phone_numbers', rows, path, query));
  });
  router.all('/IncomingPhoneNumbers/:sid.json', (request, response) => {
    const number = state.numbers.find(({ sid }) => sid === request.params.sid);
    if (!number) return void respondError(response, 404, 20404, 'The requested resource was not found');
    if (request.method === 'POST') {
      const form = readForm(request);
      number.smsUrl = form.get('SmsUrl') ?? number.smsUrl;
      number.smsMethod = form.get('SmsMethod') ?? number.smsMethod;
      onChange();
    }
    response.json(renderNumber(state, number));
  });
}

function addServiceRoutes(router: Router, { state, url, onChange }: ApiDeps): void {
  router.get('/v1/Services', (request, response) => {
    const rows = state.services.map((row) => renderService(state, row));
    response.json(renderMetaPage('services', rows, `${url()}/v1/Services`, getQuery(request)));
  });
  router.all('/v1/Services/:sid', (request, response) => {
    const service = state.services.find(({ sid }) => sid === request.params.sid);
    if (!service) return void respondError(response, 404, 20404, 'The requested resource was not found');
    if (request.method === 'POST') {
      const form = readForm(request);
      service.inboundRequestUrl = form.get('InboundRequestUrl') ?? service.inboundRequestUrl;
      service.inboundMethod = form.get('InboundMethod') ?? service.inboundMethod;
      const defers = form.get('UseInboundWebhookOnNumber');
      if (defers !== null) service.useInboundWebhookOnNumber = defers === 'true';
      onChange();
    }
    response.json(renderService(state, service));
  });
  router.get('/v1/Services/:sid/PhoneNumbers', (request, response) => {
    const service = state.services.find(({ sid }) => sid === request.params.sid);
    if (!service) return void respondError(response, 404, 20404, 'The requested resource was not found');
    const rows = service.pool.filter((sender) => sender.startsWith('+')).map((phone_number) => ({ phone_number }));
    response.json(renderMetaPage('phone_numbers', rows, `${url()}${request.path}`, getQuery(request)));
  });
  router.get('/v2/Channels/Senders', (request, response) => {
    const rows = state.channelSenders.map(({ address, status }) => ({ sender_id: address, status }));
    response.json(renderMetaPage('senders', rows, `${url()}/v2/Channels/Senders`, getQuery(request)));
  });
}
