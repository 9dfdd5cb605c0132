import { AppError, isAppError } from '../core/errors.ts';
import type { HttpClient } from '../runtime/outbound-http.ts';
import { classifyFailure, type Permission } from './errors.ts';
import { type Operation, type OperationName, operations } from './operations.ts';
import { awaitResponse, type HighLevelResponse, type LimitHeaders } from './response.ts';

/** A location or a company: whose token is used, and whose limit is spent (platform.md 5.9). */
export interface TokenOwner {
  readonly kind: 'location' | 'company';
  /** HighLevel's id of it. */
  readonly resourceId: string;
}

export function toLocationOwner(locationId: string): TokenOwner {
  return { kind: 'location', resourceId: locationId };
}

export function toCompanyOwner(companyId: string): TokenOwner {
  return { kind: 'company', resourceId: companyId };
}

/** An owner's id under the name that HighLevel's bodies give it. */
export function toIdField({ kind, resourceId }: TokenOwner): { companyId: string } | { locationId: string } {
  return kind === 'company' ? { companyId: resourceId } : { locationId: resourceId };
}

/** Hands out tokens; installations own them, so they pass this in. */
export interface Tokens {
  /** @throws AppError `installation_missing`, `uninstalled`, `location_inactive`, `reauth_required`, `highlevel_unreachable` */
  getToken(owner: TokenOwner): Promise<string>;
  /**
   * A token other than the one that HighLevel has just refused; null when the refused one is fresh, so that no other would do better.
   *
   * @throws AppError as `getToken`
   */
  getReplacementToken(owner: TokenOwner, rejectedToken: string): Promise<string | null>;
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
export const maxClockSkewMs = 60_000;

/** Calls HighLevel. Resolves with any 2xx answer. @throws AppError as `errors.ts` reads the response */
export type HighLevel = (call: HighLevelCall) => Promise<HighLevelResponse>;

/** Remembers what HighLevel refuses for good, so that it is not asked again and again (`installations/permissions.ts`). */
export interface PermissionGate {
  /**
   * Lets a call pass that nothing is refused of, or that is to find out whether it still is.
   *
   * @throws AppError `highlevel_forbidden`: it is refused, and it is not time to try it again
   */
  check(call: HighLevelCall): Promise<{ isProbe: boolean }>;
  /** Keeps a refusal. @returns the error to throw, in words that say what to do */
  recordRefusal(call: HighLevelCall, permission: Permission, error: AppError): Promise<AppError>;
  /** Forgets refusals that a call has shown to be over. */
  clearRefusals(call: HighLevelCall): Promise<void>;
}

export interface HighLevelDeps {
  http: HttpClient;
  tokens: Tokens;
  permissions: PermissionGate;
  /** Told of every answer and of every silence (null). */
  onResponse(call: HighLevelCall, response: HighLevelResponse | null): void | Promise<void>;
}

/**
 * Makes the one function that calls HighLevel: token, Version header, one more try with another token after a 401. What a fresh token does
 * not mend is a permission problem and costs no further refresh. Pacing is the caller's: it knows what can wait.
 */
export function createHighLevelClient(deps: HighLevelDeps): HighLevel {
  const { tokens, permissions } = deps;

  async function callWithToken(call: HighLevelCall, isProbe: boolean): Promise<HighLevelResponse> {
    const token = await tokens.getToken(call.owner);
    try {
      return await request(deps, call, token);
    } catch (error) {
      if (!isAppError(error, 'highlevel_token_rejected')) throw error;
      // Another token has not mended it before.
      if (isProbe && !isExpiredToken(error)) throw toPermissionError(call, error);
      const replacement = await tokens.getReplacementToken(call.owner, token).catch((cause: unknown) => {
        throw Object.assign(cause as object, { response: findResponse(error) });
      });
      if (replacement === null) throw isExpiredToken(error) ? toRetryLaterError(error) : toPermissionError(call, error);
      return await request(deps, call, replacement).catch((secondError: unknown) => {
        if (!isAppError(secondError, 'highlevel_token_rejected')) throw secondError;
        throw isExpiredToken(secondError) ? toRetryLaterError(secondError) : toPermissionError(call, secondError);
      });
    }
  }

  return async (call) => {
    const { isProbe } = await permissions.check(call);
    try {
      const response = await callWithToken(call, isProbe);
      await permissions.clearRefusals(call);
      return response;
    } catch (error) {
      const permission = findPermission(error);
      if (!isAppError(error) || permission === null) throw error;
      throw Object.assign(await permissions.recordRefusal(call, permission, error), { response: findResponse(error) });
    }
  };
}

/** HighLevel's words for a token that is over or unreadable: only those does a refresh mend (platform-2026-11.md 2). */
function isExpiredToken(error: AppError): boolean {
  return error.details.some((said) => /jwt|expired/i.test(said));
}

/** A token of this very minute that is called expired: a clock is wrong, or HighLevel's parts do not agree yet. */
function toRetryLaterError(error: AppError): AppError {
  const retryLater = new AppError('highlevel_unreachable', 'The CRM does not accept a new access token yet.', {
    details: error.details,
  });
  return Object.assign(retryLater, { response: findResponse(error) });
}

/** A 401 that a fresh token has not mended, in words that we do not know. */
function toPermissionError(call: HighLevelCall, error: AppError): AppError {
  const permission: Permission = `operation:${call.operation}`;
  const forbidden = new AppError('highlevel_forbidden', 'The CRM refuses this even with a new access token.', {
    details: error.details,
  });
  return Object.assign(forbidden, { response: findResponse(error), permission });
}

function findPermission(error: unknown): Permission | null {
  return (error as { permission?: Permission | null }).permission ?? null;
}

/** Calls of which nothing but the status is needed. */
const statusOnlyOperations: ReadonlySet<OperationName> = new Set(['updateMessageStatus', 'updateEmailStatus', 'uninstall']);

async function request(deps: HighLevelDeps, call: HighLevelCall, token: string): Promise<HighLevelResponse> {
  const { method, path, version, isForm }: Operation = operations[call.operation];
  const responsePromise = deps.http.request({
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
  let response: HighLevelResponse;
  try {
    response = await awaitResponse(responsePromise);
  } catch (error) {
    await deps.onResponse(call, null);
    throw error;
  }
  await deps.onResponse(call, response);
  if (response.status >= 200 && response.status < 300) {
    if (!response.isPartial || statusOnlyOperations.has(call.operation)) return response;
    throw Object.assign(new AppError('highlevel_unreachable', 'The CRM’s response is too long to be read.'), { response });
  }
  const { error, permission } = classifyFailure(call, response);
  throw Object.assign(error, { response, permission });
}

/** The answer behind an error of {@link HighLevel}, for the record; null when none came. */
export function findResponse(error: unknown): HighLevelResponse | null {
  return (error as { response?: HighLevelResponse }).response ?? null;
}

export type { HighLevelResponse, LimitHeaders };
