import { isAppError } from '../core/errors.ts';
import type { HttpClient } from '../runtime/outbound-http.ts';
import { answerOf, type HighLevelAnswer, type LimitHeaders } from './answer.ts';
import { failureOf } from './failures.ts';
import { type Operation, type OperationName, operations } from './operations.ts';

/** A location or a company: whose token is used, and whose limit is spent (platform.md 5.9). */
export interface TokenOwner {
  readonly kind: 'location' | 'company';
  /** HighLevel's id of it. */
  readonly resourceId: string;
}

export function location(locationId: string): TokenOwner {
  return { kind: 'location', resourceId: locationId };
}

export function company(companyId: string): TokenOwner {
  return { kind: 'company', resourceId: companyId };
}

/** An owner's id under the name that HighLevel's bodies give it. */
export function idField({ kind, resourceId }: TokenOwner): { companyId: string } | { locationId: string } {
  return kind === 'company' ? { companyId: resourceId } : { locationId: resourceId };
}

/** Hands out tokens; installations own them, so they pass this in. */
export interface Tokens {
  /** @throws AppError `installation_missing`, `uninstalled`, `location_inactive`, `reauth_required`, `highlevel_unreachable` */
  tokenFor(owner: TokenOwner): Promise<string>;
  /** A token other than the one that HighLevel has just refused. */
  replacementFor(owner: TokenOwner, refused: string): Promise<string>;
}

export interface HighLevelCall {
  operation: OperationName;
  owner: TokenOwner;
  /** Parts of the path, by name. */
  path?: Record<string, string>;
  query?: Record<string, string>;
  body?: Record<string, unknown>;
  /** Instead of a body: fields and files. */
  form?: FormData;
}

/** How far HighLevel's clock may be behind ours. */
export const clocksDifferMs = 60_000;

/** Calls HighLevel. Resolves with any 2xx answer. @throws AppError as `failures.ts` reads the answer */
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
    const token = await deps.tokens.tokenFor(call.owner);
    try {
      return await request(deps, call, token);
    } catch (error) {
      if (!isAppError(error, 'highlevel_token_rejected')) throw error;
      return request(deps, call, await deps.tokens.replacementFor(call.owner, token));
    }
  };
}

async function request(deps: HighLevelDeps, call: HighLevelCall, token: string): Promise<HighLevelAnswer> {
  const { method, path, version, isForm }: Operation = operations[call.operation];
  const sent = deps.http.request({
    method,
    url: path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(call.path?.[name] ?? '')),
    headers: {
      authorization: `Bearer ${token}`,
      version,
      accept: 'application/json',
      ...(isForm ? { 'content-type': 'application/x-www-form-urlencoded' } : {}),
    },
    ...(call.query ? { params: call.query } : {}),
    // axios writes the body as its type says: a form or JSON.
    ...(call.body || call.form ? { data: call.body ?? call.form } : {}),
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
