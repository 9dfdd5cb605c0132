import * as z from 'zod';
import type { Messaging } from '../../../compose/messaging.ts';
import type { Clock } from '../../../core/clock.ts';
import { getDayRange } from '../../../core/local-days.ts';
import { isTimeZone } from '../../../core/local-time.ts';
import type { Database } from '../../../database/client.ts';
import type { Reader } from '../../../database/replica.ts';
import type { Provider } from '../../../highlevel/providers.ts';
import type { Installation } from '../../../installations/store.ts';
import type { LogQuery, LogScope } from '../../../messages/log/list-messages.ts';
import { loadGroupPauses } from '../../../messages/log/wait-reasons.ts';
import { type Access, visibleLocations } from '../../auth/access.ts';
import { definePage, optionalField, type PageInput } from '../framework/page.ts';
import { toReasonText } from '../framework/texts.ts';
import { createMessageLink, loadLocationNames, loadMessageRows, toRowsVersion } from './rows.ts';

export interface LogPageDeps {
  messaging: Pick<Messaging, 'browseMessages'>;
  db: Database;
  reader: Pick<Reader, 'ageMs'>;
  clock: Clock;
  providers: readonly Provider[];
}

const pageSize = 50;

const query = z.object({
  q: optionalField(z.string().trim().max(100)),
  status: optionalField(z.enum(['pending', 'unknown', 'delivered', 'read', 'failed'])),
  direction: optionalField(z.enum(['outbound', 'inbound'])),
  channel: optionalField(z.string().max(64)),
  reason: optionalField(z.string().max(100)),
  day: optionalField(z.iso.date().refine((day) => day >= '1970-01-01' && day <= '2100-01-01')),
  /** The time zone of `day`: the viewer's, which the browser fills in; else the location's. */
  zone: optionalField(z.string().max(64).refine(isTimeZone)),
  before: optionalField(z.uuid()),
  after: optionalField(z.uuid()),
});

type MessagesPageInput = PageInput & { query: z.output<typeof query>; location?: Installation };

/** Creates the page of a location's messages: newest first, with filters, search and live updates. */
export function createMessagesPage(deps: LogPageDeps) {
  return definePage({
    path: 'messages',
    scope: 'location',
    viewers: ['location', 'agency', 'operator'],
    view: 'messages',
    nav: { text: 'log.nav', order: 30 },
    query,
    show: (input) => showMessages(deps, 'location', input),
    version: (input) => getVersion(deps, input),
  });
}

/** Creates the page of the messages of all visible locations. */
export function createAccountMessagesPage(deps: LogPageDeps) {
  return definePage({
    path: 'messages',
    scope: 'account',
    viewers: ['agency', 'operator'],
    view: 'messages',
    nav: { text: 'log.nav', order: 30 },
    query,
    show: (input) => showMessages(deps, 'account', input),
    version: (input) => getVersion(deps, input),
  });
}

async function showMessages(deps: LogPageDeps, scope: 'location' | 'account', input: MessagesPageInput) {
  const { text, url } = input;
  const { items, older, newer, searchedUntil, isFirst } = await loadPage(deps, input);
  const { before: _before, after: _after, zone, ...filters } = input.query;
  const isFiltered = Object.values(filters).some(Boolean);
  const linkFilters = { ...filters, zone: filters.day ? zone : undefined };
  const path = scope === 'location' ? 'messages' : '/messages';
  const [stopped] = searchedUntil
    ? await deps.db.client.message.findMany({ where: { id: searchedUntil }, select: { createdAt: true } })
    : [];
  return {
    title: text('log.title'),
    path: url(path),
    rows: await loadMessageRows(deps, items, { text, href: createMessageLink(url, scope) }),
    locationNames: scope === 'account' ? await loadLocationNames(deps.db, items) : null,
    filters: { ...filters, zone: getZone(input) },
    reasonName: filters.reason ? toReasonText(text, { code: filters.reason, message: filters.reason }) : null,
    providers: deps.providers.map(({ key }) => key),
    isFiltered,
    isFirst,
    searchedTo: stopped?.createdAt ?? null,
    isStatic: isStatic(input),
    ageMs: deps.reader.ageMs(),
    newest: isFirst ? null : url(path, linkFilters),
    newer: newer && url(path, { ...linkFilters, after: newer }),
    older: older && url(path, { ...linkFilters, before: older }),
    clear: url(path),
  };
}

async function getVersion(deps: LogPageDeps, input: MessagesPageInput): Promise<string> {
  if (isStatic(input)) return 'static';
  const { items, newer } = await loadPage(deps, input);
  const waits = await loadGroupPauses(deps, items);
  return JSON.stringify([toRowsVersion(items), Boolean(newer), [...waits]]);
}

/** Checks whether the query is too expensive to repeat every second: text search, or unindexed filters over many locations. */
function isStatic({ query: { q, status, direction, channel, reason }, location }: MessagesPageInput): boolean {
  const isIndexed = status === undefined || status === 'failed' || status === 'unknown';
  return Boolean(q || (!location && (direction || channel || reason || !isIndexed)));
}

/** Loads the page of messages; a partial page of newer messages is replaced by the whole first page. */
async function loadPage(deps: LogPageDeps, input: MessagesPageInput) {
  const { before, after } = input.query;
  const scope = await getLogScope(deps.db, input);
  const page = await deps.messaging.browseMessages(scope, toLogQuery(input));
  if (after === undefined || page.newer || page.items.length === pageSize) return { ...page, isFirst: !before && !after };
  return { ...(await deps.messaging.browseMessages(scope, { ...toLogQuery(input), after: undefined })), isFirst: true };
}

async function getLogScope(db: Database, { access, location }: MessagesPageInput): Promise<LogScope> {
  return location ? [location.resourceId] : listVisibleLocations(db, access);
}

async function listVisibleLocations(db: Database, access: Access): Promise<LogScope> {
  if (access === 'operator') return 'all';
  const rows = await db.client.installation.findMany({ where: visibleLocations(access), select: { resourceId: true } });
  return rows.map(({ resourceId }) => resourceId);
}

function toLogQuery(input: MessagesPageInput): LogQuery {
  const { q, status, direction, channel, reason, before, after } = input.query;
  return {
    ...(input.query.day ? getDayRange(input.query.day, getZone(input)) : {}),
    q: q || undefined,
    status,
    direction,
    providerKey: channel,
    reason,
    before,
    after,
    limit: pageSize,
  };
}

function getZone({ query, location }: MessagesPageInput): string {
  return query.zone ?? location?.timezone ?? 'UTC';
}
