import * as z from 'zod';
import { type Endpoint, refuse, type SimResponse } from './endpoint.ts';
import { postAppEvent } from './events.ts';
import { refuseInvalid } from './messages.ts';
import type { AccessToken, SimCompany, SimLocation } from './state.ts';
import { createRefreshToken, createTokenResponse, isInactive, revokeTokens } from './tokens.ts';
import type { SimWorld } from './world.ts';

const listQuery = z.strictObject({
  companyId: z.string().min(1),
  appId: z.string().min(1),
  isInstalled: z.enum(['true', 'false']).optional(),
  skip: z.string().regex(/^\d+$/).default('0'),
  limit: z.string().regex(/^\d+$/).default('20'),
  locationId: z.string().optional(),
});
const usersQuery = z.strictObject({
  companyId: z.string().min(1),
  locationId: z.string().min(1).optional(),
  skip: z.string().regex(/^\d+$/).default('0'),
  limit: z.string().regex(/^\d+$/).default('25'),
});
const mintBody = z.strictObject({ companyId: z.string().min(1), locationId: z.string().min(1) });
const uninstallBody = z.strictObject({
  companyId: z.string().optional(),
  locationId: z.string().optional(),
  reason: z.string().min(1),
});

/** Creates the endpoints for an agency's token: its locations, their tokens, and uninstalling (platform.md 5.5, 5.8). */
export function createAgencyEndpoints(world: SimWorld): Endpoint[] {
  const version = '2021-07-28';
  return [
    {
      operation: 'listInstalledLocations',
      method: 'get',
      path: '/oauth/installedLocations',
      version,
      scope: 'oauth.readonly',
      kind: 'Company',
      handle: (request, token) => list(world, token, request.query),
    },
    {
      operation: 'mintLocationToken',
      method: 'post',
      path: '/oauth/locationToken',
      version,
      scope: 'oauth.write',
      kind: 'Company',
      contentType: 'application/x-www-form-urlencoded',
      handle: (request, token) => mintToken(world, token, request.body),
    },
    {
      operation: 'searchUsers',
      method: 'get',
      path: '/users/search',
      version,
      scope: 'users.readonly',
      kind: 'either',
      handle: (request, token) => searchUsers(world, token, request.query),
    },
    {
      operation: 'getUser',
      method: 'get',
      path: '/users/:userId',
      version,
      scope: 'users.readonly',
      kind: 'either',
      handle: (request, token) => getUser(world, token, String(request.params.userId)),
    },
    {
      operation: 'uninstall',
      method: 'delete',
      path: '/marketplace/app/:appId/installations',
      version,
      scope: 'oauth.write',
      kind: 'either',
      handle: (request, token) => uninstall(world, token, String(request.params.appId), request.body),
    },
  ];
}

function list(world: SimWorld, token: AccessToken, query: unknown): SimResponse {
  const parsed = listQuery.safeParse(query);
  if (!parsed.success) return refuseInvalid(422, parsed.error);
  const { companyId, appId, skip, limit, isInstalled, locationId } = parsed.data;
  if (companyId !== token.companyId || appId !== getAppId(world)) return refuse(403, 'Forbidden resource', 'scope');
  const own = Object.values(world.state.locations)
    .filter((location) => location.companyId === companyId)
    .filter(({ id }) => locationId === undefined || id === locationId);
  // The platform was seen to return rows of locations without the app too (platform.md 5.5).
  const rows = isInstalled === 'true' && !world.behaviour.listsUninstalled ? own.filter((one) => one.isInstalled) : own;
  const size = Math.min(Number(limit), world.behaviour.maxPageSize);
  return {
    status: 200,
    body: {
      locations: rows.slice(Number(skip), Number(skip) + size).map((location) => ({
        _id: location.id,
        name: location.name,
        address: '1 Harbour Street',
        isInstalled: location.isInstalled,
      })),
      count: own.length,
      installToFutureLocations: world.state.companies[companyId]?.includesFutureLocations ?? false,
    },
  };
}

