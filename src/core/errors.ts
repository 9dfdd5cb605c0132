/** Remedy for an error: no retry helps, a later retry helps, or the caller must first find out what happened. */
export type Retry = 'never' | 'later' | 'unknown';

/** One row per error. Only the HTTP edge decides by `status`, and only the worker by `retry`. */
const errors = {
  // Requests of callers.
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
  media_type_unsupported: { status: 415, retry: 'never' },
  range_invalid: { status: 416, retry: 'never' },
  too_many_requests: { status: 429, retry: 'later' },
  overloaded: { status: 503, retry: 'later' },
  // Failed installs.
  install_cancelled: { status: 400, retry: 'never' },
  install_denied: { status: 400, retry: 'never' },
  install_state_invalid: { status: 400, retry: 'never' },
  install_unfinished: { status: 502, retry: 'unknown' },
  install_code_refused: { status: 400, retry: 'never' },
  app_not_configured: { status: 503, retry: 'later' },
  // Failed sign-ins at a service.
  consent_state_invalid: { status: 400, retry: 'never' },
  consent_denied: { status: 400, retry: 'never' },
  consent_code_refused: { status: 400, retry: 'never' },
  consent_wrong_account: { status: 400, retry: 'never' },
  consent_account_unknown: { status: 400, retry: 'never' },
  consent_scope_missing: { status: 400, retry: 'never' },
  consent_not_lasting: { status: 400, retry: 'never' },
  consent_changed: { status: 409, retry: 'never' },
  consent_unfinished: { status: 502, retry: 'unknown' },
  // Responses of HighLevel.
  installation_missing: { status: 409, retry: 'later' },
  uninstalled: { status: 409, retry: 'never' },
  location_inactive: { status: 409, retry: 'later' },
  reauth_required: { status: 409, retry: 'later' },
  highlevel_token_rejected: { status: 502, retry: 'later' },
  highlevel_forbidden: { status: 502, retry: 'later' },
  highlevel_provider_mismatch: { status: 502, retry: 'never' },
  highlevel_do_not_disturb: { status: 502, retry: 'never' },
  highlevel_too_early: { status: 502, retry: 'later' },
  highlevel_limit: { status: 503, retry: 'later' },
  highlevel_refused: { status: 502, retry: 'never' },
  highlevel_failed: { status: 502, retry: 'unknown' },
  highlevel_no_message_id: { status: 502, retry: 'later' },
  highlevel_unreachable: { status: 502, retry: 'unknown' },
  // Responses of vendors.
  connection_rejected: { status: 422, retry: 'never' },
  vendor_unavailable: { status: 502, retry: 'later' },
  // Our own failures; those that the operator must repair pass too.
  private_address: { status: 422, retry: 'never' },
  attachment_unreachable: { status: 502, retry: 'later' },
  attachment_store_unavailable: { status: 503, retry: 'later' },
  database_unavailable: { status: 503, retry: 'later' },
  secret_unreadable: { status: 500, retry: 'later' },
  internal: { status: 500, retry: 'unknown' },
} as const satisfies Record<string, { status: number; retry: Retry }>;

export type ErrorCode = keyof typeof errors;

export const errorCodes = Object.keys(errors) as ErrorCode[];

/** The one error class of this program. Any other thrown value is a defect and counts as `internal`. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly details: readonly string[];
  /** Wait before the next try, where the other side has named one. */
  readonly retryAfterMs: number | undefined;

  /** @param message says what happened, to what, and what to do about it; people read it, so it holds no secrets */
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

  /** HTTP status of the code. */
  get status(): number {
    return errors[this.code].status;
  }

  /** Remedy of the code. */
  get retry(): Retry {
    return errors[this.code].retry;
  }
}

/** Distinguishes our own errors from defects, optionally by code. */
export function isAppError(error: unknown, ...codes: ErrorCode[]): error is AppError {
  return error instanceof AppError && (codes.length === 0 || codes.includes(error.code));
}
