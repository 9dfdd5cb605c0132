import { isAppError } from '../../core/errors.ts';
import { truncate } from '../../core/sanitize.ts';

/** Error of a mail server or of the connection to it, of either library. */
export interface ServerError {
  readonly code?: string | undefined;
  readonly message: string;
  /** Reply of an SMTP server. */
  readonly response?: string | undefined;
  readonly responseCode?: number | undefined;
  readonly command?: string | undefined;
  readonly recipient?: string | undefined;
  readonly rejectedErrors?: readonly ServerError[] | undefined;
  /** An IMAP server refused the login. */
  readonly authenticationFailed?: boolean | undefined;
  /** Tagged response of an IMAP server: `NO` or `BAD`. */
  readonly responseStatus?: string | undefined;
  readonly serverResponseCode?: string | undefined;
  readonly responseText?: string | undefined;
}

/** Converts what was thrown. */
export function toServerError(error: unknown): ServerError {
  return error instanceof Error ? (error as Error & ServerError) : { message: String(error) };
}

/** Removes secrets from the text of a server, which may repeat what was sent to it. */
export function redactText(text: string, secrets: readonly string[]): string {
  const forms = secrets.flatMap((secret) => [secret, Buffer.from(secret).toString('base64')]);
  return truncate(forms.filter((form) => form.length > 3).reduce((rest, form) => rest.replaceAll(form, '[redacted]'), text));
}

/** Describes a connection that failed, in words for a person. */
export function describeConnectionFailure(error: unknown): string {
  if (isAppError(error)) return error.message.replace(/\.$/, '');
  const { code = '', message } = toServerError(error);
  switch (code) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EDNS':
      return 'the host name was not found';
    case 'ECONNREFUSED':
      return 'the connection was refused';
    case 'ETIMEDOUT':
    case 'CONNECT_TIMEOUT':
    case 'GREETING_TIMEOUT':
      return 'no response in time';
    case 'ABORT_ERR':
      return 'stopped';
    case 'EREQUIRETLS':
      return 'the server offers no STARTTLS';
    case 'EPROTO':
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
      return 'the server does not begin with TLS at this port: with 587 or 143, choose STARTTLS';
    default:
      return certificateCodes.has(code)
        ? `the certificate of the server is not valid (${code})`
        : `the connection failed (${code || truncate(message, 100)})`;
  }
}

/** Returns the setting of a server that a failed connection suggests: its encryption, or its name. */
export function findFailedSetting(error: unknown): 'host' | 'security' {
  const { code = '' } = toServerError(error);
  return certificateCodes.has(code) || encryptionCodes.has(code) ? 'security' : 'host';
}

const encryptionCodes = new Set([
  'EREQUIRETLS',
  'ETLS',
  'EPROTO',
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_PACKET_LENGTH_TOO_LONG',
]);

const certificateCodes = new Set([
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);
