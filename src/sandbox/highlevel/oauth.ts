import express, { type Request, Router } from 'express';
import * as z from 'zod';
import type { Call } from './calls.ts';
import { highLevelId, type SimLocation, type TokenKind } from './state.ts';
import type { SimWorld } from './world.ts';

const graceMs = 30_000;

const grant = z.discriminatedUnion('grant_type', [
  z.object({ grant_type: z.literal('authorization_code'), code: z.string().min(1), redirect_uri: z.string().optional() }),
  z.object({ grant_type: z.literal('refresh_token'), refresh_token: z.string().min(1) }),
]);

/** The authorization page and the token endpoint (platform.md 5.1 to 5.4). */
export function oauth(world: SimWorld, log: (call: Call) => void): Router {
  const router = Router();

  router.get(['/v2/oauth/chooselocation', '/oauth/chooselocation'], (request, response) => {
    const problem = problemOf(world, request);
    if (problem) return void response.status(400).render('sandbox/consent', { problem, locations: [], app: null, query: '' });
    response.render('sandbox/consent', {
      problem: null,
      locations: Object.values(world.state.locations),
      scopes: String(request.query.scope).split(' '),
      query: new URL(request.originalUrl, 'http://localhost').search,
    });
  });

  router.post('/v2/oauth/chooselocation', express.urlencoded({ extended: false }), (request, response) => {
    const problem = problemOf(world, request);
    const location = world.state.locations[String(request.body.locationId)];
    if (problem) return void response.status(400).send(problem);
    const back = new URL(world.app.redirectUri);
    if (request.body.decision === 'approve' && location) back.searchParams.set('code', approve(world, location));
    else back.searchParams.set('error', 'access_denied');
    if (request.query.state) back.searchParams.set('state', String(request.query.state));
    world.changed();
    response.redirect(303, back.href);
  });

  router.post('/oauth/token', express.urlencoded({ extended: false }), (request, response) => {
    const said = parsed(request);
    const operation = said ? `token:${said.grant_type}` : 'token';
    const fault = world.faults.take(operation, null);
    const record = (status: number, refusal: Call['refusal']) =>
      log({
        operation,
        method: 'POST',
        path: '/oauth/token',
        resourceId: null,
        at: world.clock.now(),
        status,
        refusal,
        body: request.body,
        said: '',
      });
    if (fault && 'hang' in fault) return record(0, 'fault');
    if (fault && 'answer' in fault) {
      record(fault.answer, 'fault');
      return void response.status(fault.answer).json(fault.body ?? {});
    }
    if (fault?.cut === 'before the work') {
      record(0, 'fault');
      return void request.socket.destroy();
    }
    const answer = said ? exchange(world, request, said) : failure(400, 'Missing parameter: grant_type');
    record(answer.status, fault ? 'fault' : said ? null : 'shape');
    world.changed();
    if (fault) return void request.socket.destroy();
    response.status(answer.status).json({ ...answer.body, traceId: highLevelId(world.random) });
  });

  return router;
}

/** What a person's consent gives: a code that works once. */
export function approve(world: SimWorld, location: SimLocation): string {
  return newCode(world, 'Location', location.id, location.companyId);
}

/** What an agency's consent gives. */
export function approveCompany(world: SimWorld, companyId: string): string {
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

function exchange(world: SimWorld, request: Request, said: z.infer<typeof grant>) {
  const { client_id: clientId, client_secret: clientSecret } = request.body;
  if (clientId !== world.app.clientId || clientSecret !== world.app.clientSecret) {
    return failure(401, 'Invalid client credentials!', 'invalid_client');
  }
  return said.grant_type === 'authorization_code' ? byCode(world, said.code) : byRefresh(world, said.refresh_token);
}

function byCode(world: SimWorld, code: string) {
  const found = world.state.codes[code];
  if (!found || found.isUsed) return failure(400, 'Invalid grant: authorization code is invalid', 'invalid_grant');
  found.isUsed = true;
  const location = world.state.locations[found.resourceId];
  if (location) location.isInstalled = true;
  return tokens(world, found, newRefreshToken(world, found));
}

function byRefresh(world: SimWorld, value: string) {
  const { state, clock } = world;
  const found = state.refreshTokens[value];
  const isGrace = found?.spentAt !== null && found?.spentAt !== undefined && clock.now() - found.spentAt <= graceMs;
  if (!found || (found.spentAt !== null && !isGrace)) {
    return failure(400, 'Invalid grant: refresh token is invalid', 'invalid_grant');
  }
  if (state.locations[found.resourceId]?.isActive === false) return failure(400, 'Location is not active');
  if (!found.successor) {
    found.spentAt = clock.now();
    found.successor = newRefreshToken(world, found);
  }
  return tokens(world, found, found.successor);
}

function newRefreshToken(world: SimWorld, of: { kind: TokenKind; resourceId: string; companyId: string }): string {
  const value = `refresh.${world.random(24).toString('base64url')}`;
  const { kind, resourceId, companyId } = of;
  world.state.refreshTokens[value] = { kind, resourceId, companyId, spentAt: null, successor: null };
  return value;
}

function tokens(world: SimWorld, of: { kind: TokenKind; resourceId: string; companyId: string }, refreshToken: string) {
  const accessToken = `access.${world.random(24).toString('base64url')}`;
  const seconds = world.behaviour.accessTokenSeconds;
  const { kind, resourceId, companyId } = of;
  world.state.accessTokens[accessToken] = {
    kind,
    resourceId,
    companyId,
    scopes: [...world.app.scopes],
    expiresAt: world.clock.now() + seconds * 1000,
  };
  return {
    status: 200,
    body: {
      access_token: accessToken,
      token_type: 'Bearer',
      expires_in: seconds,
      refresh_token: refreshToken,
      scope: world.app.scopes.join(' '),
      refreshTokenId: highLevelId(world.random),
      userType: kind,
      companyId,
      ...(kind === 'Location' ? { locationId: resourceId } : {}),
      isBulkInstallation: kind === 'Company',
      userId: 'SandboxUser000000001',
    },
  };
}

function failure(status: number, description: string, error = 'invalid_request') {
  return { status, body: { error, error_description: description, message: description, statusCode: status } };
}
