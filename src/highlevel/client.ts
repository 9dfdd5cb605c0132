import { AppError, isAppError } from '../core/errors.ts';
import type { HttpClient } from '../runtime/outbound-http.ts';
import { classifyFailure, type Permission } from './errors.ts';
import { type Operation, type OperationName, operations } from './operations.ts';
import { awaitResponse, type HighLevelResponse, type LimitHeaders } from './response.ts';

/** A location or a company: the call uses its token and its rate limit (platform.md 5.9). */
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

/** Returns an owner's id under the name that HighLevel's bodies give it. */
export function toIdField({ kind, resourceId }: TokenOwner): { companyId: string } | { locationId: string } {
  return kind === 'company' ? { companyId: resourceId } : { locationId: resourceId };
}

/** Source of tokens; installations own them, so they pass this in. */
export interface Tokens {
  /** @throws AppError `installation_missing`, `uninstalled`, `location_inactive`, `reauth_required`, `highlevel_unreachable` */
  getToken(owner: TokenOwner): Promise<string>;
  /**
   * Gets a token other than the one that HighLevel has just rejected; null when the rejected one is fresh, so that another would fare no
   * better.
   *
   * @throws AppError as `getToken`
   */
  getReplacementToken(owner: TokenOwner, rejectedToken: string): Promise<string | null>;
}

export interface HighLevelCall {
  operation: OperationName;
  owner: TokenOwner;
  /** Key of the provider that the call is about. */
  providerKey?: string;
  /** Parts of the path, by name. */
  path?: Record<string, string>;
  query?: Record<string, string>;
  body?: Record<string, unknown>;
  /** Fields and files, instead of a body. */
  form?: FormData;
}

/** Largest lag of HighLevel's clock behind ours. */
export const maxClockSkewMs = 60_000;

/** Calls HighLevel. Resolves with any 2xx response. @throws AppError by the rules of `errors.ts` */
export type HighLevel = (call: HighLevelCall) => Promise<HighLevelResponse>;

/** Memory of HighLevel's permanent refusals, so that refused calls are not repeated (`installations/permissions.ts`). */
export interface PermissionGate {
  /**
   * Lets a call pass that is not refused, or that probes whether the refusal still holds.
   *
   * @throws AppError `highlevel_forbidden`: it is refused, and no probe is due
   */
  check(call: HighLevelCall): Promise<{ isProbe: boolean }>;
  /** Records a refusal. @returns the error to throw, which says what to do */
  recordRefusal(call: HighLevelCall, permission: Permission, error: AppError): Promise<AppError>;
  /** Notes a successful call, and clears the refusals that it has disproved. */
  clearRefusals(call: HighLevelCall): Promise<void>;
}

export interface HighLevelDeps {
  http: HttpClient;
  tokens: Tokens;
  permissions: PermissionGate;
  /** Receives each response, and null where no response came. */
  onResponse(call: HighLevelCall, response: HighLevelResponse | null): void | Promise<void>;
}

/**
 * Creates the function that calls HighLevel: token, Version header, one retry with another token after a 401. An error that a fresh token
 * does not repair is a permission problem and costs no further refresh. Rate limits are the caller's: it knows which calls can wait.
 */
export function createHighLevelClient(deps: HighLevelDeps): HighLevel {
  const { tokens, permissions } = deps;

  async function callWithToken(call: HighLevelCall, isProbe: boolean): Promise<HighLevelResponse> {
    const token = await tokens.getToken(call.owner);
    try {
      return await request(deps, call, token);
    } catch (error) {
      if (!isAppError(error, 'highlevel_token_rejected')) throw error;
      // Another token has failed for this call before.
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

/** Returns whether HighLevel calls the token expired or unreadable: only then does a refresh help (platform-2026-11.md 2). */
function isExpiredToken(error: AppError): boolean {
  return error.details.some((said) => /jwt|expired/i.test(said));
}

/** Converts the error of a fresh token that is called expired: a clock is wrong, or HighLevel's services do not agree yet. */
function toRetryLaterError(error: AppError): AppError {
  const retryLater = new AppError('highlevel_unreachable', 'The CRM does not accept a new access token yet.', {
    details: error.details,
  });
  return Object.assign(retryLater, { response: findResponse(error) });
}

/** Converts a 401 with unknown wording that a fresh token has not repaired. */
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

/** Calls of which only the status is needed. */
const statusOnlyOperations: ReadonlySet<OperationName> = new Set([
  'updateMessageStatus',
  'updateEmailStatus',
  'updateContact',
  'uninstall',
]);

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
    // axios serializes the body by its type, a form or JSON.
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

/** Returns the response behind an error of {@link HighLevel}, for the record; null when no response came. */
export function findResponse(error: unknown): HighLevelResponse | null {
  return (error as { response?: HighLevelResponse }).response ?? null;
}

/**
 * Returns whether a failed call has certainly not been carried out: no byte of it left, no token was to be had, or HighLevel has refused it.
 * A time-out, a 408 and a 5xx leave that open.
 */
export function wasNotCarriedOut(error: unknown): boolean {
  if (!isAppError(error)) return false;
  const response = findResponse(error);
  if (response) return response.status >= 400 && response.status < 500 && response.status !== 408;
  return error.code !== 'highlevel_unreachable' || (error as { wasNotSent?: boolean }).wasNotSent === true;
}

/** Returns whether the response to a call was lost, so that it may have been carried out. */
export function isResponseLost(error: unknown): boolean {
  return isAppError(error, 'highlevel_unreachable') && (error as { wasNotSent?: boolean }).wasNotSent === false;
}

export type { HighLevelResponse, LimitHeaders };
