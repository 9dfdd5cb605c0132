import type { CallContent } from '../../channels/channel.ts';
import { fitId } from '../../core/bounds.ts';
import { type Clock, dateNow } from '../../core/clock.ts';
import { AppError } from '../../core/errors.ts';
import { capFutureTime } from '../../core/foreign.ts';
import type { NewId } from '../../core/ids.ts';
import { truncate } from '../../core/sanitize.ts';
import type { Database, Executor } from '../../database/client.ts';
import { maxRecordings } from '../../highlevel/calls.ts';
import type { Provider } from '../../highlevel/providers.ts';
import { enqueue } from '../../queue/sql/add-jobs.ts';
import { toPostJob } from '../model/message-jobs.ts';
import type { ReadAddress } from '../model/read-address.ts';
import { toRawPayload } from '../outbound/receive.ts';
import { getFetchDeadline, toFetchJob } from './store-attachments.ts';

export interface ReceiveCallDeps {
  db: Database;
  clock: Clock;
  newId: NewId;
  providers: readonly Provider[];
  readAddress: ReadAddress;
}

const maxNameChars = 200;

/**
 * Stores a call that is to be logged in HighLevel, with the job that does it; resolves when both are durable. A repeated external id changes
 * no row.
 *
 * @throws AppError `conflict`: the app has no call provider
 */
export async function receiveCall(
  deps: ReceiveCallDeps,
  locationId: string,
  call: CallContent,
  body: Buffer,
): Promise<'stored' | 'repeated'> {
  const { key: providerKey } = getCallProvider(deps.providers);
  const now = dateNow(deps.clock);
  const [from, to] = await Promise.all([call.from, call.to].map((address) => deps.readAddress(locationId, address)));
  const message = {
    id: deps.newId(),
    locationId,
    providerKey,
    from: from?.address ?? null,
    to: to?.address ?? null,
    sentExternally: call.direction === 'outbound',
  };
  const attachments = call.recordings.slice(0, maxRecordings);
  const jobs =
    attachments.length === 0
      ? [toPostJob(message, now)]
      : [toFetchJob(message, now), toPostJob(message, getFetchDeadline(now))];
  return deps.db.transaction(async (tx) => {
    const { count } = await tx.message.createMany({
      data: {
        ...message,
        direction: 'inbound',
        messageType: 'sms',
        externalId: fitId(call.externalId),
        inboundKey: toCallKey(locationId, providerKey, call.externalId),
        name: call.name ? truncate(call.name, maxNameChars) : null,
        attachments,
        callStatus: call.status,
        occurredAt: capFutureTime(call.occurredAt, deps.clock.now()) ?? null,
        rawPayload: toRawPayload(body),
        createdAt: now,
        updatedAt: now,
      },
      skipDuplicates: true,
    });
    if (count === 0) return 'repeated';
    await enqueue(tx, jobs);
    return 'stored';
  });
}

/**
 * Adds recordings to a call that was logged before, in place of those that it had where there are more than HighLevel accepts.
 *
 * @throws AppError `not_found`: no call has this id; `conflict`: the app has no call provider
 */
export async function addRecordings(
  deps: ReceiveCallDeps,
  locationId: string,
  externalId: string,
  urls: readonly string[],
): Promise<void> {
  const { key: providerKey } = getCallProvider(deps.providers);
  const inboundKey = toCallKey(locationId, providerKey, externalId);
  const now = dateNow(deps.clock);
  await deps.db.transaction(async (tx) => {
    const call = await lockCall(tx, inboundKey);
    if (!call) throw new AppError('not_found', 'No call with this id was logged in this location.');
    const attachments = [...new Set([...call.attachments, ...urls])].slice(0, maxRecordings);
    if (attachments.length === call.attachments.length) return;
    await tx.message.update({
      where: { id: call.id },
      data: { attachments, recordingsAddedAt: now, retryCount: 0, updatedAt: now },
    });
    await enqueue(tx, [toFetchJob(call, now), toPostJob(call, getFetchDeadline(now))]);
  });
}

async function lockCall(tx: Executor, inboundKey: string) {
  await tx.$executeRaw`SELECT FROM messages WHERE inbound_key = ${inboundKey} FOR UPDATE`;
  return tx.message.findUnique({ where: { inboundKey } });
}

function getCallProvider(providers: readonly Provider[]): Provider {
  const provider = providers.find(({ kind }) => kind === 'call');
  if (provider) return provider;
  throw new AppError('conflict', 'The app has no provider of the kind call. The operator has to add one (docs/calls.md).');
}

/** Returns the key by which a repeated call is recognized, whichever way it came. */
function toCallKey(locationId: string, providerKey: string, externalId: string): string {
  return fitId(`calls/${locationId}/${providerKey}/${externalId}`);
}
