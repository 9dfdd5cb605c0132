import type { VerifyResult } from '../channel.ts';
import { getDomain, parseMailbox } from '../mail/addresses.ts';
import { isCallable } from '../mail/public-address.ts';
import { type ApiContext, requestResend } from './api.ts';
import { classifyError, describeError } from './errors.ts';
import { type DomainRecord, readApiError, readDomains } from './records.ts';

/** Senders of this domain need no domain of one's own, and reach the account's own address alone. */
const testDomain = 'resend.dev';
const maxDomains = '100';

/** Asks Resend about a config: the API key, and the domain of the sender. A key with sending access may read no domains. */
export async function verifyConfig(context: ApiContext): Promise<VerifyResult> {
  const { config } = context.connection;
  const domain = getDomain(parseMailbox(config.from)?.address ?? '');
  const response = await requestResend(context, { path: '/domains', query: { limit: maxDomains } });
  if (response.kind === 'failed') return { kind: 'unavailable', code: 'unreachable', message: response.message };
  if (response.kind === 'ok') {
    if (!('data' in response.body)) {
      const message = 'This address does not respond as Resend’s API does.';
      return { kind: 'rejected', problems: [{ field: 'baseUrl', code: 'wrong_address', message }] };
    }
    return checkDomain(context, domain, readDomains(response.body));
  }
  if (readApiError(response.body).name === 'restricted_api_key') {
    const warning =
      'This API key has sending access only: the domain could not be checked, the webhook has to be entered in Resend, and received emails arrive without their content.';
    return { kind: 'verified', account: domain, warnings: [warning, ...listAddressWarnings(context)] };
  }
  if (classifyError(response) === 'account') {
    return {
      kind: 'rejected',
      problems: [{ field: 'apiKey', code: 'credentials', message: 'Resend does not accept this API key.' }],
    };
  }
  return { kind: 'unavailable', code: `http_${response.status}`, message: describeError(response) };
}

function checkDomain(context: ApiContext, domain: string, domains: readonly DomainRecord[]): VerifyResult {
  if (domain === testDomain) {
    const warning = 'This is Resend’s sender for tests: it reaches the address of the account’s owner only.';
    return { kind: 'verified', account: domain, warnings: [warning, ...listAddressWarnings(context)] };
  }
  const found = domains.find(({ name }) => name === domain);
  if (!found) {
    const message = `The Resend account has no domain ${domain}.`;
    return { kind: 'rejected', problems: [{ field: 'from', code: 'domain_unknown', message }] };
  }
  if (found.status !== undefined && found.status !== 'verified' && found.status !== 'partially_verified') {
    const message = `Resend has not verified ${domain} yet: its DNS records are missing or wrong.`;
    return { kind: 'rejected', problems: [{ field: 'from', code: 'domain_unverified', message }] };
  }
  return {
    kind: 'verified',
    account: domain,
    warnings: [
      ...(found.status === 'partially_verified' ? [`Some DNS records of ${domain} are not verified at Resend.`] : []),
      ...(found.receiving === 'disabled' ? [`No replies arrive until receiving is enabled for ${domain} at Resend.`] : []),
      ...listAddressWarnings(context),
    ],
  };
}

function listAddressWarnings({ connection }: ApiContext): string[] {
  const { webhookUrl, config } = connection;
  if (isCallable(webhookUrl, config.baseUrl, 'resend.com')) return [];
  const { hostname } = new URL(webhookUrl);
  return [`Resend cannot call ${hostname}: no receipts and no replies arrive until APP_URL is a public address.`];
}
