import { AppError, type ErrorCode } from '../core/errors.ts';
import { type OperationName, operations } from './operations.ts';
import { extractMessage, type HighLevelResponse } from './response.ts';

/**
 * A permission that HighLevel may refuse until a person grants it, with any token: a scope, one of the app's providers, a kind of
 * token, or, where its wording says no more, an operation.
 */
export type Permission = `${'scope' | 'provider' | 'token' | 'operation'}:${string}`;

/** A failed call. */
interface FailedCall {
  readonly operation: OperationName;
  readonly providerKey?: string;
}

/** Meaning of an error response. `permission` is the refused permission, where there is one. */
export interface Failure {
  readonly error: AppError;
  readonly permission: Permission | null;
}

interface Rule {
  /** HighLevel's own code for the error; in no specification, but the most reliable mark (platform-2026-11.md 2, 4.4). */
  readonly canonicalCode?: RegExp;
  readonly pattern?: RegExp;
  readonly status?: readonly number[];
  /** Operations that the rule is limited to; all by default. */
  readonly operations?: ReadonlySet<OperationName>;
  readonly code: ErrorCode;
  readonly message: string;
  readonly permission?: (call: FailedCall) => Permission;
}

const statusCalls: ReadonlySet<OperationName> = new Set(['updateMessageStatus', 'updateEmailStatus']);
const emailStatusCalls: ReadonlySet<OperationName> = new Set(['updateEmailStatus']);
const sendCalls: ReadonlySet<OperationName> = new Set(['sendMessage']);
/** Calls about one message or contact, whose failures may be about it too. */
const messageCalls: ReadonlySet<OperationName> = new Set([
  ...statusCalls,
  'addInboundMessage',
  'addOutboundCall',
  'setCallRecordings',
  'searchConversations',
  'createConversation',
  'sendMessage',
  'uploadFile',
  'listMessages',
  'getContact',
  'upsertContact',
  'createContact',
  'updateContact',
  'findDuplicateContact',
]);

/** Returns whether a call reports the status of a message. */
export function isStatusCall(operation: OperationName): boolean {
  return statusCalls.has(operation);
}

const toScopePermission = ({ operation }: FailedCall): Permission => `scope:${operations[operation].scope}`;
const toProviderPermission = ({ operation, providerKey }: FailedCall): Permission =>
  providerKey ? `provider:${providerKey}` : `operation:${operation}`;
const tooEarly = { code: 'highlevel_too_early', message: 'The CRM does not know this message yet.' } as const;
const mismatch = {
  code: 'highlevel_provider_mismatch',
  message: 'The CRM does not accept a message of this type for this provider.',
} as const;
const doNotDisturb = { code: 'highlevel_do_not_disturb', message: 'The contact has do-not-disturb in the CRM.' } as const;

/**
 * Rules for error responses, the first match counts: by HighLevel's own code, then by its wording, then by the HTTP status, which alone is
 * ambiguous (platform.md 4.1, 6.1; platform-2026-11.md 2).
 */
const rules: readonly Rule[] = [
  {
    canonicalCode: /_PROVIDER_NO_ACCESS$/,
    code: 'highlevel_forbidden',
    message: 'The CRM says that the app has no access to this provider in this location.',
    permission: toProviderPermission,
  },
  { canonicalCode: /_CONVERSATION_PROVIDER_MISMATCH$/, ...mismatch },
  { canonicalCode: /_DND_ACTIVE_[A-Z]+$/, ...doNotDisturb },

  { pattern: /location is not active/i, code: 'location_inactive', message: 'This location is not active at present.' },
  { pattern: /no conversation provider found/i, ...tooEarly },
  { operations: sendCalls, status: [400], pattern: /\bDND is active\b/i, ...doNotDisturb },
  { pattern: /incorrect conversationProviderId\/type/i, ...mismatch },
  {
    pattern: /not authorized for this scope/i,
    code: 'highlevel_forbidden',
    message: 'The CRM says that the app was not given a scope that this needs.',
    permission: toScopePermission,
  },
  {
    pattern: /authClass type is not allowed/i,
    code: 'highlevel_forbidden',
    message: 'The CRM does not accept this kind of token here.',
    permission: ({ operation }) => `token:${operation}`,
  },
  {
    status: [401],
    pattern: /access to the conversationProvider/i,
    code: 'highlevel_forbidden',
    message: 'The CRM says that the app has no access to this provider in this location.',
    permission: toProviderPermission,
  },
  // HighLevel may not know the email yet.
  { operations: emailStatusCalls, status: [404], ...tooEarly },
  { operations: emailStatusCalls, pattern: /not? (message )?found/i, ...tooEarly },
  // A message of an email thread has ids of its own; no token repairs a wrong one.
  { status: [401], pattern: /no message found/i, code: 'highlevel_refused', message: 'The CRM does not know this message.' },
  // HighLevel also responds to wrong ids with 500 where other times it returns 400 or 404.
  {
    operations: statusCalls,
    status: [500],
    pattern: /not found|(invalid|incorrect|access to the) conversationProvider/i,
    ...tooEarly,
  },
  {
    operations: messageCalls,
    status: [500],
    pattern: /not found|(invalid|incorrect|access to the) conversationProvider/i,
    code: 'highlevel_refused',
    message: 'The CRM does not know what the request names.',
  },
  {
    operations: statusCalls,
    status: [403],
    pattern: /conversationProvider/i,
    code: 'highlevel_refused',
    message: 'The CRM does not allow this app to do that.',
  },

  { status: [401], code: 'highlevel_token_rejected', message: 'The CRM did not accept the access token.' },
  // HighLevel's documentation shows this response also for a message that it does not know yet. The other wording is definite.
  { operations: statusCalls, status: [403], ...tooEarly },
  { status: [403], code: 'highlevel_refused', message: 'The CRM does not allow this app to do that.' },
  { status: [408], code: 'highlevel_unreachable', message: 'The CRM did not respond in time.' },
  { status: [429], code: 'highlevel_limit', message: 'The CRM accepts no more requests for now; its rate limit is used up.' },
  { operations: messageCalls, status: [500], code: 'highlevel_failed', message: 'The CRM failed at this request.' },
];

/** Classifies an error response and says whether a retry helps. */
export function classifyFailure(call: FailedCall, response: HighLevelResponse): Failure {
  const highlevelMessage = extractMessage(response);
  const canonicalCode = typeof response.body.canonicalCode === 'string' ? response.body.canonicalCode : '';
  const rule = rules.find(
    ({ canonicalCode: code, pattern, status, operations: calls }) =>
      (code?.test(canonicalCode) ?? true) &&
      (pattern?.test(highlevelMessage) ?? true) &&
      (status?.includes(response.status) ?? true) &&
      (calls?.has(call.operation) ?? true),
  );
  const { code, message } = rule ?? toDefaultFailure(response.status);
  const details = [highlevelMessage, canonicalCode].filter(Boolean);
  const { retryAfterMs, intervalMs } = response.limits;
  const retry = code === 'highlevel_limit' ? { retryAfterMs: retryAfterMs ?? intervalMs ?? 10_000 } : {};
  return { error: new AppError(code, message, { details, ...retry }), permission: rule?.permission?.(call) ?? null };
}

function toDefaultFailure(status: number): { code: ErrorCode; message: string } {
  return status >= 500
    ? { code: 'highlevel_unreachable', message: `The CRM responded with ${status}.` }
    : { code: 'highlevel_refused', message: `The CRM refused the request with ${status}.` };
}
