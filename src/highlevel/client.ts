import { AppError, isAppError } from '../core/errors.ts';
import type { HttpClient } from '../runtime/outbound-http.ts';
import { answerOf, type HighLevelAnswer, type LimitHeaders } from './answer.ts';
import { classifyFailure, type Permission } from './failures.ts';
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
  /**
   * A token other than the one that HighLevel has just refused; null when the refused one is fresh, so that no other would do better.
   *
   * @throws AppError as `tokenFor`
   */
  replacementFor(owner: TokenOwner, refused: string): Promise<string | null>;
}

export interface HighLevelCall {
  operation: OperationName;
  owner: TokenOwner;
  /** The provider that it is about, by its key. */
  providerKey?: string;
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

/** Remembers what HighLevel refuses for good, so that it is not asked again and again (`installations/permissions.ts`). */
export interface PermissionGate {
  /**
   * Lets a call pass that nothing is refused of, or that is to find out whether it still is.
   *
   * @throws AppError `highlevel_forbidden`: it is refused, and it is not time to try it again
   */
  check(call: HighLevelCall): Promise<{ isProbe: boolean }>;
  /** Keeps a refusal. @returns the error to throw, in words that say what to do */
  refuse(call: HighLevelCall, permission: Permission, error: AppError): Promise<AppError>;
  /** Forgets refusals that a call has shown to be over. */
  allow(call: HighLevelCall): Promise<void>;
}

export interface HighLevelDeps {
  http: HttpClient;
  tokens: Tokens;
  permissions: PermissionGate;
  /** Told of every answer and of every silence (null). */
  onAnswer(call: HighLevelCall, answer: HighLevelAnswer | null): void | Promise<void>;
}

/**
 * Makes the one function that calls HighLevel: token, Version header, one more try with another token after a 401. What a fresh token does
 * not mend is a permission problem and costs no further refresh. Pacing is the caller's: it knows what can wait.
 */
export function highLevel(deps: HighLevelDeps): HighLevel {
  const { tokens, permissions } = deps;

  async function attempt(call: HighLevelCall, isProbe: boolean): Promise<HighLevelAnswer> {
    const token = await tokens.tokenFor(call.owner);
    try {
      return await request(deps, call, token);
    } catch (error) {
      if (!isAppError(error, 'highlevel_token_rejected')) throw error;
      // Another token has not mended it before.
      if (isProbe && !isExpiry(error)) throw asPermission(call, error);
      const other = await tokens.replacementFor(call.owner, token).catch((why: unknown) => {
        throw Object.assign(why as object, { answer: answerBehind(error) });
      });
      if (other === null) throw isExpiry(error) ? tryLater(error) : asPermission(call, error);
      return await request(deps, call, other).catch((again: unknown) => {
        if (!isAppError(again, 'highlevel_token_rejected')) throw again;
        throw isExpiry(again) ? tryLater(again) : asPermission(call, again);
      });
    }
  }

  return async (call) => {
    const { isProbe } = await permissions.check(call);
    try {
      const answer = await attempt(call, isProbe);
      await permissions.allow(call);
      return answer;
    } catch (error) {
      const permission = permissionBehind(error);
      if (!isAppError(error) || permission === null) throw error;
      throw Object.assign(await permissions.refuse(call, permission, error), { answer: answerBehind(error) });
    }
  };
}

/** HighLevel's words for a token that is over or unreadable: only those does a refresh mend (platform-2026-11.md 2). */
function isExpiry(error: AppError): boolean {
  return error.details.some((said) => /jwt|expired/i.test(said));
}

/** A token of this very minute that is called expired: a clock is wrong, or HighLevel's parts do not agree yet. */
function tryLater(error: AppError): AppError {
  const later = new AppError('highlevel_unreachable', 'The CRM does not accept a new access token yet.', {
    details: error.details,
  });
  return Object.assign(later, { answer: answerBehind(error) });
}

/** A 401 that a fresh token has not mended, in words that we do not know. */
function asPermission(call: HighLevelCall, error: AppError): AppError {
  const permission: Permission = `operation:${call.operation}`;
  const refused = new AppError('highlevel_forbidden', 'The CRM refuses this even with a new access token.', {
    details: error.details,
  });
  return Object.assign(refused, { answer: answerBehind(error), permission });
}

function permissionBehind(error: unknown): Permission | null {
  return (error as { permission?: Permission | null }).permission ?? null;
}

/** Calls of which nothing but the status is needed. */
const doneByStatus: ReadonlySet<OperationName> = new Set(['updateMessageStatus', 'updateEmailStatus', 'uninstall']);

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
  if (answer.status >= 200 && answer.status < 300) {
    if (!answer.isPartial || doneByStatus.has(call.operation)) return answer;
    throw Object.assign(new AppError('highlevel_unreachable', 'The CRM’s response is too long to be read.'), { answer });
  }
  const { error, permission } = classifyFailure(call, answer);
  throw Object.assign(error, { answer, permission });
}

/** The answer behind an error of {@link HighLevel}, for the record; null when none came. */
export function answerBehind(error: unknown): HighLevelAnswer | null {
  return (error as { answer?: HighLevelAnswer }).answer ?? null;
}

export type { HighLevelAnswer, LimitHeaders };
