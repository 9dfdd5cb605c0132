import type { ConsentClients } from '../channels/email/consent.ts';

interface ConsentSettings {
  readonly GOOGLE_CLIENT_ID?: string | undefined;
  readonly GOOGLE_CLIENT_SECRET?: string | undefined;
  readonly GOOGLE_ACCOUNTS_URL: string;
  readonly GOOGLE_OAUTH_URL: string;
  readonly MICROSOFT_CLIENT_ID?: string | undefined;
  readonly MICROSOFT_CLIENT_SECRET?: string | undefined;
  readonly MICROSOFT_TENANT: string;
  readonly MICROSOFT_LOGIN_URL: string;
}

/** Builds the operator's clients. `findMissing` has checked that an id and its secret are given together. */
export function toConsentClients(read: ConsentSettings): ConsentClients {
  const { GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET, MICROSOFT_CLIENT_ID, MICROSOFT_CLIENT_SECRET } = read;
  const microsoftUrl = `${read.MICROSOFT_LOGIN_URL}/${read.MICROSOFT_TENANT}/oauth2/v2.0`;
  return {
    google:
      GOOGLE_CLIENT_ID && GOOGLE_CLIENT_SECRET
        ? {
            clientId: GOOGLE_CLIENT_ID,
            clientSecret: GOOGLE_CLIENT_SECRET,
            authorizeUrl: `${read.GOOGLE_ACCOUNTS_URL}/o/oauth2/v2/auth`,
            tokenUrl: `${read.GOOGLE_OAUTH_URL}/token`,
          }
        : undefined,
    microsoft:
      MICROSOFT_CLIENT_ID && MICROSOFT_CLIENT_SECRET
        ? {
            clientId: MICROSOFT_CLIENT_ID,
            clientSecret: MICROSOFT_CLIENT_SECRET,
            authorizeUrl: `${microsoftUrl}/authorize`,
            tokenUrl: `${microsoftUrl}/token`,
          }
        : undefined,
  };
}
