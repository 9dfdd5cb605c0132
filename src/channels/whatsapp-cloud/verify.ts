import type { ConfigProblem, Sender, VerifyResult } from '../channel.ts';
import type { WhatsAppContext } from './config.ts';
import { findErrorRule } from './error-codes.ts';
import { fillFallback } from './fill-template.ts';
import { callGraph, type GraphResult } from './graph.ts';
import { createVendorError, describeGraphError } from './outcome.ts';
import { type PhoneNumber, readPhoneNumber, readPhoneNumbers } from './phone-number.ts';
import { loadTemplates } from './templates.ts';

type GraphFailure = Exclude<GraphResult, { kind: 'ok' }>;

const numberFields = 'id,display_phone_number,verified_name,quality_rating,code_verification_status,name_status,health_status';

/** Codes of a token that Meta does not accept, or that lacks a permission. */
const tokenCodes = new Set([0, 190, 102, 104, 3, 10, 131005]);

function isAboutToken(code: number): boolean {
  return tokenCodes.has(code) || (code >= 200 && code <= 299);
}

/**
 * Asks Meta whether the token, the number and the account fit together. The app secret can't be checked so: a wrong one shows at the first
 * webhook, which is then refused.
 */
export async function verifyConfig(context: WhatsAppContext): Promise<VerifyResult> {
  const { config } = context.connection;
  const number = await callGraph(context, { method: 'GET', path: config.phoneNumberId, query: { fields: numberFields } });
  if (number.kind !== 'ok') return toVerifyFailure(number, 'phoneNumberId');
  const listed = await loadNumbers(context);
  if (!Array.isArray(listed)) return toVerifyFailure(listed, 'businessAccountId');

  const { display, verifiedName, health, healthProblems, quality } = readPhoneNumber(number.body);
  const problems: ConfigProblem[] = [];
  if (!listed.some(({ id }) => id === config.phoneNumberId)) {
    const message = 'The number does not belong to this WhatsApp Business Account.';
    problems.push({ field: 'businessAccountId', code: 'other_account', message });
  }
  if (health === 'blocked') {
    const message = ['Meta does not let this number send.', ...healthProblems].join(' ');
    problems.push({ code: 'blocked', message });
  }
  // Meta pauses templates by itself: that must not hold a number whose other messages go out.
  const settingProblems = await checkFallback(context);
  if (problems.length > 0) return { kind: 'rejected', problems: [...problems, ...settingProblems] };
  const warnings = [
    ...(health === 'limited' ? [['Meta limits what this number can send.', ...healthProblems].join(' ')] : []),
    ...(quality === 'RED' ? ['Meta rates the quality of this number as low: contacts block or report it.'] : []),
  ];
  return {
    kind: 'verified',
    account: [verifiedName, display].filter(Boolean).join(', ') || config.phoneNumberId,
    ...(warnings.length > 0 ? { warnings } : {}),
    ...(settingProblems.length > 0 ? { problems: settingProblems } : {}),
  };
}

/** Checks that the fallback template exists and takes the text. An account that can't be asked is no problem of the config. */
async function checkFallback(context: WhatsAppContext): Promise<ConfigProblem[]> {
  const { outsideWindow, fallbackTemplate } = context.connection.config;
  const toProblem = (code: string, message: string) => [{ field: 'fallbackTemplate', code, message }];
  if (outsideWindow !== 'template') return [];
  if (!fallbackTemplate) return toProblem('template_missing', 'Name the template that is sent after 24 hours.');
  const { name, language, parameter } = fallbackTemplate;
  const templates = await loadTemplates(context, name);
  if (!Array.isArray(templates)) return [];
  const definition = templates.find((one) => one.name === name && one.language === language && one.isApproved);
  if (!definition) {
    return toProblem('template_not_found', `There is no approved template ${name} in the language ${language}.`);
  }
  const filled = fillFallback(definition, parameter, 'text');
  return filled.kind === 'invalid' ? toProblem(filled.code, filled.problem) : [];
}

async function loadNumbers(context: WhatsAppContext): Promise<PhoneNumber[] | GraphFailure> {
  const result = await callGraph(context, {
    method: 'GET',
    path: `${context.connection.config.businessAccountId}/phone_numbers`,
    query: { fields: 'id,display_phone_number,verified_name,quality_rating', limit: '100' },
  });
  return result.kind === 'ok' ? readPhoneNumbers(result.body) : result;
}

/** Converts a refused look-up to the field that is wrong. A refusal of any kind means that these credentials do not fit together. */
function toVerifyFailure(failure: GraphFailure, field: string): VerifyResult {
  if (failure.kind === 'no_response') return { kind: 'unavailable', code: 'unreachable', message: failure.message };
  const { status, error } = failure;
  if (!error) {
    const message = `The Graph API address responded with ${status} and without a reason.`;
    return status >= 500 || status < 400
      ? { kind: 'unavailable', code: `http_${status}`, message }
      : { kind: 'rejected', problems: [{ field: 'baseUrl', code: `http_${status}`, message }] };
  }
  const rule = findErrorRule(error, status);
  const code = String(error.code);
  const message = describeGraphError(error, rule?.advice ?? '');
  if (!rule || rule.kind === 'later' || rule.kind === 'pair_limit') return { kind: 'unavailable', code, message };
  return { kind: 'rejected', problems: [{ field: isAboutToken(error.code) ? 'accessToken' : field, code, message }] };
}

/** Lists the numbers of the account; those of other connections too. @throws AppError as {@link createVendorError} */
export async function listNumbers(context: WhatsAppContext): Promise<Sender[]> {
  const numbers = await loadNumbers(context);
  if (!Array.isArray(numbers)) throw createVendorError(numbers);
  return numbers.flatMap(({ display, verifiedName }) => {
    const digits = display?.replace(/\D/g, '');
    return digits ? [{ address: `+${digits}`, label: [verifiedName, display].filter(Boolean).join(', ') }] : [];
  });
}
