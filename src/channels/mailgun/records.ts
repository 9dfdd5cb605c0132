import * as z from 'zod';
import { maxChars } from '../../core/bounds.ts';
import {
  flag,
  nestedObject,
  readRows,
  shortId,
  text,
  time,
  toId,
  toList,
  toObject,
  toText,
  unknownField,
} from '../../core/foreign.ts';

const id = shortId(maxChars.externalId);
const address = shortId(maxChars.address);
const word = text.transform((value) => value?.trim().toLowerCase());

/** Reads Mailgun's words in an error; it has no codes. */
export function readErrorMessage(body: Record<string, unknown>): string | undefined {
  return toText(body.message) ?? toText(body.Reason) ?? toText(body.Error);
}

/** Reads the id of an accepted message, which is its Message-ID. */
export function readSentId(body: Record<string, unknown>): string | undefined {
  const sent = toId(body.id)?.replace(/^<|>$/g, '');
  return sent !== undefined && sent.length <= maxChars.externalId ? sent : undefined;
}

const eventRecord = z
  .object({
    event: word,
    timestamp: time,
    recipient: address,
    severity: word,
    reason: text,
    message: nestedObject(z.object({ headers: nestedObject(z.object({ 'message-id': id, to: text })) })),
    'delivery-status': nestedObject(z.object({ code: id, 'enhanced-code': id, message: text, description: text })),
    flags: nestedObject(z.object({ 'is-routed': flag })),
    reject: nestedObject(z.object({ reason: text, description: text })),
    'client-info': nestedObject(z.object({ bot: text })),
  })
  .transform((record) => ({
    event: record.event,
    at: record.timestamp,
    recipient: record.recipient,
    severity: record.severity,
    reason: record.reason,
    externalId: record.message.headers['message-id']?.replace(/^<|>$/g, ''),
    to: record.message.headers.to,
    status: record['delivery-status'],
    /** An inbound email that a route passes on: no message of ours. */
    isRouted: record.flags['is-routed'],
    rejectReason: record.reject.description ?? record.reject.reason,
    isBot: record['client-info'].bot !== undefined,
  }));

/** An event of a message, of a webhook or of the list of events; any field may be missing. */
export type EventRecord = z.output<typeof eventRecord>;

/** Reads an event. */
export function readEvent(value: Record<string, unknown>): EventRecord {
  return eventRecord.parse(value);
}

/** Reads a list of events. */
export function readEvents(body: Record<string, unknown>): EventRecord[] {
  return toList(body.items).map((row) => readEvent(toObject(row)));
}

const dnsRecord = z.object({ record_type: word, valid: word });

const domainRecord = z
  .object({
    domain: nestedObject(z.object({ name: text, state: word, type: word, is_disabled: flag })),
    receiving_dns_records: unknownField,
    sending_dns_records: unknownField,
  })
  .transform(({ domain, receiving_dns_records: receiving }) => ({
    ...{ name: domain.name, state: domain.state, type: domain.type, isDisabled: domain.is_disabled },
    /** Undefined where Mailgun lists no records. */
    canReceive: hasValidRecord(receiving),
  }));

function hasValidRecord(value: unknown): boolean | undefined {
  const { rows } = readRows(dnsRecord, toList(value).map(toObject));
  const known = rows.filter(({ valid }) => valid !== undefined);
  return known.length === 0 ? undefined : known.some(({ valid }) => valid === 'valid');
}

/** Reads the domain. */
export function readDomain(value: Record<string, unknown>) {
  return domainRecord.parse(value);
}

/** Reads the addresses of the domain's webhooks, by their event. */
export function readWebhookUrls(body: Record<string, unknown>): ReadonlyMap<string, readonly string[]> {
  return new Map(
    Object.entries(toObject(body.webhooks)).map(([event, value]) => {
      const { urls, url } = toObject(value);
      return [event, toList(urls ?? url).flatMap((one) => toId(one) ?? [])] as const;
    }),
  );
}

const routeRecord = z.object({ id, expression: text, actions: unknownField }).transform((route) => ({
  id: route.id,
  expression: route.expression ?? '',
  actions: toList(route.actions).flatMap((action) => toText(action) ?? []),
}));

export type RouteRecord = z.output<typeof routeRecord>;

/** Reads a page of the account's routes. */
export function readRoutes(body: Record<string, unknown>): RouteRecord[] {
  return toList(body.items).map((row) => routeRecord.parse(toObject(row)));
}
