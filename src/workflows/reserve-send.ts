import { type Clock, dateNow } from '../core/clock.ts';
import { AppError } from '../core/errors.ts';
import { toNumber } from '../core/foreign.ts';
import type { NewId } from '../core/ids.ts';
import type { Database, Executor, WorkflowSend } from '../database/client.ts';
import type { Provider } from '../highlevel/providers.ts';
import { getReason, type Reason } from '../messages/model/reasons.ts';
import { defaultLimitMinutes, maxLimitMinutes, type WaitCondition, waitConditions } from './definitions.ts';
import type { ActionRequest, FormData } from './read-request.ts';
import { contentRepeatMs, toRequestKey } from './request-key.ts';

export interface ReserveDeps {
  db: Database;
  clock: Clock;
  newId: NewId;
  providers: readonly Provider[];
  /** Lists the keys of the providers that have a channel. */
  listConnectedProviders(locationIds: readonly string[]): Promise<Map<string, string[]>>;
}

const minuteMs = 60_000;
const maxTextChars = 100_000;
const maxSenderChars = 320;
const maxAttachments = 10;

/**
 * Stores the message that a workflow asks for, before it is acknowledged, and the workflow that waits for it. A repeated request stores no
 * second message; another step with the same request id waits for the same one.
 *
 * @throws AppError `request_invalid` for a message that cannot be sent, where no branch of a waiting workflow can say so
 */
export async function reserveSend(deps: ReserveDeps, request: ActionRequest): Promise<object> {
  const { db, clock } = deps;
  const { contactId, locationId, step } = request;
  if (contactId === null) throw invalid('extras.contactId: is needed, so the workflow must have a contact');
  const now = dateNow(clock);
  const content = await readContent(deps, request);
  const { problem, ...fields } = content;
  if (problem && step === null) throw invalid(problem.message);
  const { key, earlier } = toRequestKey(request, 'send_message', clock.now());
  const row = {
    ...{ id: deps.newId(), locationId, requestKey: key, contactId, workflowId: request.workflowId, ...fields },
    ...(problem
      ? { state: 'refused' as const, reasonCode: problem.code, reason: problem.message, dueAt: null }
      : { state: 'reserved' as const, dueAt: now }),
    ...{ createdAt: now, updatedAt: now },
  };
  const { send, isRepeated } = await db.transaction(async (tx) => {
    const stored = await storeOnce(tx, row, earlier, now);
    if (step) await storePause(tx, deps, { ...request, contactId, step }, stored.send.id, now);
    return stored;
  });
  return { status: send.state === 'refused' ? 'refused' : 'accepted', sendId: send.id, isRepeated };
}

async function storeOnce(
  tx: Executor,
  row: Omit<WorkflowSend, 'highlevelMessageId' | 'postStartedAt' | 'lookUpCount' | 'errorCount' | 'reasonCode' | 'reason'>,
  earlier: string | null,
  now: Date,
): Promise<{ send: Pick<WorkflowSend, 'id' | 'state'>; isRepeated: boolean }> {
  const { locationId, requestKey } = row;
  if (earlier !== null) {
    const since = new Date(now.getTime() - contentRepeatMs);
    const known = await tx.workflowSend.findFirst({ where: { locationId, requestKey: earlier, createdAt: { gt: since } } });
    if (known) return { send: known, isRepeated: true };
  }
  const { count } = await tx.workflowSend.createMany({ data: [row], skipDuplicates: true });
  if (count > 0) return { send: row, isRepeated: false };
  const where = { locationId_requestKey: { locationId, requestKey } };
  return { send: await tx.workflowSend.findUniqueOrThrow({ where }), isRepeated: true };
}

/** Stores the workflow that waits. Its first look is due at once: the send may be one that has ended. */
async function storePause(
  tx: Executor,
  { newId }: Pick<ReserveDeps, 'newId'>,
  request: ActionRequest & { contactId: string; step: { statusId: string; stepId: string } },
  sendId: string,
  now: Date,
): Promise<void> {
  const { locationId, contactId, step, extras, data } = request;
  const timeoutAt = new Date(now.getTime() + readLimitMinutes(data) * minuteMs);
  const row = { id: newId(), sendId, locationId, contactId, ...step, waitFor: readWaitCondition(data), extras };
  await tx.workflowPause.createMany({ data: [{ ...row, timeoutAt, dueAt: now, createdAt: now }], skipDuplicates: true });
}

interface SendContent {
  providerKey: string;
  sender: string | null;
  text: string | null;
  subject: string | null;
  attachments: string[];
}

async function readContent(deps: ReserveDeps, request: ActionRequest): Promise<SendContent & { problem?: Reason }> {
  const { data, locationId } = request;
  const provider = await findProvider(deps, locationId, data.find('provider')?.trim());
  const content = {
    providerKey: provider?.key ?? '',
    sender: readSender(data),
    text: readText(data),
    subject: data.find('subject')?.slice(0, maxTextChars) ?? null,
    attachments: data.list('attachments').filter((url) => /^https?:\/\//i.test(url) && URL.canParse(url)),
  };
  const problem = findProblem(provider, content, data);
  return problem ? { ...content, problem } : content;
}

function findProblem(provider: Provider | null, content: SendContent, data: FormData): Reason | null {
  if (!provider) return { code: 'no_channel', message: 'The step names no provider that this location has connected.' };
  const given = data.list('attachments').length;
  if (given !== content.attachments.length) return getReason('attachments_unreadable');
  if (given > maxAttachments) return { code: 'too_large', message: `A message has at most ${maxAttachments} attachments.` };
  if (!content.text && given === 0) return getReason('empty_message');
  if ((content.text?.length ?? 0) > maxTextChars) return getReason('too_large');
  return null;
}

/** Finds the provider that the step names, or the only one that is connected. */
async function findProvider(deps: ReserveDeps, locationId: string, key: string | undefined): Promise<Provider | null> {
  const usable = deps.providers.filter(({ kind }) => kind !== 'call');
  if (key) return usable.find((provider) => provider.key === key) ?? null;
  const connected = (await deps.listConnectedProviders([locationId])).get(locationId) ?? [];
  const candidates = usable.filter((provider) => connected.includes(provider.key));
  return candidates.length === 1 ? (candidates[0] ?? null) : null;
}

/** A template is sent by a line of text (docs/channels/whatsapp_cloud.md); the message then holds the values of its parameters. */
function readText(data: FormData): string | null {
  const message = data.find('message');
  const template = data.find('template')?.trim();
  if (!template || template === 'none') return message ?? null;
  return `[[template:${[template, message].filter(Boolean).join('|')}]]`;
}

function readSender(data: FormData): string | null {
  const sender = data.find('sender')?.trim();
  return sender && sender !== 'default' && sender.length <= maxSenderChars ? sender : null;
}

function readWaitCondition(data: FormData): WaitCondition {
  const given = data.find('wait_for')?.trim();
  return waitConditions.find((condition) => condition === given) ?? 'delivered';
}

function readLimitMinutes(data: FormData): number {
  const minutes = toNumber(data.find('limit_minutes')) ?? defaultLimitMinutes;
  return minutes > 0 ? Math.min(minutes, maxLimitMinutes) : defaultLimitMinutes;
}

function invalid(detail: string): AppError {
  return new AppError('request_invalid', 'The message cannot be sent.', { details: [detail] });
}
