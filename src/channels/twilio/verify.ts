import type { ConfigProblem, VerifyResult } from '../channel.ts';
import { type ApiContext, type ApiResponse, requestTwilio, toAccountPath } from './api.ts';
import { isPhoneNumber, isWhatsApp } from './config.ts';
import { classifyError } from './errors.ts';
import { findChannelSender, findNumber } from './numbers.ts';
import { readAccount, readService } from './records.ts';
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
 * Asks Twilio about a config: the Auth Token, which also signs the webhooks, an API key, the state of the account, and whether the sender and
 * the Messaging Service are the account's. A check that Twilio does not let these credentials make is left out.
 */
export async function verifyConfig(context: ApiContext): Promise<VerifyResult> {
  const account = await checkAccount(context);
  if (account.unavailable) return { kind: 'unavailable', ...account.unavailable };
  if (account.problems) return { kind: 'rejected', problems: account.problems };
  const checks = [
    account,
    await checkApiKey(context),
    await checkSender(context),
    await checkService(context),
    checkAddress(context),
  ];
  const problems = checks.flatMap((check) => check.problems ?? []);
  if (problems.length > 0) return { kind: 'rejected', problems };
  const unavailable = checks.find((check) => check.unavailable)?.unavailable;
  if (unavailable) return { kind: 'unavailable', ...unavailable };
  return {
    kind: 'verified',
    account: account.account ?? context.connection.config.accountSid,
    warnings: checks.flatMap((check) => check.warnings ?? []),
  };
}

/** Reads the account with the Auth Token: API keys may not, and a wrong token would refuse every webhook. */
async function checkAccount(context: ApiContext): Promise<Check> {
  const { config } = context.connection;
  const credentials = { username: config.accountSid, password: config.authToken };
  const response = await requestTwilio(context, { path: toAccountPath(config, '.json'), credentials });
  if (response.kind !== 'ok') {
    if (response.kind === 'error' && response.error.code === '20008') {
      return {
        warnings: ['These are test credentials of Twilio: no message reaches a phone, and there are no status callbacks.'],
      };
    }
    const isUnknown = response.kind === 'error' && response.error.status === 404;
    return isUnknown
      ? { problems: [toProblem('accountSid', 'account_unknown', 'Twilio knows no account with this SID.')] }
      : toCheck(response, 'authToken', 'Twilio does not accept the Auth Token for this Account SID.');
  }
  const account = readAccount(response.body);
  if (account.status === 'suspended' || account.status === 'closed') {
    return { problems: [{ code: `account_${account.status}`, message: `The Twilio account is ${account.status}.` }] };
  }
  const isTrial = account.type === 'trial';
  return {
    account: account.name,
    warnings: isTrial ? ['This is a trial account: it sends to verified numbers only, and adds a text to each message.'] : [],
  };
}

async function checkApiKey(context: ApiContext): Promise<Check> {
  const { config } = context.connection;
  if (config.apiKeySid === undefined) return {};
  const path = toAccountPath(config, '/IncomingPhoneNumbers.json');
  const response = await requestTwilio(context, { path, query: { PageSize: '1' } });
  return response.kind === 'ok' ? {} : toCheck(response, 'apiKeySecret', 'Twilio does not accept the API key.');
}

async function checkSender(context: ApiContext): Promise<Check> {
  const { from } = context.connection.config;
  if (isWhatsApp(from)) return checkWhatsAppSender(context, from as string);
  // Short codes and names are not listed with the numbers.
  if (!isPhoneNumber(from)) return {};
  const found = await findNumber(context, from);
  if ('problem' in found) return toOptionalCheck(found.problem);
  if (found.number === null) {
    return { problems: [toProblem('from', 'sender_unknown', 'This number does not belong to the Twilio account.')] };
  }
  return found.number.hasSms ? {} : { problems: [toProblem('from', 'sender_no_sms', 'This number cannot send SMS messages.')] };
}

/** Number of Twilio's WhatsApp sandbox, which is no sender of the account. */
const whatsAppSandbox = 'whatsapp:+14155238886';

async function checkWhatsAppSender(context: ApiContext, from: string): Promise<Check> {
  if (from === whatsAppSandbox) {
    return { warnings: ['This is Twilio’s WhatsApp sandbox: only contacts who have joined it receive messages.'] };
  }
  const found = await findChannelSender(context, from);
  if ('problem' in found) return toOptionalCheck(found.problem);
  if (found.sender === null) return { warnings: [`Twilio does not list ${from} among the WhatsApp senders of this account.`] };
  const { status } = found.sender;
  return status === 'online' || status === undefined ? {} : { warnings: [`Twilio reports this WhatsApp sender as ${status}.`] };
}

async function checkService(context: ApiContext): Promise<Check> {
  const { messagingServiceSid } = context.connection.config;
  if (messagingServiceSid === undefined) return {};
  const response = await requestTwilio(context, { path: `/v1/Services/${messagingServiceSid}`, isMessaging: true });
  if (response.kind === 'ok') {
    const { sid } = readService(response.body);
    if (sid === undefined || sid === messagingServiceSid) return {};
  }
  if (response.kind === 'error' && response.error.status === 404) {
    const message = 'The Twilio account has no such Messaging Service.';
    return { problems: [toProblem('messagingServiceSid', 'service_unknown', message)] };
  }
  return response.kind === 'ok' ? {} : toOptionalCheck(response);
}

function checkAddress({ connection }: ApiContext): Check {
  if (canCallBack(connection.webhookUrl, connection.config.baseUrl)) return {};
  const { hostname } = new URL(connection.webhookUrl);
  return { warnings: [`Twilio cannot call ${hostname}: no receipts and no replies arrive until APP_URL is a public address.`] };
}

function toProblem(field: string, code: string, message: string): ConfigProblem {
  return { field, code, message };
}

/** Converts a failed request: credentials are a problem of the config, and all else is Twilio's. */
function toCheck(response: Failure, field: string, message: string): Check {
  if (response.kind === 'failed') return { unavailable: { code: 'unreachable', message: response.message } };
  const { error } = response;
  const code = error.code ?? `http_${error.status}`;
  if (error.code === '20005')
    return { problems: [{ code: 'account_suspended', message: 'The Twilio account is not active.' }] };
  if (classifyError(error) === 'account') return { problems: [toProblem(field, 'credentials', message)] };
  return { unavailable: { code, message: error.message ?? `Twilio responded with ${error.status}.` } };
}

/** A restricted API key or test credentials may not list senders: then sending will show. */
function toOptionalCheck(response: Failure): Check {
  if (response.kind === 'failed') return { unavailable: { code: 'unreachable', message: response.message } };
  const errorClass = classifyError(response.error);
  if (errorClass !== 'busy' && errorClass !== 'unknown') return {};
  const code = response.error.code ?? `http_${response.error.status}`;
  return { unavailable: { code, message: response.error.message ?? `Twilio responded with ${response.error.status}.` } };
}
