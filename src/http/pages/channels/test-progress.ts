import type { ConnectionTarget } from '../../../connections/connection.ts';
import { type Text, toReasonText } from '../framework/texts.ts';
import type { ChannelPageDeps } from './providers.ts';

type TestRef = ConnectionTarget & { id: string };

/** One step of a test: the time it was reached, or its current state. */
interface TestStep {
  name: 'queued' | 'sending' | 'accepted' | 'delivered' | 'read' | 'failed' | 'unknown';
  at: Date | null;
  state: 'done' | 'now' | 'later' | 'bad';
}

type TestMessage = NonNullable<Awaited<ReturnType<typeof findTestMessage>>>;

function findTestMessage({ db }: Pick<ChannelPageDeps, 'db'>, { id, ...ref }: TestRef) {
  return db.client.message.findFirst({
    where: { id, ...ref, isTest: true },
    include: { attempts: { orderBy: { startedAt: 'asc' } }, receipts: { orderBy: { receivedAt: 'asc' } } },
  });
}

/** Finds a test message of this connection and its progress. */
export async function findTestProgress(deps: Pick<ChannelPageDeps, 'db'>, text: Text, ref: TestRef) {
  const message = await findTestMessage(deps, ref);
  if (!message) return null;
  const { reasonCode, reason } = message;
  const state = message.heldForReviewAt ? ('unknown' as const) : message.state;
  return {
    id: message.id,
    to: message.to,
    text: message.text,
    state,
    /** An opt-out is the contact's choice, not a fault of the connection. */
    isOptedOut: reasonCode === 'opted_out',
    isFinished: state !== 'pending',
    steps: listSteps(message),
    reason: reasonCode && reason ? toReasonText(text, { code: reasonCode, message: reason }) : null,
    response: message.attempts.at(-1)?.response ?? null,
  };
}

function listSteps(message: TestMessage): TestStep[] {
  const last = message.attempts.at(-1);
  const endedAt = last?.endedAt ?? null;
  const wasAccepted = last?.outcome === 'accepted' || last?.outcome === 'delivered';
  const findReceivedAt = (state: string) => message.receipts.find((receipt) => receipt.state === state)?.receivedAt ?? null;
  const hasArrived = message.state === 'delivered' || message.state === 'read';
  const hasFailed = message.state === 'failed';
  const isUnknown = message.heldForReviewAt !== null;

  const steps: TestStep[] = [
    { name: 'queued', at: message.createdAt, state: 'done' },
    { name: 'sending', at: last?.startedAt ?? null, state: last ? 'done' : hasFailed ? 'later' : 'now' },
  ];
  if (wasAccepted || (!hasFailed && !isUnknown)) {
    steps.push({
      name: 'accepted',
      at: wasAccepted ? endedAt : null,
      state: wasAccepted || hasArrived ? 'done' : last ? 'now' : 'later',
    });
  }
  if (isUnknown) steps.push({ name: 'unknown', at: message.heldForReviewAt, state: 'bad' });
  else if (hasFailed)
    steps.push({ name: 'failed', at: findReceivedAt('failed') ?? endedAt ?? message.updatedAt, state: 'bad' });
  else {
    const at = hasArrived ? (findReceivedAt('delivered') ?? findReceivedAt('read') ?? endedAt) : null;
    steps.push({ name: 'delivered', at, state: hasArrived ? 'done' : wasAccepted ? 'now' : 'later' });
  }
  if (message.state === 'read') steps.push({ name: 'read', at: findReceivedAt('read'), state: 'done' });
  return steps;
}

/** Returns a value that changes with every step of a test. */
export async function getTestVersion({ db }: Pick<ChannelPageDeps, 'db'>, { id, ...ref }: TestRef): Promise<unknown> {
  return db.client.message.findFirst({
    where: { id, ...ref, isTest: true },
    select: {
      state: true,
      reasonCode: true,
      heldForReviewAt: true,
      attempts: { select: { endedAt: true } },
      receipts: { select: { state: true } },
    },
  });
}
