import express, { type Request, type Response, Router } from 'express';
import * as z from 'zod';
import type { Call } from './calls.ts';
import type { SimResponse } from './endpoint.ts';
import { postAppEvent } from './events.ts';
import { createHighLevelId, type SimLocation, type TokenKind } from './state.ts';
import {
  createRefreshToken,
  createTokenResponse,
  isInactive,
  isInstalled,
  spendRefreshToken,
  type TokenSubject,
} from './tokens.ts';
import type { SimWorld } from './world.ts';

const grantSchema = z.discriminatedUnion('grant_type', [
  z.object({ grant_type: z.literal('authorization_code'), code: z.string().min(1), redirect_uri: z.string().optional() }),
  z.object({ grant_type: z.literal('refresh_token'), refresh_token: z.string().min(1) }),
]);

/** Creates the authorization page and the token endpoint (platform.md 5.1 to 5.4). */
export function createOauthRouter(world: SimWorld, log: (call: Call) => void): Router {
  const router = Router();

  router.get(['/v2/oauth/chooselocation', '/oauth/chooselocation'], (request, response) => {
    const problem = findProblem(world, request);
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
    const problem = findProblem(world, request);
    const [kind, id = ''] = String(request.body.choice).split(':');
    const location = kind === 'location' ? world.state.locations[id] : undefined;
    const company = kind === 'company' ? world.state.companies[id] : undefined;
    if (problem) return void response.status(400).send(problem);
    const redirectUrl = new URL(world.app.redirectUri);
    if (request.body.decision === 'approve' && location) redirectUrl.searchParams.set('code', approve(world, location));
    else if (request.body.decision === 'approve' && company) redirectUrl.searchParams.set('code', approveCompany(world, id));
    else redirectUrl.searchParams.set('error', 'access_denied');
    if (request.query.state) redirectUrl.searchParams.set('state', String(request.query.state));
    world.onChange();
    if (redirectUrl.searchParams.has('code')) {
      void postAppEvent(world, { type: 'INSTALL', companyId: location?.companyId ?? id, locationId: location?.id });
    }
    response.redirect(303, redirectUrl.href);
  });

  router.post('/oauth/token', express.urlencoded({ extended: false }), async (request, response) => {
    const grantRequest = parseGrant(request);
    const operation = grantRequest ? `token:${grantRequest.grant_type}` : 'token';
    await respondWithFaults(world, log, request, response, operation, () => {
      if (!grantRequest) return { ...refuseOauth(400, 'Missing parameter: grant_type'), refusal: 'schema' };
      return exchange(world, request, grantRequest);
    });
  });

  router.post('/oauth/reconnect', express.json(), async (request, response) => {
    await respondWithFaults(world, log, request, response, 'reconnect', () => reconnect(world, request));
  });

  return router;
}

/** Responds to a call without a token, as {@link mountEndpoint} does to those with one. */
async function respondWithFaults(
  world: SimWorld,
  log: (call: Call) => void,
  request: Request,
  response: Response,
  operation: string,
  handle: () => SimResponse,
): Promise<void> {
  const resourceId = world.state.refreshTokens[String(request.body?.refresh_token ?? '')]?.resourceId ?? null;
  const fault = await world.faults.take(operation, resourceId);
  const record = (status: number, refusal: Call['refusal']): void => {
    const { method, path, body } = request;
    log({ operation, method, path, resourceId, at: world.clock.now(), status, refusal, body, responseBody: '' });
  };
  if (fault && 'hang' in fault && fault.hang === true) {
    record(0, 'fault');
    return;
  }
  if (fault && 'status' in fault) {
    record(fault.status, 'fault');
    if ('html' in fault) return void response.status(fault.status).type('html').send(fault.html);
    return void response.status(fault.status).json(fault.body ?? {});
  }
  if (fault && 'cut' in fault && fault.cut === 'before_handling') {
    record(0, 'fault');
    return void request.socket.destroy();
  }
  const result = handle();
  record(result.status, fault ? 'fault' : (result.refusal ?? null));
  world.onChange();
  if (fault && 'hang' in fault) return;
  if (fault) return void request.socket.destroy();
  response.status(result.status).json({ ...(result.body as object), traceId: createHighLevelId(world.random) });
}

/** Gives a person's consent: returns a code that works once. From then on the app is installed (platform.md 5.5). */
export function approve(world: SimWorld, location: SimLocation): string {
  location.isInstalled = true;
  return createCode(world, 'Location', location.id, location.companyId);
}

