import type { AppError } from '../core/errors.ts';
import type { NewId } from '../core/ids.ts';
import type { HighLevelAnswer } from '../highlevel/client.ts';
import type { Job } from '../queue/job.ts';
import type { MessageState } from './state.ts';

/** One try to tell HighLevel something. */
export interface Tried {
  readonly state: MessageState | null;
  readonly answer: HighLevelAnswer | null;
  /** Null when it was accepted. */
  readonly error: AppError | null;
}

/** SQL that keeps what HighLevel was told and answered: a part of a WITH. @param rows from `triedRows`, as JSON. @param now a parameter */
export function recordingReports(rows: string, now: string): string {
  return `recorded AS (
    INSERT INTO reports (id, message_id, state, tried_at, accepted, http_status, trace_id, answer)
    SELECT id, "messageId", state, ${now}::timestamptz, accepted, "httpStatus", "traceId", answer
    FROM json_to_recordset(${rows}::json) AS r (
      id uuid, "messageId" uuid, state message_state, accepted boolean, "httpStatus" int, "traceId" text, answer text))`;
}

/** With the trace ids: that is what HighLevel's support asks for. */
export function triedRows(newId: NewId, items: readonly { job: Job; tried?: Tried }[]) {
  return items.flatMap(({ job, tried }) =>
    tried
      ? {
          id: newId(),
          messageId: job.messageId,
          state: tried.state,
          accepted: tried.error === null,
          httpStatus: tried.answer?.status ?? null,
          traceId: tried.answer?.traceId ?? null,
          answer: tried.error ? [tried.error.message, ...tried.error.details].join(' ') : null,
        }
      : [],
  );
}
