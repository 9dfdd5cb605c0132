import { createHash } from 'node:crypto';
import { fitId, maxChars } from '../core/bounds.ts';
import type { ActionRequest } from './read-request.ts';

/** Room of a key without its prefix. */
const maxKeyChars = 2 * maxChars.highlevelId;
const hourMs = 60 * 60 * 1000;

/**
 * Returns the key by which a repeated request is recognised: the request id of the user, else the ids of the step and of its execution. Without
 * either, HighLevel gives no id of an execution, so equal content within an hour is taken for a repeat (platform-2026-11.md 3.2).
 *
 * @returns the key, and the keys of earlier requests that would be the same
 */
export function toRequestKey(request: ActionRequest, action: string, nowMs: number): { key: string; earlier: string | null } {
  const requestId = request.data.find('request_id')?.trim();
  if (requestId) return { key: `request:${fitId(requestId, maxKeyChars)}`, earlier: null };
  if (request.step) return { key: `step:${request.step.statusId}/${request.step.stepId}`, earlier: null };
  const { contactId, workflowId, data } = request;
  const content = JSON.stringify([action, contactId, workflowId, data.all]);
  const hash = createHash('sha256').update(content).digest('hex');
  const hour = Math.floor(nowMs / hourMs);
  return { key: `content:${hash}:${hour}`, earlier: `content:${hash}:${hour - 1}` };
}

/** Time within which a request of equal content is a repeat. */
export const contentRepeatMs = hourMs;