/** Gives an agency's consent, for these of its locations or for all. */
export function approveCompany(world: SimWorld, companyId: string, locationIds?: readonly string[]): string {
  const company = world.state.companies[companyId];
  if (company) company.isInstalled = true;
  for (const location of Object.values(world.state.locations)) {
    if (location.companyId === companyId && (locationIds?.includes(location.id) ?? true)) location.isInstalled = true;
  }
  return createCode(world, 'Company', companyId, companyId);
}

function createCode(world: SimWorld, kind: TokenKind, resourceId: string, companyId: string): string {
  const code = world.random(20).toString('hex');
  world.state.codes[code] = { kind, resourceId, companyId, isUsed: false };
  return code;
}

function findProblem(world: SimWorld, request: Request): string | null {
  const { client_id: clientId, redirect_uri: redirectUri, response_type: type, scope } = request.query;
  if (clientId !== world.app.clientId) return `No integration found with the ID: ${String(clientId).split('-')[0]}`;
  if (redirectUri !== world.app.redirectUri) return 'Invalid redirect uri.';
  if (type !== 'code') return 'Invalid response type.';
  const unknown = String(scope ?? '')
    .split(' ')
    .filter((one) => !world.app.scopes.includes(one));
  return unknown.length > 0 ? `Invalid scopes: ${unknown.join(' ')}` : null;
}

function parseGrant(request: Request): z.infer<typeof grantSchema> | null {
  if (!request.is('application/x-www-form-urlencoded')) return null;
  return grantSchema.safeParse(request.body).data ?? null;
}

function exchange(world: SimWorld, request: Request, grant: z.infer<typeof grantSchema>): SimResponse {
  const { client_id: clientId, client_secret: clientSecret } = request.body;
  if (clientId !== world.app.clientId || clientSecret !== world.app.clientSecret) {
    return refuseOauth(401, 'Invalid client credentials!', 'invalid_client');
  }
  return grant.grant_type === 'authorization_code'
    ? exchangeCode(world, grant.code)
    : exchangeRefreshToken(world, grant.refresh_token);
}

function exchangeCode(world: SimWorld, code: string): SimResponse {
  const found = world.state.codes[code];
  if (!found || found.isUsed) return refuseOauth(400, 'Invalid grant: authorization code is invalid', 'invalid_grant');
  found.isUsed = true;
  return createTokenResponse(world, found, createRefreshToken(world, found));
}

function exchangeRefreshToken(world: SimWorld, value: string): SimResponse {
  const found = world.state.refreshTokens[value];
  if (found && isInactive(world, found)) return refuseOauth(400, 'Location is not active');
  const spent = spendRefreshToken(world, value);
  if (!spent) return refuseOauth(400, 'Invalid grant: refresh token is invalid', 'invalid_grant');
  return createTokenResponse(world, spent.token, spent.successor);
}

const reconnectBody = z
  .strictObject({
    clientKey: z.string(),
    clientSecret: z.string(),
    locationId: z.string().optional(),
    companyId: z.string().optional(),
  })
  .refine((body) => (body.locationId === undefined) !== (body.companyId === undefined));

/** Issues a new code for an installation, without its user (platform.md 5.7). */
function reconnect(world: SimWorld, request: Request): SimResponse {
  const input = reconnectBody.safeParse(request.body).data;
  if (!input) return { ...refuseOauth(422, 'clientKey, clientSecret and one id are needed'), refusal: 'schema' };
  if (input.clientKey !== world.app.clientId || input.clientSecret !== world.app.clientSecret) {
    return refuseOauth(401, 'Invalid client credentials!', 'invalid_client');
  }
  const location = world.state.locations[input.locationId ?? ''];
  const subject: TokenSubject = location
    ? { kind: 'Location', resourceId: location.id, companyId: location.companyId }
    : { kind: 'Company', resourceId: input.companyId ?? '', companyId: input.companyId ?? '' };
  if (!isInstalled(world, subject) || !world.behaviour.canReconnect) return refuseOauth(400, 'The app is not installed.');
  if (isInactive(world, subject)) return refuseOauth(400, 'Location is not active');
  const authorizationCode = createCode(world, subject.kind, subject.resourceId, subject.companyId);
  const expiresAt = new Date(world.clock.now() + 10 * 60_000).toISOString();
  return { status: 200, body: { authorizationCode, expiresAt } };
}

function refuseOauth(status: number, description: string, error = 'invalid_request'): SimResponse {
  return { status, body: { error, error_description: description, message: description, statusCode: status } };
}
