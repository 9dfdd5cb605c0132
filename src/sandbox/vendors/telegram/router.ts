import express, { type Request, type Response, Router } from 'express';
import { safeEqual } from '../../../core/safe-equal.ts';
import type { TelegramVendorState } from './state.ts';

/** Failure of the next requests to send, until another is set. */
export type TelegramFault =
  | { kind: 'error'; status: number; description: string; parameters?: Record<string, number> }
  /** Refuses the uploads of one method alone. */
  | { kind: 'refuse_method'; method: string; description: string }
  | { kind: 'proxy_page'; status: number }
  | { kind: 'hang' }
  /** The message is accepted, and the connection breaks before the response. */
  | { kind: 'cut_after_accepting' }
  /** The token of every request. */
  | { kind: 'revoked_token' };

/** Request that the simulator has received, for a check against the vendor's description. */
export interface TelegramRequest {
  method: string;
  parameters: Record<string, unknown>;
  /** Name of the field with an uploaded file. */
  upload: string | null;
}

export interface UploadedFile {
  name: string;
  data: Buffer;
  contentType: string;
}

/** Result of a method: its value, or a refusal. */
export type MethodResult = { result: unknown } | { status: number; description: string; parameters?: Record<string, number> };

export interface TelegramRouterDeps {
  state: TelegramVendorState;
  getFault: () => TelegramFault | null;
  run: (method: string, parameters: Record<string, unknown>, file: UploadedFile | null) => MethodResult;
  onRequest: (request: TelegramRequest) => void;
}

const maxUploadSize = '55mb';
const maxFileBytes = 20 * 1024 * 1024;

/** Creates the routes of the simulated Bot API. */
export function createTelegramRouter(deps: TelegramRouterDeps): Router {
  const { state, getFault } = deps;
  const router = Router({ caseSensitive: true });
  const isOurs = (token: string) => safeEqual(token, state.bot.token) && getFault()?.kind !== 'revoked_token';
  router.use(express.raw({ type: 'multipart/form-data', limit: maxUploadSize }), express.json({ limit: '1mb' }));

  router.get('/file/bot:token/:folder/:name', ({ params }, response) => {
    const file = state.files[`${params.name}`];
    if (!isOurs(params.token) || !file) return fail(response, 404, 'Not Found');
    response.type('application/octet-stream').send(Buffer.from(file.base64, 'base64'));
  });

  router.all('/bot:token/:method', async (request, response) => {
    const { token, method } = request.params;
    if (!isOurs(token)) return fail(response, 401, 'Unauthorized');
    const { parameters, file, upload } = await readParameters(request);
    deps.onRequest({ method, parameters, upload });
    const fault = method.startsWith('send') ? getFault() : null;
    if (fault?.kind === 'hang') return;
    if (fault?.kind === 'proxy_page') return void response.status(fault.status).type('html').send('<h1>Sorry</h1>');
    if (fault?.kind === 'error') return fail(response, fault.status, fault.description, fault.parameters);
    if (fault?.kind === 'refuse_method' && fault.method === method) return fail(response, 400, fault.description);
    const outcome = deps.run(method, parameters, file);
    if (!('result' in outcome)) return fail(response, outcome.status, outcome.description, outcome.parameters);
    if (fault?.kind === 'cut_after_accepting') return void request.socket.destroy();
    response.json({ ok: true, result: outcome.result });
  });
  return router;
}

/** Returns the address of a file, or the refusal of one that is larger than bots may load. */
export function describeStoredFile(state: TelegramVendorState, id: string): MethodResult {
  const file = state.files[id];
  if (!file) return { status: 400, description: 'Bad Request: invalid file_id' };
  const size = Buffer.byteLength(file.base64, 'base64');
  if (size > maxFileBytes) return { status: 400, description: 'Bad Request: file is too big' };
  return { result: { file_id: id, file_unique_id: id.slice(0, 12), file_size: size, file_path: `documents/${id}` } };
}

async function readParameters(request: Request) {
  if (!Buffer.isBuffer(request.body)) {
    const parameters = { ...request.query, ...(request.body ?? {}) } as Record<string, unknown>;
    return { parameters, file: null, upload: null };
  }
  const headers = { 'content-type': String(request.headers['content-type']) };
  const form = await new globalThis.Response(new Uint8Array(request.body), { headers }).formData();
  const parameters: Record<string, unknown> = {};
  let file: UploadedFile | null = null;
  let upload: string | null = null;
  for (const [name, value] of form) {
    if (typeof value === 'string') parameters[name] = value;
    else {
      file = { name: value.name, data: Buffer.from(await value.arrayBuffer()), contentType: value.type };
      upload = name;
    }
  }
  return { parameters, file, upload };
}

function fail(response: Response, status: number, description: string, parameters?: Record<string, number>): void {
  response.status(status).json({ ok: false, error_code: status, description, ...(parameters ? { parameters } : {}) });
}
