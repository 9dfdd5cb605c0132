import { highLevelId, type RefreshToken, type TokenKind } from './state.ts';
import type { SimWorld } from './world.ts';

/** What a token is of. */
export interface TokenSubject {
  kind: TokenKind;
  resourceId: string;
  companyId: string;
}

/** Makes a refresh token. */
export function newRefreshToken(world: SimWorld, of: TokenSubject): string {
  const value = `refresh.${world.random(24).toString('base64url')}`;
  const { kind, resourceId, companyId } = of;
  const expiresAt = world.clock.now() + world.behaviour.refreshTokenSeconds * 1000;
  world.state.refreshTokens[value] = { kind, resourceId, companyId, expiresAt, spentAt: null, successor: null };
  return value;
}

/** Spends a refresh token; for a while the same one gives the same successor again (platform.md 5.4). @returns null when it is no good */
export function spend(world: SimWorld, value: string): { of: RefreshToken; successor: string } | null {
  const found = world.state.refreshTokens[value];
  const now = world.clock.now();
  if (!found || (found.expiresAt ?? Number.POSITIVE_INFINITY) < now) return null;
  if (found.spentAt !== null && now - found.spentAt > world.behaviour.spentTokenSeconds * 1000) return null;
  if (!isInstalled(world, found)) return null;
  if (!found.successor) {
    found.spentAt = now;
    found.successor = newRefreshToken(world, found);
  }
  return { of: found, successor: found.successor };
}

/** The answer of the token endpoints, with a new access token. */
export function tokenAnswer(world: SimWorld, of: TokenSubject, refreshToken: string) {
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
      // An agency's response was seen to name it, as null.
      locationId: kind === 'Location' ? resourceId : null,
      isBulkInstallation: kind === 'Company',
      ...(kind === 'Company' ? { installToFutureLocations: world.state.companies[companyId]?.toFutureLocations ?? false } : {}),
      userId: 'SandboxUser000000001',
    },
  };
}

/** Whether the app is installed in what a token is of. */
export function isInstalled({ state }: SimWorld, { kind, resourceId }: TokenSubject): boolean {
  return (kind === 'Company' ? state.companies[resourceId] : state.locations[resourceId])?.isInstalled ?? false;
}

/** Whether a location is paused, or its agency is: then no token is given, and the old one stays good. */
export function isInactive({ state }: SimWorld, { kind, resourceId }: TokenSubject): boolean {
  return kind === 'Location' && state.locations[resourceId]?.isActive === false;
}

/** Every token of what was uninstalled stops working. */
export function revoke({ state }: SimWorld, of: { kind: TokenKind; resourceId: string }): void {
  const isOf = (token: TokenSubject) => token.kind === of.kind && token.resourceId === of.resourceId;
  for (const [value, token] of Object.entries(state.accessTokens)) if (isOf(token)) delete state.accessTokens[value];
  for (const [value, token] of Object.entries(state.refreshTokens)) if (isOf(token)) delete state.refreshTokens[value];
}
