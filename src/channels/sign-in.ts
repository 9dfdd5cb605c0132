import type { Pairing } from './pairing.ts';

/**
 * Sign-in with OAuth 2 that a connection's config asks for. The program gets the consent, keeps the tokens and renews them; the channel uses
 * access tokens.
 */
export interface OAuthSignIn {
  /** Name of the service for people, such as Google. */
  readonly service: string;
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret?: string | undefined;
  /** Permissions that are requested, separated by spaces. */
  readonly scope?: string | undefined;
  /** Refresh token of the config: then no consent is needed. */
  readonly refreshToken?: string | undefined;
  readonly consent?: OAuthConsent | undefined;
  /** Servers that access tokens are sent to and that are not the service's own: consents are for these alone. */
  readonly audience?: readonly string[] | undefined;
}

/** Consent of an account's owner on a page of the service (authorization code with PKCE). */
export interface OAuthConsent {
  readonly authorizeUrl: string;
  /** Account that has to sign in. */
  readonly account: string;
  /** Further parameters of the authorization request. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Checks what the service granted. @returns the account, or the reason for which the grant is of no use */
  check(granted: GrantedTokens): ConsentCheck;
}

export interface GrantedTokens {
  /** Null where the service grants what was requested. */
  readonly scope: string | null;
  /** It comes from the token endpoint over TLS, so its signature need not be checked (OpenID Connect Core 3.1.3.7). */
  readonly idToken: string | null;
}

export type ConsentCheck =
  | { readonly kind: 'granted'; readonly account: string }
  | { readonly kind: 'account_unknown' }
  | { readonly kind: 'wrong_account'; readonly account: string }
  | { readonly kind: 'scope_missing'; readonly scopes: readonly string[] };

/** Access to the tokens of one connection's sign-in. */
export interface SignInAccess {
  /**
   * Returns an access token that is valid for some minutes. Concurrent callers in all processes share one renewal.
   *
   * @param refused a token that the vendor has just refused: another one is returned
   * @returns `consent_required` before the consent, `refused` where a person has to act, `unavailable` where a later call may succeed
   */
  getAccessToken(refused?: string): Promise<AccessTokenResult>;
  /** Returns the address at which the account's owner consents, unless that is done. */
  getPairing(): Promise<Pairing>;
}

export type AccessTokenResult =
  | { readonly kind: 'token'; readonly accessToken: string }
  | { readonly kind: 'refused' | 'unavailable' | 'consent_required'; readonly code: string; readonly message: string };
