/** What helps after this error: nothing, waiting, or first finding out what happened. */
export type Retry = 'never' | 'later' | 'unknown';

/** One row an error. The HTTP edge reads `status`, the worker reads `retry`; nobody else decides. */
const errors = {
  // What a caller did.
  payload_invalid: { status: 400, retry: 'never' },
  request_invalid: { status: 422, retry: 'never' },
  signature_invalid: { status: 401, retry: 'never' },
  unauthorized: { status: 401, retry: 'never' },
  forbidden: { status: 403, retry: 'never' },
  agency_admins_only: { status: 403, retry: 'never' },
  context_invalid: { status: 401, retry: 'never' },
  not_found: { status: 404, retry: 'never' },
  csrf_invalid: { status: 403, retry: 'never' },
  conflict: { status: 409, retry: 'never' },
  method_not_allowed: { status: 405, retry: 'never' },
  precondition_failed: { status: 412, retry: 'never' },
  too_large: { status: 413, retry: 'never' },
  range_invalid: { status: 416, retry: 'never' },
  too_many_requests: { status: 429, retry: 'later' },
  overloaded: { status: 503, retry: 'later' },
  // What an install met.
  install_cancelled: { status: 400, retry: 'never' },
  install_denied: { status: 400, retry: 'never' },
  install_state_invalid: { status: 400, retry: 'never' },
  install_unfinished: { status: 502, retry: 'unknown' },
  install_code_refused: { status: 400, retry: 'never' },
  app_not_configured: { status: 503, retry: 'later' },
  // What HighLevel answered.
  installation_missing: { status: 409, retry: 'later' },
  uninstalled: { status: 409, retry: 'never' },
  location_inactive: { status: 409, retry: 'later' },
  reauth_required: { status: 409, retry: 'later' },
  highlevel_token_rejected: { status: 502, retry: 'later' },
  highlevel_forbidden: { status: 502, retry: 'later' },
  highlevel_provider_mismatch: { status: 502, retry: 'never' },
  highlevel_too_early: { status: 502, retry: 'later' },
  highlevel_limit: { status: 503, retry: 'later' },
  highlevel_refused: { status: 502, retry: 'never' },
  highlevel_failed: { status: 502, retry: 'unknown' },
  highlevel_no_message_id: { status: 502, retry: 'later' },
  highlevel_unreachable: { status: 502, retry: 'unknown' },
  // What we could not do ourselves; what the operator must mend passes too.
  private_address: { status: 422, retry: 'never' },
  attachment_unreachable: { status: 502, retry: 'later' },
  attachment_store_unavailable: { status: 503, retry: 'later' },
  database_unavailable: { status: 503, retry: 'later' },
  secret_unreadable: { status: 500, retry: 'later' },
  internal: { status: 500, retry: 'unknown' },
} as const satisfies Record<string, { status: number; retry: Retry }>;

export type ErrorCode = keyof typeof errors;

export const errorCodes = Object.keys(errors) as ErrorCode[];

/** The one error of this program. Anything else that is thrown is a defect and is treated as `internal`. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly details: readonly string[];
  /** How long to wait before trying again, where somebody told us. */
  readonly retryAfterMs: number | undefined;

  /** @param message what happened, to what, and what to do about it; shown to people, so no secrets */
  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; details?: readonly string[]; retryAfterMs?: number } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.details = options.details ?? [];
    this.retryAfterMs = options.retryAfterMs;
  }

  /** The HTTP status that goes with the code. */
  get status(): number {
    return errors[this.code].status;
  }

  /** Whether trying again helps. */
  get retry(): Retry {
    return errors[this.code].retry;
  }
}

/** Tells one of our errors from a defect, optionally one code from the others. */
export function isAppError(error: unknown, ...codes: ErrorCode[]): error is AppError {
  return error instanceof AppError && (codes.length === 0 || codes.includes(error.code));
}
