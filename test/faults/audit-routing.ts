import type { RunRecord } from './audit.ts';
import { toExternalId } from './gateway.ts';
import { type PlannedMessage, toReplyId } from './plan.ts';
import { type StoredTriggerEvent, senders } from './routing.ts';

/** Time that a send which is under way may take to show at the vendor after an opt-out was acknowledged, on a busy machine. */
const underWayMs = 3_000;

/** Checks what a run with several senders, opt-outs and triggers promises beyond every run. @returns the broken promises, in sentences */
export function auditRouting(record: RunRecord): string[] {
  if (!record.plan.hasRouting) return [];
  return [...checkOverrides(record), ...checkOptOuts(record), ...checkTriggers(record)];
}

/** Returns true for a message that was rightly not sent: its contact has opted out, by the reply to a message before it. */
export function wasStopped({ plan, crm, gateway }: RunRecord, number: number): boolean {
  const { contact } = plan.list[number] as PlannedMessage;
  const optOut = gateway.optOuts?.get(crm.contacts[contact]?.phone ?? '');
  if (!optOut) return false;
  // One that HighLevel abandoned has no place in the order.
  const order = crm.acknowledged.get(contact) ?? [];
  return !order.includes(number) || !order.includes(optOut.number) || order.indexOf(number) > order.indexOf(optOut.number);
}

/** Returns true when the contact of a message has opted out, so that a retry is not made whose first try may have been sent. */
export function mayBeLeftOpen({ plan, crm, gateway }: RunRecord, number: number): boolean {
  const { contact } = plan.list[number] as PlannedMessage;
  return gateway.optOuts?.has(crm.contacts[contact]?.phone ?? '') ?? false;
}

/**
 * Counts the receipts that may name no message: those of a message whose response was lost, where the vendor can't be asked for it, or where
 * its contact has opted out since, so that it is not sent again.
 */
export function countExcusedReceipts(record: RunRecord, externalIds: readonly (string | null)[]): number {
  const { gateway, held } = record;
  if (gateway.hasNoLookUp) return held.size;
  const open = [...gateway.accepted.values()].filter(({ number }) => held.has(number) && mayBeLeftOpen(record, number));
  const ids = new Set<string | null>(open.map(({ id }) => toExternalId(id)));
  return externalIds.filter((id) => ids.has(id)).length;
}

function checkOverrides({ plan, gateway }: RunRecord): string[] {
  return [...gateway.accepted.values()].flatMap(({ number, from }) => {
    const { via } = plan.list[number] as PlannedMessage;
    const isKnown = senders.some((sender) => sender === from);
    if (isKnown && (via === undefined || from === senders[via])) return [];
    return [`Message ${number} came from ${from}${via === undefined ? '' : ` instead of ${senders[via]}`}.`];
  });
}

function checkOptOuts({ plan, gateway, crm }: RunRecord): string[] {
  const { optOuts = new Map(), arrivals = [] } = gateway;
  const late = arrivals.flatMap(({ number, to, at }) => {
    const optOut = optOuts.get(to);
    if (!optOut || at <= optOut.at + underWayMs) return [];
    return [`Message ${number} left ${at - optOut.at} ms after the opt-out of its contact was acknowledged.`];
  });
  const reached = new Set([...gateway.accepted.values()].map(({ number }) => number));
  const phones = new Map(crm.contacts.map(({ phone }, index) => [index, phone]));
  const missing = plan.list
    .filter(({ number, isLast, contact }) => isLast && reached.has(number) && !optOuts.has(phones.get(contact) ?? ''))
    .map(({ number }) => `${toReplyId(number)}, a STOP, was never acknowledged.`);
  return [...late, ...missing];
}

function checkTriggers(record: RunRecord): string[] {
  const events = record.triggerEvents ?? [];
  return [
    ...checkEvents(record, events),
    ...events.flatMap((event) => checkFirings(record, event)),
    ...listStray(record, events),
  ];
}

