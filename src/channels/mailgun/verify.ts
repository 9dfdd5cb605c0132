import type { ConfigProblem, VerifyResult } from '../channel.ts';
import { getDomain, parseMailbox } from '../mail/addresses.ts';
import { isCallable } from '../mail/public-address.ts';
import type { VendorError, VendorResponse } from '../mail/request.ts';
import { type ApiContext, requestMailgun } from './api.ts';
import { classifyError, describeError } from './errors.ts';
import { readDomain, readErrorMessage } from './records.ts';

/**
 * Asks Mailgun about a config: the API key, the state of the domain and whether it receives mail. A sending key of the domain may not read
 * the domain; then a send without content shows whether Mailgun accepts it.
 */
export async function verifyConfig(context: ApiContext): Promise<VerifyResult> {
  const { domain } = context.connection.config;
  const response = await requestMailgun(context, { path: `/v4/domains/${domain}` });
  if (response.kind === 'ok') return checkDomain(context, response.body);
  if (response.kind === 'error' && response.status === 404) return reject(createDomainProblem(domain));
  if (response.kind === 'error' && (response.status === 401 || response.status === 403)) return checkSendingKey(context);
  return toUnavailable(response);
}

function checkDomain(context: ApiContext, body: Record<string, unknown>): VerifyResult {
  const { config } = context.connection;
  const found = readDomain(body);
  if (found.state === undefined && found.name === undefined) {
    const message = 'This address does not respond as Mailgun’s API does.';
    return reject({ field: 'baseUrl', code: 'wrong_address', message });
  }
  if (found.isDisabled || found.state === 'disabled') {
    return reject({ field: 'domain', code: 'domain_disabled', message: 'Mailgun has disabled this domain.' });
  }
  if (found.state === 'unverified') {
    const message = 'Mailgun has not verified this domain yet: its DNS records are missing or wrong.';
    return reject({ field: 'domain', code: 'domain_unverified', message });
  }
  const fromDomain = getDomain(parseMailbox(config.from)?.address ?? '');
  return {
    kind: 'verified',
    account: config.domain,
    warnings: [
      ...(found.type === 'sandbox'
        ? ['This is a domain for tests: Mailgun sends to the authorized recipients of the account only.']
        : []),
      ...(found.canReceive === false ? [`No replies arrive until the MX records of ${config.domain} lead to Mailgun.`] : []),
      ...(fromDomain === config.domain
        ? []
        : [`Replies go to ${fromDomain}: they arrive here only where Mailgun receives the mail of that domain.`]),
      ...listAddressWarnings(context),
    ],
  };
}

/** Sends no email: Mailgun refuses the key before it reads the form, which lacks all of its fields. */
async function checkSendingKey(context: ApiContext): Promise<VerifyResult> {
  const { config } = context.connection;
  const response = await requestMailgun(context, { path: `/v3/${config.domain}/messages`, form: [] });
  if (response.kind === 'error') {
    const { status } = response;
    if (status === 400 && readErrorMessage(response.body) !== undefined) {
      const warning =
        'This is a sending key: the domain could not be checked, webhooks and routes have to be entered in Mailgun, and lost responses can’t be looked up.';
      return { kind: 'verified', account: config.domain, warnings: [warning, ...listAddressWarnings(context)] };
    }
    if (status === 404) return reject(createDomainProblem(config.domain));
    if (classifyError(response) === 'account') {
      const message = 'Mailgun does not accept this API key for the domain, or it belongs to the other region.';
      return reject({ field: 'apiKey', code: 'credentials', message });
    }
  }
  if (response.kind === 'ok') {
    return reject({ field: 'baseUrl', code: 'wrong_address', message: 'This address does not respond as Mailgun’s API does.' });
  }
  return toUnavailable(response);
}

function listAddressWarnings({ connection }: ApiContext): string[] {
  const { webhookUrl, config } = connection;
  if (isCallable(webhookUrl, config.baseUrl, 'mailgun.net')) return [];
  const { hostname } = new URL(webhookUrl);
  return [`Mailgun cannot call ${hostname}: no receipts and no replies arrive until APP_URL is a public address.`];
}

function createDomainProblem(domain: string): ConfigProblem {
  const message = `Mailgun knows no domain ${domain} in this region. For an account in the EU the API base URL is https://api.eu.mailgun.net.`;
  return { field: 'domain', code: 'domain_unknown', message };
}

function reject(problem: ConfigProblem): VerifyResult {
  return { kind: 'rejected', problems: [problem] };
}

function toUnavailable(response: VendorError | Extract<VendorResponse, { kind: 'failed' }>): VerifyResult {
  if (response.kind === 'failed') return { kind: 'unavailable', code: 'unreachable', message: response.message };
  const { status, body } = response;
  return { kind: 'unavailable', code: `http_${status}`, message: describeError(status, readErrorMessage(body)) };
}
