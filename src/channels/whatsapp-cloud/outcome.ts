import { AppError } from '../../core/errors.ts';
import { truncate } from '../../core/sanitize.ts';
import type { SendOutcome } from '../channel.ts';
import { type ErrorRule, findErrorRule } from './error-codes.ts';
import type { GraphResult } from './graph.ts';
import type { GraphError } from './graph-error.ts';

/** Code of a message that WhatsApp accepts as a template alone. */
export const windowClosedCode = 'window_closed';

/** Failure of a request, before it is known which parts were sent. */
export type Failure = Exclude<SendOutcome, { kind: 'accepted' | 'delivered' }>;

/** Describes an error: Meta's words, then what a person can do. */
export function describeGraphError(error: GraphError, advice: string): string {
  return truncate(`${error.text || 'WhatsApp gave no reason'} (${error.code}). ${advice}`);
}

/** Converts a failed request to an outcome. @param getPairDelayMs wait after too many messages to one contact */
export function toFailure(result: Exclude<GraphResult, { kind: 'ok' }>, getPairDelayMs: () => number): Failure {
  if (result.kind === 'no_response') {
    return result.sent === 'no'
      ? { kind: 'unavailable', code: 'unreachable', message: result.message }
      : { kind: 'unknown', code: 'no_response', message: result.message };
  }
  return { ...toOutcome(result, getPairDelayMs), response: result.log };
}

function toOutcome({ status, error }: Extract<GraphResult, { kind: 'error' }>, getPairDelayMs: () => number): Failure {
  if (!error) return toOutcomeWithoutError(status);
  const rule = findErrorRule(error, status);
  const code = String(error.code);
  if (!rule) return { kind: 'unknown', code, message: describeGraphError(error, 'Meta’s servers failed.') };
  const message = describeGraphError(error, rule.advice);
  switch (rule.kind) {
    case 'account':
      return { kind: 'connection_error', code, message };
    case 'later':
      return { kind: 'unavailable', code, message, ...toPause(rule) };
    case 'pair_limit':
      return { kind: 'unavailable', code, message, retryAfterMs: getPairDelayMs() };
    case 'window_closed':
      return { kind: 'rejected', code: windowClosedCode, message, isAuthoritative: true };
    case 'opted_out':
      return { kind: 'rejected', code, message, isAuthoritative: true, optedOut: 'marketing' };
    default:
      return { kind: 'rejected', code, message, isAuthoritative: true };
  }
}

/** A limit of the number, the account or the app refuses the connection's other messages as well. */
function toPause({ retryAfterMs }: Extract<ErrorRule, { kind: 'later' }>) {
  return retryAfterMs === undefined ? {} : { retryAfterMs, isConnectionWide: true };
}

/** Meta puts an error into each of its refusals, so a 4xx without one is from a proxy on the way, and no refusal. */
function toOutcomeWithoutError(status: number): Failure {
  const code = `http_${status}`;
  if (status >= 500) {
    return { kind: 'unknown', code, message: `WhatsApp responded with ${status} and without a reason.` };
  }
  if (status < 300) return { kind: 'unknown', code: 'no_message_id', message: 'WhatsApp’s response has no message id.' };
  return {
    kind: 'unavailable',
    code,
    message: `A server before WhatsApp responded with ${status}. Check the Graph API address.`,
  };
}

/** Creates the error of a failed request of a person: `connection_rejected` by Meta, or `vendor_unavailable`. */
export function createVendorError(result: Exclude<GraphResult, { kind: 'ok' }>): AppError {
  const { kind, message } = toFailure(result, () => 0);
  const isRefused = kind === 'connection_error' || kind === 'rejected';
  return new AppError(isRefused ? 'connection_rejected' : 'vendor_unavailable', message);
}

/** Creates a rejection by this program: the request was not made. */
export function createRejection(code: string, message: string): Failure & { kind: 'rejected' } {
  return { kind: 'rejected', code, message };
}

const maxPairs = 1_000;
const maxPairDelayMs = 4 ** 6 * 1_000;

export type PairBackoff = ReturnType<typeof createPairBackoff>;

/**
 * Creates the waits after too many messages to one contact: 4^X seconds, where X counts the refusals since the last accepted message, as
 * Meta asks. Kept in memory: a restart begins again with one second.
 */
export function createPairBackoff() {
  const refusals = new Map<string, number>();
  return {
    nextDelayMs(pair: string): number {
      const count = refusals.get(pair) ?? 0;
      refusals.delete(pair);
      refusals.set(pair, count + 1);
      const [oldest] = refusals.keys();
      if (refusals.size > maxPairs && oldest !== undefined) refusals.delete(oldest);
      return Math.min(4 ** count * 1_000, maxPairDelayMs);
    },
    reset(pair: string): void {
      refusals.delete(pair);
    },
  };
}
