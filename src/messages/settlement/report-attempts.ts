import type { AppError } from '../../core/errors.ts';
import type { NewId } from '../../core/ids.ts';
import type { HighLevelResponse } from '../../highlevel/client.ts';
import type { Job } from '../../queue/job.ts';
import type { MessageState } from '../model/state.ts';

/** One try to tell HighLevel something. */
export interface ReportAttempt {
  readonly state: MessageState | null;
  readonly response: HighLevelResponse | null;
  /** Null when it was accepted. */
  readonly error: AppError | null;
}

/** SQL that keeps what HighLevel was told and answered: a part of a WITH. @param rows from `toReportAttemptRows`, as JSON. @param now a parameter */
export function insertReportAttemptsCte(rows: string, now: string): string {
  return `report_attempts AS (
    INSERT INTO report_attempts (id, message_id, state, attempted_at, accepted, http_status, trace_id, response)
    SELECT id, "messageId", state, ${now}::timestamptz, accepted, "httpStatus", "traceId", response
    FROM json_to_recordset(${rows}::json) AS r (
      id uuid, "messageId" uuid, state message_state, accepted boolean, "httpStatus" int, "traceId" text, response text))`;
}

/** With the trace ids: that is what HighLevel's support asks for. */
export function toReportAttemptRows(newId: NewId, items: readonly { job: Job; report?: ReportAttempt }[]) {
  return items.flatMap(({ job, report: tried }) =>
    tried
      ? {
          id: newId(),
          messageId: job.messageId,
          state: tried.state,
          accepted: tried.error === null,
          httpStatus: tried.response?.status ?? null,
          traceId: tried.response?.traceId ?? null,
          response: tried.error ? [tried.error.message, ...tried.error.details].join(' ') : null,
        }
      : [],
  );
}
