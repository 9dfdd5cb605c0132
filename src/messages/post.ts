import { nowOf } from '../core/clock.ts';
import { type AppError, isAppError } from '../core/errors.ts';
import { nextDelayMs, outageDelayMs, sendDelaysMs } from '../core/retry-schedule.ts';
import { answerBehind, location } from '../highlevel/client.ts';
import { findOrAddContact } from '../highlevel/contacts.ts';
import { addInboundMessage, type PostedMessage } from '../highlevel/messages.ts';
import type { Provider } from '../highlevel/providers.ts';
import { highLevelLimit } from '../highlevel/rate-limit.ts';
import { paceKey, turnOf } from '../installations/pace.ts';
import type { Job } from '../queue/boss.ts';
import { dropEcho } from './echo.ts';
import type { Reason } from './next-step.ts';
import { reason } from './reasons.ts';
import { recordReport } from './record-report.ts';
import type { ReportDeps } from './report.ts';
import { findMessage, type Message } from './store.ts';

export interface PostDeps extends ReportDeps {
  providers: readonly Provider[];
}

/** The most calls that one post makes: find the contact, name a new one, add the message. */
const callsPerPost = 3;

/**
 * Posts one inbound message into its contact's conversation. HighLevel must name the message it made; else nothing was stored.
 */
export async function post(deps: PostDeps, job: Job): Promise<void> {
  const message = await findMessage(deps.db, job.messageId);
  if (message?.state !== 'pending') return deps.db.transaction((tx) => job.complete(tx));
  const provider = deps.providers.find(({ key }) => key === message.providerKey);
  if (!provider) return giveUp(deps, job, message, reason('provider_removed'), null);

  const turn = await turnOf(
    deps,
    paceKey.highLevel(location(message.locationId)),
    highLevelLimit,
    message.slotAt,
    callsPerPost,
  );
  if (turn) return waitForTurn(deps, job, message, turn);
  try {
    await finish(deps, job, message, await postOnce(deps, message, provider));
  } catch (error) {
    if (!isAppError(error)) throw error;
    const why = { code: error.code, message: [error.message, ...error.details].join(' ') };
    const delayMs = delayAfter(deps, message, error);
    await (delayMs === null
      ? giveUp(deps, job, message, why, error)
      : tryAgain(deps, job, message, why, error, new Date(deps.clock.now() + delayMs)));
  }
}

async function postOnce(deps: PostDeps, message: Message, provider: Provider): Promise<PostedMessage> {
  const { locationId } = message;
  const contact = (message.sentElsewhere ? message.to : message.from) ?? message.from ?? '';
  const address = message.medium === 'email' ? { email: contact } : { phone: contact };
  const contactId = await findOrAddContact(deps.highLevel, { locationId, ...address }, message.name);
  await deps.db.client.message.update({
    where: { id: message.id },
    data: { contactId, postingSince: nowOf(deps.clock) },
  });
  return addInboundMessage(deps.highLevel, {
    locationId,
    provider,
    contactId,
    direction: message.sentElsewhere ? 'outbound' : 'inbound',
    externalId: message.externalId ?? message.id,
    from: message.from ?? '',
    to: message.to,
    text: message.text,
    html: message.html,
    subject: message.subject,
    attachments: message.attachments,
    occurredAt: message.occurredAt,
  });
}

/** @returns null when no further try can help */
function delayAfter(deps: PostDeps, message: Message, error: AppError): number | null {
  if (error.code === 'highlevel_stored_nothing') {
    return nextDelayMs(sendDelaysMs, message.retryCount, deps.chance());
  }
  if (error.retry === 'never') return null;
  return error.retryAfterMs ?? outageDelayMs(deps.clock.now() - message.createdAt.getTime(), deps.chance());
}

function finish(deps: PostDeps, job: Job, message: Message, posted: PostedMessage): Promise<void> {
  const { answer, highlevelMessageId, ...ids } = posted;
  return deps.db.transaction(async (tx) => {
    const isFree = await dropEcho(tx, message.locationId, highlevelMessageId);
    await tx.message.update({
      where: { id: message.id },
      data: { state: 'delivered', ...ids, ...(isFree ? { highlevelMessageId } : {}), ...settled(deps) },
    });
    await recordReport(deps, tx, message.id, { state: 'delivered', accepted: true, answer, error: null });
    await job.complete(tx);
  });
}

function giveUp(deps: PostDeps, job: Job, message: Message, why: Reason, error: AppError | null): Promise<void> {
  return deps.db.transaction(async (tx) => {
    if (error) await recordRefusal(deps, tx, message, error);
    await tx.message.update({
      where: { id: message.id },
      data: { state: 'failed', ...settled(deps), reasonCode: why.code, reason: why.message },
    });
    await job.complete(tx);
  });
}

function tryAgain(deps: PostDeps, job: Job, message: Message, why: Reason, error: AppError, at: Date): Promise<void> {
  return deps.db.transaction(async (tx) => {
    await recordRefusal(deps, tx, message, error);
    await tx.message.update({
      where: { id: message.id },
      data: {
        ...settled(deps),
        reasonCode: why.code,
        reason: why.message,
        nextAttemptAt: at,
        // Only what HighLevel swallows uses up the schedule; an outage of its own may last.
        retryCount: { increment: error.code === 'highlevel_stored_nothing' ? 1 : 0 },
      },
    });
    await job.runAgain(tx, at);
  });
}

function waitForTurn(deps: PostDeps, job: Job, message: Message, at: Date): Promise<void> {
  return deps.db.transaction(async (tx) => {
    await tx.message.update({ where: { id: message.id }, data: { slotAt: at, nextAttemptAt: at } });
    await job.runAgain(tx, at);
  });
}

function recordRefusal(deps: PostDeps, tx: Parameters<Job['complete']>[0], message: Message, error: AppError) {
  return recordReport(deps, tx, message.id, { state: null, accepted: false, answer: answerBehind(error), error });
}

/** Nothing is waited for any more. */
function settled(deps: PostDeps) {
  return {
    reasonCode: null,
    reason: null,
    nextAttemptAt: null,
    slotAt: null,
    postingSince: null,
    updatedAt: nowOf(deps.clock),
  };
}
