import type { RandomSource } from '../../../core/ids.ts';

/** Client that is registered with a service, as an operator does. */
export interface SimClient {
  readonly clientId: string;
  clientSecret: string;
  /** Compared as a whole. */
  readonly redirectUris: readonly string[];
}

/** Authorization that a person gave and that a code stands for. */
export interface SimCode {
  readonly clientId: string;
  readonly redirectUri: string;
  readonly challenge: string;
  readonly scopes: readonly string[];
  readonly account: string;
  readonly isOffline: boolean;
  readonly expiresAt: number;
  isUsed: boolean;
}

/** Refresh token. Those of one authorization end together. */
export interface SimRefreshToken {
  readonly code: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
  readonly account: string;
  isReplaced: boolean;
  isRevoked: boolean;
}

export interface SimAccessToken {
  readonly code: string;
  readonly account: string;
  readonly scopes: readonly string[];
  readonly expiresAt: number;
}

/** State of one service. */
export interface SignInState {
  readonly clients: SimClient[];
  readonly codes: Map<string, SimCode>;
  readonly refreshTokens: Map<string, SimRefreshToken>;
  readonly accessTokens: Map<string, SimAccessToken>;
  /** Accounts that have consented before, by client. */
  readonly consents: Set<string>;
}

/** Creates a state without accounts. */
export function createSignInState(clients: SimClient[]): SignInState {
  return { clients, codes: new Map(), refreshTokens: new Map(), accessTokens: new Map(), consents: new Set() };
}

/** Creates a token that a client can't read. */
export function createToken(random: RandomSource, prefix: string): string {
  return `${prefix}.${random(24).toString('base64url')}`;
}

/** Ends all tokens of an authorization. */
export function revokeCode(state: SignInState, code: string): void {
  for (const token of state.refreshTokens.values()) if (token.code === code) token.isRevoked = true;
  for (const [name, token] of state.accessTokens) if (token.code === code) state.accessTokens.delete(name);
}