function mintToken(world: SimWorld, token: AccessToken, body: unknown): SimResponse {
  const parsed = mintBody.safeParse(body);
  if (!parsed.success) return refuseInvalid(422, parsed.error);
  const location = world.state.locations[parsed.data.locationId];
  if (parsed.data.companyId !== token.companyId || location?.companyId !== token.companyId) {
    return refuse(403, 'Forbidden resource', 'state');
  }
  if (!location.isInstalled) return refuse(400, 'The app is not installed in this location.', 'state');
  const subject = { kind: 'Location', resourceId: location.id, companyId: location.companyId } as const;
  if (isInactive(world, subject)) return refuse(400, 'Location is not active', 'state');
  // The dated response names neither the kind nor the company.
  const {
    userType: _kind,
    companyId: _company,
    isBulkInstallation: _bulk,
    ...fields
  } = createTokenResponse(world, subject, createRefreshToken(world, subject)).body;
  return { status: 200, body: fields };
}

function getUser(world: SimWorld, token: AccessToken, id: string): SimResponse {
  const found = world.users.get(id);
  if (found?.companyId !== token.companyId) return refuse(400, 'The user id is invalid.', 'state');
  const { role, type } = found;
  return { status: 200, body: { id, name: 'Sandbox User', email: 'user@example.com', roles: { type, role, locationIds: [] } } };
}

function searchUsers(world: SimWorld, token: AccessToken, query: unknown): SimResponse {
  const parsed = usersQuery.safeParse(query);
  if (!parsed.success) return refuseInvalid(422, parsed.error);
  const { companyId, locationId, skip, limit } = parsed.data;
  if (companyId !== token.companyId) return refuse(403, 'Forbidden resource', 'scope');
  const found = [...world.users]
    .filter(([, user]) => user.companyId === companyId)
    .filter(([, user]) => locationId === undefined || user.type === 'agency' || user.activeLocation === locationId);
  const users = found.map(([id, { role, type, userName }]) => ({
    id,
    name: userName ?? 'Sandbox User',
    email: 'user@example.com',
    roles: { type, role, locationIds: [] },
  }));
  const size = Math.min(Number(limit), world.behaviour.maxPageSize);
  return { status: 200, body: { users: users.slice(Number(skip), Number(skip) + size), count: users.length } };
}

function uninstall(world: SimWorld, token: AccessToken, appId: string, body: unknown): SimResponse {
  const parsed = uninstallBody.safeParse(body);
  if (!parsed.success) return refuseInvalid(422, parsed.error);
  const own = token.kind === 'Company' ? parsed.data.companyId : parsed.data.locationId;
  if (own !== token.resourceId || appId !== getAppId(world)) return refuse(403, 'Forbidden resource', 'scope');
  if (token.kind === 'Company') uninstallCompany(world, token.resourceId);
  else uninstallLocation(world, token.resourceId);
  return { status: 200, body: { success: true } };
}

function getAppId(world: SimWorld): string {
  return world.app.clientId.split('-')[0] as string;
}

/** Uninstalls the app from a location, as a user there does. @returns resolves when its event was posted */
export function uninstallLocation(world: SimWorld, locationId: string): Promise<number> {
  const location = world.state.locations[locationId] as SimLocation;
  location.isInstalled = false;
  revokeTokens(world, { kind: 'Location', resourceId: locationId });
  return postUninstall(world, { locationId });
}

/** Uninstalls the app from an agency and all of its locations, as its owner does. */
export function uninstallCompany(world: SimWorld, companyId: string): Promise<number> {
  (world.state.companies[companyId] as SimCompany).isInstalled = false;
  revokeTokens(world, { kind: 'Company', resourceId: companyId });
  for (const location of Object.values(world.state.locations)) {
    if (location.companyId !== companyId) continue;
    location.isInstalled = false;
    revokeTokens(world, { kind: 'Location', resourceId: location.id });
  }
  return postUninstall(world, { companyId });
}

/** Posts the event as HighLevel's own example shows it: without a time and an id of its own (platform.md 5.6). */
function postUninstall(world: SimWorld, owner: { companyId: string } | { locationId: string }): Promise<number> {
  return postAppEvent(world, { type: 'UNINSTALL', ...owner, versionId: undefined, timestamp: undefined, webhookId: undefined });
}
