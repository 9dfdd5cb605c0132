import type { Request, Response, Router } from 'express';
import type { Call, Refusal } from './calls.ts';
import type { requestLimits } from './limits.ts';
import type { AccessToken } from './state.ts';
import { highLevelId } from './state.ts';
import type { SimWorld } from './world.ts';

/** What an endpoint does with a request that has passed every check. */
export type Handler = (request: Request, token: AccessToken) => Answer | Promise<Answer>;

export interface Answer {
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
  /** What it takes, if not JSON. */
  takes?: 'application/x-www-form-urlencoded' | 'multipart/form-data';
  handle: Handler;
}

/** An error in HighLevel's own form. */
export function refuse(
  status: number,
  message: string | string[],
  refusal: Refusal,
  more: Record<string, unknown> = {},
): Answer {
  const error = { 400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden', 422: 'Unprocessable Entity' }[status];
  return { status, body: { statusCode: status, message, ...(error ? { error } : {}), ...more }, refusal };
}

/** Adds one endpoint of the API with all that the platform checks before it does anything. */
export function mountEndpoint(
  world: SimWorld,
  router: Router,
  limits: ReturnType<typeof requestLimits>,
  log: (call: Call) => void,
  endpoint: Endpoint,
): void {
  router[endpoint.method](endpoint.path, async (request, response) => {
    const token = tokenOf(world, request);
    const resourceId = token?.resourceId ?? null;
    const record = (answer: Answer) =>
      log({
        operation: endpoint.operation,
        method: request.method,
        path: request.path,
        resourceId,
        at: world.clock.now(),
        status: answer.status,
        refusal: answer.refusal ?? null,
        body: request.body,
        said: JSON.stringify(answer.body ?? null),
      });

    const fault = world.faults.take(endpoint.operation, resourceId, request.body);
    if (fault && 'hang' in fault && fault.hang === true) return record({ status: 0, refusal: 'fault' });
    if (fault && 'answer' in fault) {
      record({ status: fault.answer, refusal: 'fault' });
      if ('html' in fault) return void response.status(fault.answer).type('html').send(fault.html);
      response.set(fault.headers ?? {});
      return send(world, response, { status: fault.answer, body: fault.body ?? { statusCode: fault.answer } });
    }
    if (fault && 'cut' in fault && fault.cut === 'before the work') {
      record({ status: 0, refusal: 'fault' });
      return void request.socket.destroy();
    }

    const answer =
      check(endpoint, request, token, limits, response) ??
      world.denials.answerTo(endpoint.operation, resourceId ?? '', providerKeyOf(world, request)) ??
      (await endpoint.handle(request, token as AccessToken));
    record(fault ? { ...answer, refusal: 'fault' } : answer);
    if (fault && 'hang' in fault) return;
    if (fault) return void request.socket.destroy();
    send(world, response, answer);
    world.changed();
  });
}

function check(
  endpoint: Endpoint,
  request: Request,
  token: AccessToken | null,
  limits: ReturnType<typeof requestLimits>,
  response: Response,
): Answer | null {
  if (!token) return refuse(401, 'Invalid JWT', 'token');
  if (endpoint.kind !== 'either' && token.kind !== endpoint.kind)
    return refuse(401, `This route takes a ${endpoint.kind} token.`, 'token');
  const { isAllowed, headers } = limits.take(token.resourceId);
  response.set(headers);
  if (!isAllowed) return refuse(429, 'Too many requests', 'rate');
  if (request.get('version') !== endpoint.version) return refuse(400, 'version header is not valid', 'version');
  if (!token.scopes.includes(endpoint.scope)) return refuse(401, 'The token is not authorized for this scope.', 'scope');
  const type = endpoint.takes ?? 'application/json';
  if (request.method !== 'GET' && !request.is(type)) return refuse(400, `The body must be ${type}.`, 'shape');
  return null;
}

/** Of which provider the message is that a request is about. */
function providerKeyOf(world: SimWorld, { params, body }: Request): string | null {
  const message = world.state.messages[String(params.messageId ?? params.id ?? '')];
  const named = world.app.providers.find(({ id }) => id === body?.conversationProviderId);
  const usual = world.app.providers.find(({ kind }) => kind === (body?.type === 'Email' ? 'email' : 'sms'));
  return message?.providerKey ?? named?.key ?? (body?.type ? (usual?.key ?? null) : null);
}

function tokenOf(world: SimWorld, request: Request): AccessToken | null {
  const [scheme, value] = (request.get('authorization') ?? '').split(' ');
  const token = scheme === 'Bearer' ? world.state.accessTokens[value ?? ''] : undefined;
  return token && token.expiresAt > world.clock.now() ? token : null;
}

function send(world: SimWorld, response: Response, answer: Answer): void {
  response.status(answer.status);
  if (answer.body === undefined) return void response.end();
  // Not HighLevel's own: a page of what stands in front of it.
  if (typeof answer.body === 'string') return void response.type('html').send(answer.body);
  response.json({ ...(answer.body as object), traceId: highLevelId(world.random) });
}
