import { decodeJwt, type JWTPayload } from 'jose';
import type { ConsentCheck, GrantedTokens, OAuthSignIn } from '../channel.ts';

/** Services whose consent a mailbox can use. */
export const consentProviders = ['google', 'microsoft'] as const;

export type ConsentProvider = (typeof consentProviders)[number];

/** Client that the operator has registered with a service, and the service's endpoints. */
export interface ConsentClient {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly authorizeUrl: string;
  readonly tokenUrl: string;
}

/** The operator's clients; a service without one can't be chosen. */
export type ConsentClients = { readonly [Provider in ConsentProvider]?: ConsentClient | undefined };

interface Service {
  readonly name: string;
  /** Permissions for SMTP and IMAP. */
  readonly scopes: readonly string[];
  /** Names the account, and for Microsoft asks for a refresh token. */
  readonly identityScopes: readonly string[];
  readonly parameters: Readonly<Record<string, string>>;
  /**
   * Name that the mail servers get beside the token: Microsoft's is the mailbox, which may be a shared one of which the account is a member.
   */
  readonly userName: 'account' | 'mailbox';
  /** Mail servers that may get a token: another server could read the whole mailbox with it. */
  readonly servers: RegExp;
  readonly serverNames: string;
}

const services: Readonly<Record<ConsentProvider, Service>> = {
  google: {
    name: 'Google',
    scopes: ['https://mail.google.com/'],
    identityScopes: ['openid', 'email'],
    // Google sends a refresh token only for offline access, and after the first time only where the consent is asked for again.
    parameters: { access_type: 'offline', prompt: 'consent' },
    userName: 'account',
    servers: /(?:^|\.)(?:gmail|googlemail)\.com$/,
    serverNames: 'smtp.gmail.com, imap.gmail.com',
  },
  microsoft: {
    name: 'Microsoft',
    scopes: ['https://outlook.office.com/IMAP.AccessAsUser.All', 'https://outlook.office.com/SMTP.Send'],
    identityScopes: ['openid', 'email', 'profile', 'offline_access'],
    parameters: { response_mode: 'query' },
    userName: 'mailbox',
    servers: /(?:^|\.)(?:office365\.com|outlook\.com|office365\.us|outlook\.cn)$/,
    serverNames: 'smtp.office365.com, smtp-mail.outlook.com, outlook.office365.com',
  },
};

/** Returns whether a mail server belongs to a service. */
export function isServerOf(provider: ConsentProvider, host: string): boolean {
  return services[provider].servers.test(host);
}

/** Returns the name that a service's mail servers know a mailbox by. */
export function toServerUserName(provider: ConsentProvider, names: { account: string; mailbox: string }): string {
  return names[services[provider].userName];
}

/** Lists the servers of a service, for an error. */
export function formatServersOf(provider: ConsentProvider): string {
  return services[provider].serverNames;
}

/** Creates the sign-in with a consent of the mailbox's owner. @param account address that has to sign in */
export function createConsent(provider: ConsentProvider, client: ConsentClient, account: string): OAuthSignIn {
  const { name, scopes, identityScopes, parameters } = services[provider];
  return {
    service: name,
    tokenUrl: client.tokenUrl,
    clientId: client.clientId,
    clientSecret: client.clientSecret,
    scope: [...identityScopes, ...scopes].join(' '),
    consent: {
      authorizeUrl: client.authorizeUrl,
      account,
      parameters: { ...parameters, login_hint: account },
      check: (granted) => checkGrant(scopes, client.clientId, account, granted),
    },
  };
}

function checkGrant(
  scopes: readonly string[],
  clientId: string,
  account: string,
  { scope, idToken }: GrantedTokens,
): ConsentCheck {
  // People can leave out permissions on the page of the service.
  const granted = scope === null ? null : new Set(scope.split(/\s+/).map(toShortScope));
  const missing = granted === null ? [] : scopes.filter((one) => !granted.has(toShortScope(one)));
  const addresses = listAddresses(idToken, clientId);
  const [first] = addresses;
  if (first === undefined) return { kind: 'account_unknown' };
  const own = addresses.find((address) => toMailbox(address) === toMailbox(account));
  if (own === undefined) return { kind: 'wrong_account', account: first };
  return missing.length > 0 ? { kind: 'scope_missing', scopes: missing } : { kind: 'granted', account: own };
}

/** Microsoft names its scopes with and without their resource, in varying case. */
function toShortScope(scope: string): string {
  return scope.toLowerCase().replace(/^https:\/\/outlook\.office(?:365)?\.com\//, '');
}

/** Lists the addresses of the account in an id token: Microsoft's name to sign in with may differ from the mailbox's address. */
function listAddresses(idToken: string | null, clientId: string): string[] {
  const claims = idToken === null ? null : decodeOrNull(idToken);
  if (!claims || ![claims.aud].flat().includes(clientId) || claims.email_verified === false) return [];
  return [claims.email, claims.preferred_username].filter((name) => typeof name === 'string' && name.includes('@')) as string[];
}

function decodeOrNull(idToken: string): JWTPayload | null {
  try {
    return decodeJwt(idToken);
  } catch {
    return null;
  }
}

/** Normalizes an address: Gmail ignores dots, and has two domains. */
function toMailbox(address: string): string {
  const [, local = '', domain = ''] = /^(.*)@([^@]*)$/.exec(address.trim().toLowerCase()) ?? [];
  return domain === 'gmail.com' || domain === 'googlemail.com'
    ? `${local.replaceAll('.', '')}@gmail.com`
    : `${local}@${domain}`;
}
