import express, { type Request, type Response, Router } from 'express';
import * as z from 'zod';
import type { Call } from './calls.ts';
import type { Answer } from './endpoint.ts';
import { postAppEvent } from './events.ts';
import { highLevelId, type SimLocation, type TokenKind } from './state.ts';
import { isInactive, isInstalled, newRefreshToken, spend, type TokenSubject, tokenAnswer } from './tokens.ts';
import type { SimWorld } from './world.ts';

const grant = z.discriminatedUnion('grant_type', [
  z.object({ grant_type: z.literal('authorization_code'), code: z.string().min(1), redirect_uri: z.string().optional() }),
  z.object({ grant_type: z.literal('refresh_token'), refresh_token: z.string().min(1) }),
]);

/** The authorization page and the token endpoint (platform.md 5.1 to 5.4). */
export function oauth(world: SimWorld, log: (call: Call) => void): Router {
  const router = Router();

  router.get(['/v2/oauth/chooselocation', '/oauth/chooselocation'], (request, response) => {
    const problem = problemOf(world, request);
    if (problem)
      return void response.status(400).render('sandbox/consent', { problem, companies: [], locations: [], query: '' });
    response.render('sandbox/consent', {
      problem: null,
      companies: Object.values(world.state.companies),
      locations: Object.values(world.state.locations),
      scopes: String(request.query.scope).split(' '),
      query: new URL(request.originalUrl, 'http://localhost').search,
    });
  });

  router.post('/v2/oauth/chooselocation', express.urlencoded({ extended: false }), (request, response) => {
    const problem = problemOf(world, request);
    const [kind, id = ''] = String(request.body.choice).split(':');
    const location = kind === 'location' ? world.state.locations[id] : undefined;
    const company = kind === 'company' ? world.state.companies[id] : undefined;
    if (problem) return void response.status(400).send(problem);
    const back = new URL(world.app.redirectUri);
    if (request.body.decision === 'approve' && location) back.searchParams.set('code', approve(world, location));
    else if (request.body.decision === 'approve' && company) back.searchParams.set('code', approveCompany(world, id));
    else back.searchParams.set('error', 'access_denied');
    if (request.query.state) back.searchParams.set('state', String(request.query.state));
    world.changed();
    if (back.searchParams.has('code')) {
      void postAppEvent(world, { type: 'INSTALL', companyId: location?.companyId ?? id, locationId: location?.id });
    }
    response.redirect(303, back.href);
  });

  router.post('/oauth/token', express.urlencoded({ extended: false }), (request, response) => {
    const said = parsed(request);
    const operation = said ? `token:${said.grant_type}` : 'token';
    answerWithFaults(world, log, request, response, operation, () => {
      if (!said) return { ...failure(400, 'Missing parameter: grant_type'), refusal: 'shape' };
      return exchange(world, request, said);
    });
  });

  router.post('/oauth/reconnect', express.json(), (request, response) => {
    answerWithFaults(world, log, request, response, 'reconnect', () => reconnect(world, request));
  });

  return router;
}

/** Answers a call that has no token, as {@link mountEndpoint} does those that have one. */
function answerWithFaults(
  world: SimWorld,
  log: (call: Call) => void,
  request: Request,
  response: Response,
  operation: string,
  work: () => Answer,
): void {
  const resourceId = world.state.refreshTokens[String(request.body?.refresh_token ?? '')]?.resourceId ?? null;
  const fault = world.faults.take(operation, resourceId);
  const record = (status: number, refusal: Call['refusal']): void => {
    const { method, path, body } = request;
    log({ operation, method, path, resourceId, at: world.clock.now(), status, refusal, body, said: '' });
  };
  if (fault && 'hang' in fault && fault.hang === true) {
    record(0, 'fault');
    return;
  }
  if (fault && 'answer' in fault) {
    record(fault.answer, 'fault');
    if ('html' in fault) return void response.status(fault.answer).type('html').send(fault.html);
    return void response.status(fault.answer).json(fault.body ?? {});
  }
  if (fault && 'cut' in fault && fault.cut === 'before the work') {
    record(0, 'fault');
    return void request.socket.destroy();
  }
  const answer = work();
  record(answer.status, fault ? 'fault' : (answer.refusal ?? null));
  world.changed();
  if (fault && 'hang' in fault) return;
  if (fault) return void request.socket.destroy();
  response.status(answer.status).json({ ...(answer.body as object), traceId: highLevelId(world.random) });
}

