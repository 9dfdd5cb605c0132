import type { ConfigProblem, VerifyResult } from '../channel.ts';
import { type ApiContext, type ApiResponse, requestTelnyx } from './api.ts';
import { isPhoneNumber } from './config.ts';
import { classifyError, describeError } from './errors.ts';
import { findNumber, findProfile } from './numbers.ts';
import { type ProfileRecord, readBalance } from './records.ts';
import { canCallBack } from './send.ts';

/** Result of one check: problems that forbid the config, facts to know, or no response. */
interface Check {
  readonly problems?: readonly ConfigProblem[];
  readonly warnings?: readonly string[];
  readonly account?: string | undefined;
  readonly unavailable?: { code: string; message: string };
}

type Failure = Exclude<ApiResponse, { kind: 'ok' }>;

/**
 * Asks Telnyx about a config: the API key, the sender, and the messaging profile. The public key can't be checked, as no call returns it: the
 * first webhook shows it.
 */
export async function verifyConfig(context: ApiContext): Promise<VerifyResult> {
  const key = await checkKey(context);
  if (key.unavailable) return { kind: 'unavailable', ...key.unavailable };
  if (key.problems) return { kind: 'rejected', problems: key.problems };
  const sender = await checkSender(context);
  const { messagingProfileId } = context.connection.config;
  const profileId = messagingProfileId ?? sender.profileId;
  const checks: Check[] = [key, sender, await checkProfile(context, profileId), checkAddress(context)];
  const problems = checks.flatMap((check) => check.problems ?? []);
  if (problems.length > 0) return { kind: 'rejected', problems };
  const unavailable = checks.find((check) => check.unavailable)?.unavailable;
  if (unavailable) return { kind: 'unavailable', ...unavailable };
  return {
    kind: 'verified',
    account: checks.find(({ account }) => account !== undefined)?.account ?? context.connection.config.from ?? 'Telnyx',
    warnings: checks.flatMap((check) => check.warnings ?? []),
  };
}

async function checkKey(context: ApiContext): Promise<Check> {
  const response = await requestTelnyx(context, { path: '/balance' });
  if (response.kind !== 'ok') {
    // A key may be limited to messaging, and then not read the balance.
    if (response.kind === 'error' && response.error.status === 403 && response.error.code !== '10009') return {};
    return toCheck(response, 'apiKey', 'Telnyx does not accept this API key.');
  }
  const { available, currency } = readBalance(response.data);
  const isEmpty = available !== undefined && Number(available) <= 0;
  const amount = [available, currency].filter(Boolean).join(' ');
  return isEmpty
    ? { warnings: [`The Telnyx account has no funds left (${amount}): messages wait until it is topped up.`] }
    : {};
}

async function checkSender(context: ApiContext): Promise<Check & { profileId?: string | undefined }> {
  const { from, messagingProfileId } = context.connection.config;
  // Short codes and names are not listed with the numbers.
  if (!isPhoneNumber(from)) return {};
  const found = await findNumber(context, from);
  if ('problem' in found) return toOptionalCheck(found.problem);
  if (found.number === null) return toProblem('from', 'sender_unknown', 'This number does not belong to the Telnyx account.');
  const { profileId, hasSms } = found.number;
  if (!hasSms) return toProblem('from', 'sender_no_sms', 'This number cannot send SMS messages.');
  if (profileId === undefined) {
    return toProblem('from', 'sender_no_profile', 'This number has no messaging profile: assign one in Telnyx’s portal.');
  }
  if (messagingProfileId !== undefined && profileId.toLowerCase() !== messagingProfileId.toLowerCase()) {
    return toProblem('messagingProfileId', 'other_profile', 'The number belongs to another messaging profile.');
  }
  return { profileId };
}

async function checkProfile(context: ApiContext, id: string | undefined): Promise<Check> {
  if (id === undefined) return {};
  const found = await findProfile(context, id);
  if ('problem' in found) return toOptionalCheck(found.problem);
  if (found.profile === null) {
    return toProblem('messagingProfileId', 'profile_unknown', 'The Telnyx account has no such messaging profile.');
  }
  if (found.profile.isDisabled)
    return { problems: [{ code: 'profile_disabled', message: 'The messaging profile is disabled.' }] };
  return { account: found.profile.name, warnings: listProfileWarnings(found.profile) };
}

const maxListed = 10;

function listProfileWarnings({ destinations }: ProfileRecord): string[] {
  if (destinations.length === 0 || destinations.includes('*')) return [];
  const listed = destinations.slice(0, maxListed).join(', ');
  const more = destinations.length > maxListed ? ` and ${destinations.length - maxListed} more` : '';
  return [`The messaging profile sends to these countries only: ${listed}${more}.`];
}

function checkAddress({ connection }: ApiContext): Check {
  if (canCallBack(connection.webhookUrl, connection.config.baseUrl)) return {};
  const { hostname } = new URL(connection.webhookUrl);
  return { warnings: [`Telnyx cannot call ${hostname}: no receipts and no replies arrive until APP_URL is a public address.`] };
}

function toProblem(field: string, code: string, message: string): Check {
  return { problems: [{ field, code, message }] };
}

/** Converts a failed request: credentials are a problem of the config, and all else is Telnyx's. */
function toCheck(response: Failure, field: string, message: string): Check {
  if (response.kind === 'failed') return { unavailable: { code: 'unreachable', message: response.message } };
  const { error } = response;
  if (classifyError(error) !== 'account') return toUnavailable(error);
  const isKey = error.code === undefined || error.code.startsWith('10') || ['20002', '20006'].includes(error.code);
  if (isKey) return toProblem(field, 'credentials', message);
  return { problems: [{ code: 'account_inactive', message: describeError(error) ?? 'The Telnyx account is not active.' }] };
}

/** A limited key may not list senders: then sending will show. */
function toOptionalCheck(response: Failure): Check {
  if (response.kind === 'failed') return { unavailable: { code: 'unreachable', message: response.message } };
  const errorClass = classifyError(response.error);
  return errorClass === 'busy' || errorClass === 'unknown' ? toUnavailable(response.error) : {};
}

function toUnavailable(error: { status: number; code: string | undefined; message: string | undefined }): Check {
  const code = error.code ?? `http_${error.status}`;
  return { unavailable: { code, message: error.message ?? `Telnyx responded with ${error.status}.` } };
}
