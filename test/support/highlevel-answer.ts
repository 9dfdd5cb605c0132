import type { HighLevelAnswer } from '../../src/highlevel/answer.ts';

/** What HighLevel answers, without a word on limits. */
export function highLevelAnswer(status: number, body: Record<string, unknown>): HighLevelAnswer {
  const limits = { remaining: null, intervalMs: null, remainingToday: null, retryAfterMs: null };
  return { status, body, text: JSON.stringify(body), traceId: null, limits };
}
