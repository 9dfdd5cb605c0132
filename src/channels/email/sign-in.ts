import type { AccessTokenResult, OAuthSignIn } from '../channel.ts';
import { type EmailConfig, type EmailContext, getOwnAddress } from './config.ts';
import { type ConsentClients, createConsent, isServerOf, toServerUserName } from './consent.ts';
import type { Refusal } from './smtp-replies.ts';

/** Describes the sign-in with OAuth 2 that a config asks for. @returns null for passwords, and where the operator has not set up the consent */
export function toSignIn(clients: ConsentClients, config: EmailConfig): OAuthSignIn | null {
  const { oauth } = config;
  if (!oauth) return null;
  if (oauth.provider) {
    const client = clients[oauth.provider];
    if (!client) return null;
    return { ...createConsent(oauth.provider, client, oauth.user ?? getOwnAddress(config)), audience: listAudience(config) };
  }
  const { tokenUrl, clientId, clientSecret, refreshToken, scope } = oauth;
  // The schema demands them where there is no provider.
  if (tokenUrl === undefined || clientId === undefined || refreshToken === undefined) return null;
  return { service: new URL(tokenUrl).hostname, tokenUrl, clientId, clientSecret, refreshToken, scope };
}

/** Lists the servers of a config that are not of the service that it signs in to: those of the own network, where they are allowed. */
function listAudience({ smtp, imap, oauth }: EmailConfig): string[] {
  return [smtp, imap].flatMap((server) => {
    if (!server || !oauth?.provider || isServerOf(oauth.provider, server.host)) return [];
    return `${server.host}:${server.port}/${server.security}`;
  });
}

/** Returns the name that a mailbox's servers know its user by. @param server IMAP may have a user name of its own */
export function getUserName(config: EmailConfig, server: { username?: string | undefined } = config.smtp): string {
  const { oauth, smtp } = config;
  const mailbox = getOwnAddress(config);
  if (oauth?.provider) return toServerUserName(oauth.provider, { account: oauth.user ?? mailbox, mailbox });
  return oauth?.user ?? server.username ?? smtp.username ?? mailbox;
}

/** Gets an access token for a connection. @returns null where it signs in with a password */
export async function getToken(
  { connection, signIn }: Pick<EmailContext, 'connection' | 'signIn'>,
  refused?: string,
): Promise<AccessTokenResult | null> {
  return connection.config.oauth ? signIn.getAccessToken(refused) : null;
}

/** Converts a token that could not be got to a failure: of the account where a person has to sign in again, else until later. */
export function toTokenFailure(token: Exclude<AccessTokenResult, { kind: 'token' }> | null): Refusal {
  const { kind, code, message } = token ?? { kind: 'refused', code: 'oauth_refused', message: 'There is no sign-in.' };
  return { class: kind === 'refused' ? 'account' : 'later', code, message };
}
