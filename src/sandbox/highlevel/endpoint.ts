import type { Request, Response, Router } from 'express';
import type { Call, Refusal } from './calls.ts';
import type { createRequestLimits } from './limits.ts';
import type { AccessToken } from './state.ts';
import { createHighLevelId } from './state.ts';
import type { SimWorld } from './world.ts';

/** Handler of a request that has passed every check. */
export type Handler = (request: Request, token: AccessToken) => SimResponse | Promise<SimResponse>;

export interface SimResponse {
  status: number;
  body?: unknown;
  refusal?: Refusal;
}

export interface Endpoint {
  operation: string;
  method: 'get' | 'put' | 'post' | 'delete';
  path: string;
  version: string;
  scope: string;
  kind: 'Location' | 'Company' | 'either';
  /** Content type, if not JSON. */
  contentType?: 'application/x-www-form-urlencoded' | 'multipart/form-data';
  handle: Handler;
}

/** Creates an error in HighLevel's own form. */
export function refuse(
  status: number,
  message: string | string[],
  refusal: Refusal,
  extra: Record<string, unknown> = {},
): SimResponse {
  const error = { 400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden', 422: 'Unprocessable Entity' }[status];
  return { status, body: { statusCode: status, message, ...(error ? { error } : {}), ...extra }, refusal };
}

/** Adds one endpoint of the API with all checks of the platform. */
export function mountEndpoint(
  world: SimWorld,
  router: Router,
  limits: ReturnType<typeof createRequestLimits>,
  log: (call: Call) => void,
  endpoint: Endpoint,
): void {
  router[endpoint.method](endpoint.path, async (request, response) => {
    const token = findToken(world, request);
    const resourceId = token?.resourceId ?? null;
    const record = (outcome: SimResponse) =>
      log({
        operation: endpoint.operation,
        method: request.method,
        path: request.path,
        resourceId,
        at: world.clock.now(),
        status: outcome.status,
        refusal: outcome.refusal ?? null,
        body: request.body,
        responseBody: JSON.stringify(outcome.body ?? null),
      });

    const fault = await world.faults.take(endpoint.operation, resourceId, request.body);
    if (fault && 'hang' in fault && fault.hang === true) return record({ status: 0, refusal: 'fault' });
    if (fault && 'status' in fault) {
      record({ status: fault.status, refusal: 'fault' });
      if ('html' in fault) return void response.status(fault.status).type('html').send(fault.html);
      response.set(fault.headers ?? {});
      return send(world, response, { status: fault.status, body: fault.body ?? { statusCode: fault.status } });
    }
    if (fault && 'cut' in fault && fault.cut === 'before_handling') {
      record({ status: 0, refusal: 'fault' });
      return void request.socket.destroy();
    }

    const result =
      checkRequest(endpoint, request, token, limits, response) ??
      world.denials.findResponse(endpoint.operation, resourceId ?? '', findProviderKey(world, request)) ??
      (await endpoint.handle(request, token as AccessToken));
    record(fault ? { ...result, refusal: 'fault' } : result);
    if (fault && 'hang' in fault) return;
    if (fault) return void request.socket.destroy();
    send(world, response, result);
    world.onChange();
  });
}

function checkRequest(
  endpoint: Endpoint,
  request: Request,
  token: AccessToken | null,
  limits: ReturnType<typeof createRequestLimits>,
  response: Response,
): SimResponse | null {
  if (!token) return refuse(401, 'Invalid JWT', 'token');
  if (endpoint.kind !== 'either' && token.kind !== endpoint.kind)
    return refuse(401, `This route takes a ${endpoint.kind} token.`, 'token');
  const { isAllowed, headers } = limits.tryAcquire(token.resourceId);
  response.set(headers);
  if (!isAllowed) return refuse(429, 'Too many requests', 'rate');
  if (request.get('version') !== endpoint.version) return refuse(400, 'version header is not valid', 'version');
  if (!token.scopes.includes(endpoint.scope)) return refuse(401, 'The token is not authorized for this scope.', 'scope');
  const type = endpoint.contentType ?? 'application/json';
  const hasBody = request.method === 'DELETE' ? Number(request.get('content-length') ?? 0) > 0 : request.method !== 'GET';
  if (hasBody && !request.is(type)) return refuse(400, `The body must be ${type}.`, 'schema');
  return null;
}

/** Finds the key of the provider that a request's message belongs to. */
function findProviderKey(world: SimWorld, { params, body }: Request): string | null {
  const message = world.state.messages[String(params.messageId ?? params.id ?? '')];
  const named = world.app.providers.find(({ id }) => id === body?.conversationProviderId);
  const fallback = world.app.providers.find(({ kind }) => kind === (body?.type === 'Email' ? 'email' : 'sms'));
  return message?.providerKey ?? named?.key ?? (body?.type ? (fallback?.key ?? null) : null);
}

function findToken(world: SimWorld, request: Request): AccessToken | null {
  const [scheme, value] = (request.get('authorization') ?? '').split(' ');
  const token = scheme === 'Bearer' ? world.state.accessTokens[value ?? ''] : undefined;
  return token && token.expiresAt > world.clock.now() ? token : null;
}

function send(world: SimWorld, response: Response, result: SimResponse): void {
  response.status(result.status);
  if (result.body === undefined) return void response.end();
  // Not HighLevel's own response: a page of a proxy in front of it.
  if (typeof result.body === 'string') return void response.type('html').send(result.body);
  response.json({ ...(result.body as object), traceId: createHighLevelId(world.random) });
}
