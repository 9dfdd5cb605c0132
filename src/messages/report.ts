import { nowOf } from '../core/clock.ts';
import { type AppError, isAppError } from '../core/errors.ts';
import type { NewId } from '../core/ids.ts';
import { backoffMs, nextDelayMs, tooEarlyDelaysMs } from '../core/retry-schedule.ts';
import { answerBehind, type HighLevel, type HighLevelAnswer, location } from '../highlevel/client.ts';
import { type ReportableStatus, updateMessageStatus } from '../highlevel/messages.ts';
import { highLevelLimit } from '../highlevel/rate-limit.ts';
import { paceKey, turnOf } from '../installations/pace.ts';
import type { Job } from '../queue/boss.ts';
import { reason, reasonType } from './reasons.ts';
import { recordReport } from './record-report.ts';
import { findMessage, type Message, type StoreDeps } from './store.ts';

export interface ReportDeps extends StoreDeps {
  newId: NewId;
  highLevel: HighLevel;
  /** From 0 (inclusive) to 1, to spread retries. */
  chance: () => number;
}

/**
 * Tells HighLevel the newest state of a message, if it does not have it yet. States that came close together are one call; `pending`
 * is never reported. Nothing that HighLevel answers here changes the message's own state.
 */
export async function report(deps: ReportDeps, job: Job): Promise<void> {
  const message = await findMessage(deps.db, job.messageId);
  if (!message?.highlevelMessageId || message.state === 'pending' || message.state === message.reportedState) {
    return deps.db.transaction((tx) => job.complete(tx));
  }
  const now = deps.clock.now();
  const knownAt = message.createdAt.getTime() + deps.knownAfter.ms();
  if (now < knownAt) return again(deps, job, message, new Date(knownAt));
  const turn = await turnOf(deps, paceKey.highLevel(location(message.locationId)), highLevelLimit, message.slotAt);
  if (turn) return again(deps, job, message, turn, { slotAt: turn });

  const { state } = message;
  try {
    const answer = await updateMessageStatus(deps.highLevel, {
      locationId: message.locationId,
      highlevelMessageId: message.highlevelMessageId,
      status: state,
      error: state === 'failed' ? failureOf(message) : undefined,
      emailMessageId: message.emailMessageId,
    });
    if (message.reportTries === 0) deps.knownAfter.known(now - message.createdAt.getTime());
    await accepted(deps, job, message, state, answer);
  } catch (error) {
    if (!isAppError(error)) throw error;
    await refused(deps, job, message, state, error);
  }
}

function accepted(
  deps: ReportDeps,
  job: Job,
  message: Message,
  state: ReportableStatus,
  answer: HighLevelAnswer,
): Promise<void> {
  return deps.db.transaction(async (tx) => {
    await recordReport(deps, tx, message.id, { state, accepted: true, answer, error: null });
    await tx.message.update({
      where: { id: message.id },
      data: { reportedState: state, reportTries: 0, slotAt: null, updatedAt: nowOf(deps.clock) },
    });
    await job.complete(tx);
  });
}

async function refused(deps: ReportDeps, job: Job, message: Message, state: ReportableStatus, error: AppError): Promise<void> {
  const at = whenAgain(deps, message, error);
  await deps.db.transaction(async (tx) => {
    await recordReport(deps, tx, message.id, { state, accepted: false, answer: answerBehind(error), error });
    await tx.message.update({
      where: { id: message.id },
      data: {
        reportTries: { increment: 1 },
        slotAt: null,
        updatedAt: nowOf(deps.clock),
        ...(at === null && state !== 'failed' ? reasonFields() : {}),
      },
    });
    await (at ? job.runAgain(tx, at) : job.complete(tx));
  });
}

/** @returns null when no further try can help */
function whenAgain(deps: ReportDeps, message: Message, error: AppError): Date | null {
  const now = deps.clock.now();
  const after = (ms: number | null) => (ms === null ? null : new Date(now + ms));
  if (error.code === 'highlevel_too_early') {
    deps.knownAfter.tooEarly(now - message.createdAt.getTime());
    return after(nextDelayMs(tooEarlyDelaysMs, message.reportTries, deps.chance()));
  }
  if (error.retry === 'never') return null;
  return after(error.retryAfterMs ?? backoffMs(message.reportTries, deps.chance()));
}

function reasonFields() {
  const { code, message } = reason('not_known_to_highlevel');
  return { reasonCode: code, reason: message };
}

/** HighLevel takes a failure only with all three, as strings (platform.md 4.1). */
function failureOf(message: Message) {
  const code = message.reasonCode ?? 'failed';
  return { code, type: reasonType(code), message: message.reason ?? 'The message was not delivered.' };
}

function again(deps: ReportDeps, job: Job, message: Message, at: Date, fields: { slotAt?: Date } = {}): Promise<void> {
  return deps.db.transaction(async (tx) => {
    if (fields.slotAt) await tx.message.update({ where: { id: message.id }, data: fields });
    await job.runAgain(tx, at);
  });
}
