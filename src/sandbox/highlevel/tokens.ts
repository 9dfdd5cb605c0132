import { createHighLevelId, type RefreshToken, type TokenKind } from './state.ts';
import type { SimWorld } from './world.ts';

/** Subject of a token. */
export interface TokenSubject {
  kind: TokenKind;
  resourceId: string;
  companyId: string;
}

/** Makes a refresh token. */
export function createRefreshToken(world: SimWorld, subject: TokenSubject): string {
  const value = `refresh.${world.random(24).toString('base64url')}`;
  const { kind, resourceId, companyId } = subject;
  const expiresAt = world.clock.now() + world.behaviour.refreshTokenSeconds * 1000;
  world.state.refreshTokens[value] = { kind, resourceId, companyId, expiresAt, usedAt: null, successor: null };
  return value;
}

/** Spends a refresh token; for a while the same one returns the same successor again (platform.md 5.4). @returns null for an invalid one */
export function spendRefreshToken(world: SimWorld, value: string): { token: RefreshToken; successor: string } | null {
  const found = world.state.refreshTokens[value];
  const now = world.clock.now();
  if (!found || (found.expiresAt ?? Number.POSITIVE_INFINITY) < now) return null;
  if (found.usedAt !== null && now - found.usedAt > world.behaviour.refreshReuseSeconds * 1000) return null;
  if (!isInstalled(world, found)) return null;
  if (!found.successor) {
    found.usedAt = now;
    found.successor = createRefreshToken(world, found);
  }
  return { token: found, successor: found.successor };
}

/** Creates the response of the token endpoints, with a new access token. */
export function createTokenResponse(world: SimWorld, subject: TokenSubject, refreshToken: string) {
  const accessToken = `access.${world.random(24).toString('base64url')}`;
  const seconds = world.behaviour.accessTokenSeconds;
  const { kind, resourceId, companyId } = subject;
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
      refreshTokenId: createHighLevelId(world.random),
      userType: kind,
      companyId,
      // An agency's response was seen to name it, as null.
      locationId: kind === 'Location' ? resourceId : null,
      isBulkInstallation: kind === 'Company',
      ...(kind === 'Company'
        ? { installToFutureLocations: world.state.companies[companyId]?.includesFutureLocations ?? false }
        : {}),
      userId: 'SandboxUser000000001',
    },
  };
}

/** Returns whether the app is installed in a token's subject. */
export function isInstalled({ state }: SimWorld, { kind, resourceId }: TokenSubject): boolean {
  return (kind === 'Company' ? state.companies[resourceId] : state.locations[resourceId])?.isInstalled ?? false;
}

/** Returns whether a location is paused, or its agency is: then no token is issued, and the old one stays valid. */
export function isInactive({ state }: SimWorld, { kind, resourceId }: TokenSubject): boolean {
  return kind === 'Location' && state.locations[resourceId]?.isActive === false;
}

/** Revokes every token of an uninstalled subject. */
export function revokeTokens({ state }: SimWorld, subject: { kind: TokenKind; resourceId: string }): void {
  const belongsToSubject = (token: TokenSubject) => token.kind === subject.kind && token.resourceId === subject.resourceId;
  for (const [value, token] of Object.entries(state.accessTokens))
    if (belongsToSubject(token)) delete state.accessTokens[value];
  for (const [value, token] of Object.entries(state.refreshTokens))
    if (belongsToSubject(token)) delete state.refreshTokens[value];
}
