import { isAppError } from '../core/errors.ts';
import type { HttpClient } from '../runtime/outbound-http.ts';
import { answerOf, type HighLevelAnswer, type LimitHeaders } from './answer.ts';
import { failureOf } from './failures.ts';
import { type OperationName, operations } from './operations.ts';

/** Hands out a location's token; installations own the tokens, so they pass this in. */
export interface Tokens {
  /** @throws AppError `installation_missing`, `location_inactive`, `reauth_required`, `highlevel_unreachable` */
  tokenFor(locationId: string): Promise<string>;
  /** A token other than the one that HighLevel has just refused. */
  replacementFor(locationId: string, refused: string): Promise<string>;
}

export interface HighLevelCall {
  operation: OperationName;
  /** Whose token is used and whose limit is spent. */
  locationId: string;
  /** Parts of the path, by name. */
  path?: Record<string, string>;
  body?: Record<string, unknown>;
}

/** Calls HighLevel for a location. Resolves with any 2xx answer. @throws AppError as `failures.ts` reads the answer */
export type HighLevel = (call: HighLevelCall) => Promise<HighLevelAnswer>;

export interface HighLevelDeps {
  http: HttpClient;
  tokens: Tokens;
  /** Told of every answer and of every silence (null). */
  onAnswer(call: HighLevelCall, answer: HighLevelAnswer | null): void | Promise<void>;
}

/** One request: token, Version header, one more try with a new token after a 401. Pacing is the caller's: it knows what can wait. */
export function highLevel(deps: HighLevelDeps): HighLevel {
  return async (call) => {
    const token = await deps.tokens.tokenFor(call.locationId);
    try {
      return await request(deps, call, token);
    } catch (error) {
      if (!isAppError(error, 'highlevel_token_rejected')) throw error;
      return request(deps, call, await deps.tokens.replacementFor(call.locationId, token));
    }
  };
}

async function request(deps: HighLevelDeps, call: HighLevelCall, token: string): Promise<HighLevelAnswer> {
  const { method, path, version } = operations[call.operation];
  const sent = deps.http.request({
    method,
    url: path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(call.path?.[name] ?? '')),
    headers: { authorization: `Bearer ${token}`, version, accept: 'application/json' },
    ...(call.body ? { data: call.body } : {}),
  });
  let answer: HighLevelAnswer;
  try {
    answer = await answerOf(sent);
  } catch (error) {
    await deps.onAnswer(call, null);
    throw error;
  }
  await deps.onAnswer(call, answer);
  if (answer.status >= 200 && answer.status < 300) return answer;
  throw Object.assign(failureOf(call.operation, answer), { answer });
}

/** The answer behind an error of {@link HighLevel}, for the record; null when none came. */
export function answerBehind(error: unknown): HighLevelAnswer | null {
  return (error as { answer?: HighLevelAnswer }).answer ?? null;
}

export type { HighLevelAnswer, LimitHeaders };
