import type { Clock } from '../core/clock.ts';
import { nowOf } from '../core/clock.ts';
import type { AppError } from '../core/errors.ts';
import type { NewId } from '../core/ids.ts';
import type { Executor } from '../database/client.ts';
import type { HighLevelAnswer } from '../highlevel/client.ts';
import type { MessageState } from './state.ts';

/** Keeps one try to tell HighLevel something, with its trace id: that is what its support asks for. */
export async function recordReport(
  deps: { clock: Clock; newId: NewId },
  tx: Executor,
  messageId: string,
  tried: { state: MessageState | null; accepted: boolean; answer: HighLevelAnswer | null; error: AppError | null },
): Promise<void> {
  const { answer, error } = tried;
  await tx.report.create({
    data: {
      id: deps.newId(),
      messageId,
      state: tried.state,
      triedAt: nowOf(deps.clock),
      accepted: tried.accepted,
      httpStatus: answer?.status ?? null,
      traceId: answer?.traceId ?? null,
      answer: error ? [error.message, ...error.details].join(' ') : null,
    },
  });
}
