import { AppError, type ErrorCode } from '../core/errors.ts';
import { type HighLevelAnswer, messageIn } from './answer.ts';
import type { OperationName } from './operations.ts';

/**
 * Says what an error answer means and whether trying again helps. HighLevel's status codes alone do not tell (platform.md 4.1, 6.1),
 * so its words are read too.
 */
export function failureOf(operation: OperationName, answer: HighLevelAnswer): AppError {
  const said = messageIn(answer);
  const error = (code: ErrorCode, message: string) => new AppError(code, message, { details: said ? [said] : [] });

  if (/location is not active/i.test(said)) {
    return error('location_inactive', 'This location is not active at present.');
  }
  if (/no conversation provider found/i.test(said)) return tooEarly(said);
  // An email that HighLevel does not find may just not be known yet.
  if (operation === 'updateEmailStatus' && (answer.status === 404 || /not? (message )?found/i.test(said)))
    return tooEarly(said);
  switch (answer.status) {
    case 401:
      // An email thread's message has ids of its own; no token mends a wrong one.
      if (/no message found/i.test(said)) return error('highlevel_refused', 'The CRM does not know this message.');
      return error('highlevel_token_rejected', 'The CRM did not accept the access token.');
    case 403:
      // HighLevel's documentation shows this answer too for a message that it does not know yet. The other wording is definite.
      if (isStatusCall(operation) && !/conversationProvider/i.test(said)) return tooEarly(said);
      return error('highlevel_refused', 'The CRM does not allow this app to do that.');
    case 408:
      return error('highlevel_unreachable', 'The CRM did not answer in time.');
    case 429:
      return new AppError('highlevel_limit', 'The CRM takes no more requests for now; its limit is used up.', {
        retryAfterMs: answer.limits.retryAfterMs ?? answer.limits.intervalMs ?? 10_000,
      });
  }
  if (answer.status === 500 && ofMessages.has(operation)) {
    // It gives wrong ids a 500 too, where other times it would say 400 or 404.
    if (!aboutIds.test(said)) return error('highlevel_failed', 'The CRM failed at this request.');
    return isStatusCall(operation)
      ? tooEarly(said)
      : error('highlevel_refused', 'The CRM does not know what the request names.');
  }
  if (answer.status >= 500) return error('highlevel_unreachable', `The CRM answered ${answer.status}.`);
  return error('highlevel_refused', `The CRM refused the request with ${answer.status}.`);
}

/** Calls that are about one message or contact, so that their failures may be too. */
const ofMessages: ReadonlySet<OperationName> = new Set([
  'updateMessageStatus',
  'updateEmailStatus',
  'addInboundMessage',
  'uploadFile',
  'listMessages',
  'getContact',
  'upsertContact',
  'createContact',
]);
const aboutIds = /not found|(invalid|incorrect|access to the) conversationProvider/i;

function tooEarly(said: string): AppError {
  return new AppError('highlevel_too_early', 'The CRM does not know this message yet.', { details: [said] });
}

function isStatusCall(operation: OperationName): boolean {
  return operation === 'updateMessageStatus' || operation === 'updateEmailStatus';
}
