import * as z from 'zod';
import type { Clock } from '../../core/clock.ts';
import { getDayRange } from '../../core/local-days.ts';
import { isTimeZone } from '../../core/local-time.ts';
import type { Database } from '../../database/client.ts';
import type { Provider } from '../../highlevel/providers.ts';
import type { Installation } from '../../installations/store.ts';
import type { ListMessages, LogQuery, LogScope } from '../../messages/log/list-messages.ts';
import { loadGroupPauses } from '../../messages/log/wait-reasons.ts';
import { type Access, visibleLocations } from '../auth/access.ts';
import { linkToMessage, locationNames, messageRows, rowsVersion } from './message-rows.ts';
import { ifGiven, type PageInput, page } from './page.ts';
import { reasonText } from './texts.ts';

export interface LogPageDeps {
  listMessages: ListMessages;
  db: Database;
  clock: Clock;
  providers: readonly Provider[];
}

const rowsAtOnce = 50;

const query = z.object({
  q: ifGiven(z.string().trim().max(100)),
  status: ifGiven(z.enum(['pending', 'unknown', 'delivered', 'read', 'failed'])),
  direction: ifGiven(z.enum(['outbound', 'inbound'])),
  channel: ifGiven(z.string().max(64)),
  reason: ifGiven(z.string().max(100)),
  day: ifGiven(z.iso.date().refine((day) => day >= '1970-01-01' && day <= '2100-01-01')),
  /** In which the day is meant: the viewer's, which the browser fills in; else the location's. */
  zone: ifGiven(z.string().max(64).refine(isTimeZone)),
  before: ifGiven(z.uuid()),
  after: ifGiven(z.uuid()),
});

type Asked = PageInput & { query: z.output<typeof query>; location?: Installation };

/** A location's messages: newest first, filtered, searched, and live. */
export function messagesPage(deps: LogPageDeps) {
  return page({
    path: 'messages',
    about: 'location',
    viewers: ['location', 'agency', 'operator'],
    view: 'messages',
    nav: { text: 'log.nav', order: 30 },
    query,
    show: (input) => show(deps, 'location', input),
    version: (input) => version(deps, input),
  });
}

/** The same over everything that somebody reaches. */
export function messagesPageOfReach(deps: LogPageDeps) {
  return page({
    path: 'messages',
    about: 'reach',
    viewers: ['agency', 'operator'],
    view: 'messages',
    nav: { text: 'log.nav', order: 30 },
    query,
    show: (input) => show(deps, 'reach', input),
    version: (input) => version(deps, input),
  });
}

async function show(deps: LogPageDeps, about: 'location' | 'reach', input: Asked) {
  const { text, url } = input;
  const { items, older, newer, searchedUntil, isFirst } = await found(deps, input);
  const { before: _before, after: _after, zone, ...filters } = input.query;
  const isFiltered = Object.values(filters).some(Boolean);
  const kept = { ...filters, zone: filters.day ? zone : undefined };
  const path = about === 'location' ? 'messages' : '/messages';
  const [stopped] = searchedUntil
    ? await deps.db.client.message.findMany({ where: { id: searchedUntil }, select: { createdAt: true } })
    : [];
  return {
    title: text('log.title'),
    path: url(path),
    rows: await messageRows(deps, items, { text, href: linkToMessage(url, about) }),
    locationNames: about === 'reach' ? await locationNames(deps.db, items) : null,
    filters: { ...filters, zone: zoneOf(input) },
    reasonName: filters.reason ? reasonText(text, { code: filters.reason, message: filters.reason }) : null,
    providers: deps.providers.map(({ key }) => key),
    isFiltered,
    isFirst,
    searchedTo: stopped?.createdAt ?? null,
    isStill: isStill(input),
    newest: isFirst ? null : url(path, kept),
    newer: newer && url(path, { ...kept, after: newer }),
    older: older && url(path, { ...kept, before: older }),
    clear: url(path),
  };
}

async function version(deps: LogPageDeps, input: Asked): Promise<string> {
  if (isStill(input)) return 'still';
  const { items, newer } = await found(deps, input);
  const waits = await loadGroupPauses(deps, items);
  return JSON.stringify([rowsVersion(items), Boolean(newer), [...waits]]);
}

/** What is looked for through many messages is not looked for every second: words, and whatever no index serves in many locations. */
function isStill({ query: { q, status, direction, channel, reason }, location }: Asked): boolean {
  const isServed = status === undefined || status === 'failed' || status === 'unknown';
  return Boolean(q || (!location && (direction || channel || reason || !isServed)));
}

/** Where only a few are newer, the whole first page is better than those few. */
async function found(deps: LogPageDeps, input: Asked) {
  const { before, after } = input.query;
  const scope = await scopeOf(deps.db, input);
  const page = await deps.listMessages(scope, logQueryOf(input));
  if (after === undefined || page.newer || page.items.length === rowsAtOnce) return { ...page, isFirst: !before && !after };
  return { ...(await deps.listMessages(scope, { ...logQueryOf(input), after: undefined })), isFirst: true };
}

async function scopeOf(db: Database, { access, location }: Asked): Promise<LogScope> {
  return location ? [location.resourceId] : reachableLocations(db, access);
}

async function reachableLocations(db: Database, access: Access): Promise<LogScope> {
  if (access === 'operator') return 'all';
  const rows = await db.client.installation.findMany({ where: visibleLocations(access), select: { resourceId: true } });
  return rows.map(({ resourceId }) => resourceId);
}

function logQueryOf(input: Asked): LogQuery {
  const { q, status, direction, channel, reason, before, after } = input.query;
  return {
    ...(input.query.day ? getDayRange(input.query.day, zoneOf(input)) : {}),
    q: q || undefined,
    status,
    direction,
    providerKey: channel,
    reason,
    before,
    after,
    limit: rowsAtOnce,
  };
}

function zoneOf({ query, location }: Asked): string {
  return query.zone ?? location?.timezone ?? 'UTC';
}