/** Checks that each change of state has its event, and no second one. */
function checkEvents({ plan, crm, gateway, holds = new Map() }: RunRecord, events: readonly StoredTriggerEvent[]): string[] {
  const counts = new Map<string, number>();
  for (const { kind, highlevelMessageId, replyId, connectionId, address } of events) {
    const subject = kind === 'reply_received' ? replyId : kind === 'channel_held' ? connectionId : highlevelMessageId;
    const key = `${kind} ${subject ?? address}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const expectCount = (key: string, about: string, least: number, most: number) => {
    const count = counts.get(key) ?? 0;
    return count >= least && count <= most ? [] : [`${about} has ${count} events instead of ${most}.`];
  };
  const ofMessages = plan.list.flatMap(({ number }) => {
    const id = crm.ids.get(number) ?? '';
    const reported = crm.highlevel.listStatuses(id);
    const isDelivered = reported.includes('delivered') || reported.includes('read');
    // A failure that was taken back at once may be reported or not; what was reported has happened.
    const hasFailed = reported.includes('failed');
    return [
      ...expectCount(`message_delivered ${id}`, `The delivery of message ${number}`, isDelivered ? 1 : 0, isDelivered ? 1 : 0),
      ...expectCount(`message_failed ${id}`, `The failure of message ${number}`, hasFailed ? 1 : 0, 1),
    ];
  });
  const ofOptOuts = crm.contacts.flatMap(({ phone }, index) => {
    const count = gateway.optOuts?.has(phone ?? '') ? 1 : 0;
    return expectCount(`opted_out ${phone}`, `The opt-out of contact ${index}`, count, count);
  });
  const ofReplies = [...gateway.replies.values()]
    .flat()
    .flatMap((replyId) => expectCount(`reply_received ${replyId}`, `The ${replyId}`, 1, 1));
  const ofHolds = [...holds].flatMap(([id, count]) => [
    ...expectCount(`channel_held ${id}`, `The hold of connection ${id}`, count, count),
    ...(count === 0 ? [`Connection ${id} was never held.`] : []),
  ]);
  return [...ofMessages, ...ofReplies, ...ofOptOuts, ...ofHolds];
}

/** Checks that an event has started its workflow once, or at most once where its response was lost, and says so. */
function checkFirings({ crm, kills, downtimes }: RunRecord, event: StoredTriggerEvent): string[] {
  const { id, kind, outcome, details } = event;
  const starts = countStarts(crm).get(id) ?? 0;
  const about = `The event ${kind} of ${event.highlevelMessageId ?? event.address} (${outcome ?? 'open'})`;
  if (starts > 1) return [`${about} has started its workflow ${starts} times.`];
  if (outcome === 'fired') return starts === 1 ? [] : [`${about} has not started its workflow.`];
  if (outcome !== 'unconfirmed') return [`${about} was lost: ${details ?? 'it has not ended'}.`];
  const from = (event.startedAt?.getTime() ?? 0) - 100;
  const to = event.endedAt?.getTime() ?? 0;
  // No response, or one that says nothing of what happened, or no process that could note it.
  const isExplained =
    crm.firings.some(({ eventId, status }) => eventId === id && (status === 0 || status >= 500)) ||
    kills.some(({ at }) => at >= from && at <= to) ||
    downtimes.some((downtime) => downtime.from <= to && downtime.to >= from);
  return isExplained ? [] : [`${about} is uncertain, and no response was lost: ${details}.`];
}

function listStray({ crm }: RunRecord, events: readonly StoredTriggerEvent[]): string[] {
  const known = new Set(events.map(({ id }) => id));
  return [...countStarts(crm).keys()]
    .filter((id) => !known.has(id))
    .map((id) => `A workflow was started by ${id}, no stored event.`);
}

function countStarts({ highlevel }: RunRecord['crm']): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { executions } of Object.values(highlevel.state.triggers ?? {})) {
    for (const { eventId } of executions) counts.set(String(eventId), (counts.get(String(eventId)) ?? 0) + 1);
  }
  return counts;
}
