import type { HighLevelResponse } from '../../src/highlevel/response.ts';

/** Creates a response of HighLevel without rate limit headers. */
export function createHighLevelResponse(status: number, body: Record<string, unknown>): HighLevelResponse {
  const limits = { remaining: null, intervalMs: null, dailyRemaining: null, retryAfterMs: null };
  return { status, body, text: JSON.stringify(body), traceId: null, limits };
}
