import { toProviderGroupKey } from '../../connections/queue-group.ts';
import { fitId, maxChars } from '../../core/bounds.ts';
import type { Clock } from '../../core/clock.ts';
import type { Database } from '../../database/client.ts';
import { toLocationOwner } from '../../highlevel/client.ts';
import { toHighLevelGroupKey } from '../../highlevel/group-keys.ts';
import type { NewJob } from '../../queue/job.ts';
import { type Message, pickContactAddress } from './message.ts';
import { getEarliestReportAt, type ReportDelay } from './report-delay.ts';
import type { MessageState } from './state.ts';

export interface ReportJobDeps {
  clock: Clock;
  reportDelay: ReportDelay;
}

export type StoreDeps = ReportJobDeps & { db: Database };

/** Builds the job that sends a message. The messages of a contact keep their order. */
export function toDeliverJob(
  message: Pick<Message, 'id' | 'locationId' | 'providerKey' | 'contactId' | 'to'>,
  dueAt: Date,
): NewJob {
  const { id, locationId, contactId, to } = message;
  return {
    queue: 'deliver',
    messageId: id,
    groupKey: toProviderGroupKey(message),
    orderingKey: toOrderingKey(locationId, contactId ?? to ?? id),
    priority: 0,
    dueAt,
  };
}

/** Builds the job that posts an inbound message. The messages of an address keep their order and create one contact, on all channels together. */
export function toPostJob(message: Pick<Message, 'id' | 'locationId' | 'sentExternally' | 'from' | 'to'>, dueAt: Date): NewJob {
  const { id, locationId } = message;
  return {
    queue: 'highlevel',
    messageId: id,
    groupKey: toHighLevelGroupKey(toLocationOwner(locationId)),
    orderingKey: toOrderingKey(locationId, pickContactAddress(message) ?? id),
    priority: 0,
    dueAt,
  };
}

/** Builds the ordering key of a contact or address of a location. It fits an index entry, however many recipients an email has. */
function toOrderingKey(locationId: string, subject: string): string {
  return `${locationId}/${fitId(subject, maxChars.orderingKey)}`;
}

/** Failures go first, as users can act on them; `read` is the least urgent. */
const reportPriority: Record<MessageState, number> = { failed: 0, pending: 1, delivered: 1, read: 2 };

/** Builds the job that reports the state of a message to HighLevel. */
export function toReportJob({ id, locationId, state }: Pick<Message, 'id' | 'locationId' | 'state'>, dueAt: Date): NewJob {
  return {
    queue: 'highlevel',
    messageId: id,
    groupKey: toHighLevelGroupKey(toLocationOwner(locationId)),
    orderingKey: id,
    priority: reportPriority[state],
    dueAt,
  };
}

/** Changes within this time are one report. */
const coalesceWindowMs = 2_000;

/** Delays a report for the changes that are likely to follow at once. */
export function coalesce(clock: Clock, job: NewJob): NewJob {
  return { ...job, dueAt: new Date(Math.max(job.dueAt.getTime(), clock.now() + coalesceWindowMs)) };
}

/** Builds the job that reports the states of an email's recipients to HighLevel. */
export function toRecipientsReportJob(
  { clock, reportDelay }: ReportJobDeps,
  { id, locationId, createdAt }: Pick<Message, 'id' | 'locationId' | 'createdAt'>,
): NewJob {
  const dueAt = getEarliestReportAt({ clock, reportDelay }, createdAt);
  const groupKey = toHighLevelGroupKey(toLocationOwner(locationId));
  return coalesce(clock, { queue: 'highlevel', messageId: id, groupKey, orderingKey: id, priority: 1, dueAt });
}