/** What a person's consent gives: a code that works once. The app is installed from then on (platform.md 5.5). */
export function approve(world: SimWorld, location: SimLocation): string {
  location.isInstalled = true;
  return newCode(world, 'Location', location.id, location.companyId);
}

/** What an agency's consent gives, for these of its locations or for all. */
export function approveCompany(world: SimWorld, companyId: string, locationIds?: readonly string[]): string {
  const company = world.state.companies[companyId];
  if (company) company.isInstalled = true;
  for (const location of Object.values(world.state.locations)) {
    if (location.companyId === companyId && (locationIds?.includes(location.id) ?? true)) location.isInstalled = true;
  }
  return newCode(world, 'Company', companyId, companyId);
}

function newCode(world: SimWorld, kind: TokenKind, resourceId: string, companyId: string): string {
  const code = world.random(20).toString('hex');
  world.state.codes[code] = { kind, resourceId, companyId, isUsed: false };
  return code;
}

function problemOf(world: SimWorld, request: Request): string | null {
  const { client_id: clientId, redirect_uri: redirectUri, response_type: type, scope } = request.query;
  if (clientId !== world.app.clientId) return `No integration found with the ID: ${String(clientId).split('-')[0]}`;
  if (redirectUri !== world.app.redirectUri) return 'Invalid redirect uri.';
  if (type !== 'code') return 'Invalid response type.';
  const unknown = String(scope ?? '')
    .split(' ')
    .filter((one) => !world.app.scopes.includes(one));
  return unknown.length > 0 ? `Invalid scopes: ${unknown.join(' ')}` : null;
}

function parsed(request: Request): z.infer<typeof grant> | null {
  if (!request.is('application/x-www-form-urlencoded')) return null;
  return grant.safeParse(request.body).data ?? null;
}

function exchange(world: SimWorld, request: Request, said: z.infer<typeof grant>): Answer {
  const { client_id: clientId, client_secret: clientSecret } = request.body;
  if (clientId !== world.app.clientId || clientSecret !== world.app.clientSecret) {
    return failure(401, 'Invalid client credentials!', 'invalid_client');
  }
  return said.grant_type === 'authorization_code' ? byCode(world, said.code) : byRefresh(world, said.refresh_token);
}

function byCode(world: SimWorld, code: string): Answer {
  const found = world.state.codes[code];
  if (!found || found.isUsed) return failure(400, 'Invalid grant: authorization code is invalid', 'invalid_grant');
  found.isUsed = true;
  return tokenAnswer(world, found, newRefreshToken(world, found));
}

function byRefresh(world: SimWorld, value: string): Answer {
  const found = world.state.refreshTokens[value];
  if (found && isInactive(world, found)) return failure(400, 'Location is not active');
  const spent = spend(world, value);
  if (!spent) return failure(400, 'Invalid grant: refresh token is invalid', 'invalid_grant');
  return tokenAnswer(world, spent.of, spent.successor);
}

const reconnectBody = z
  .strictObject({
    clientKey: z.string(),
    clientSecret: z.string(),
    locationId: z.string().optional(),
    companyId: z.string().optional(),
  })
  .refine((body) => (body.locationId === undefined) !== (body.companyId === undefined));

/** A new code for what is installed, without its user (platform.md 5.7). */
function reconnect(world: SimWorld, request: Request): Answer {
  const said = reconnectBody.safeParse(request.body).data;
  if (!said) return { ...failure(422, 'clientKey, clientSecret and one id are needed'), refusal: 'shape' };
  if (said.clientKey !== world.app.clientId || said.clientSecret !== world.app.clientSecret) {
    return failure(401, 'Invalid client credentials!', 'invalid_client');
  }
  const location = world.state.locations[said.locationId ?? ''];
  const of: TokenSubject = location
    ? { kind: 'Location', resourceId: location.id, companyId: location.companyId }
    : { kind: 'Company', resourceId: said.companyId ?? '', companyId: said.companyId ?? '' };
  if (!isInstalled(world, of) || !world.behaviour.canReconnect) return failure(400, 'The app is not installed.');
  if (isInactive(world, of)) return failure(400, 'Location is not active');
  const authorizationCode = newCode(world, of.kind, of.resourceId, of.companyId);
  const expiresAt = new Date(world.clock.now() + 10 * 60_000).toISOString();
  return { status: 200, body: { authorizationCode, expiresAt } };
}

function failure(status: number, description: string, error = 'invalid_request'): Answer {
  return { status, body: { error, error_description: description, message: description, statusCode: status } };
}
