import * as z from 'zod';
import { maxChars } from '../core/bounds.ts';
import { AppError } from '../core/errors.ts';
import { flag, readRows, requiredText, text, toList, toText } from '../core/foreign.ts';
import { type HighLevel, type TokenOwner, toCompanyOwner, toIdField } from './client.ts';
import { parseTokenSet, type TokenSet } from './oauth.ts';

/** Largest page that HighLevel was seen to return; it may return fewer rows (platform.md 5.5). */
const pageSize = 100;

/** One page of a company's locations. */
export interface ListedLocations {
  /** Rows of the page, installed or not: the next page skips as many. */
  readonly rowCount: number;
  /** Rows that can't be read. */
  readonly unreadableCount: number;
  readonly installed: readonly { locationId: string; name: string | null }[];
  readonly includesFutureLocations: boolean | null;
}

const listedLocation = z.object({ _id: requiredText(maxChars.highlevelId), name: text, isInstalled: flag });

/**
 * Lists the locations of a company in which the app is installed: a page of them, or one. Every row is checked, as HighLevel returns rows
 * of locations without the app too (platform.md 5.5).
 *
 * @throws AppError as the client
 */
export async function listInstalledLocations(
  highLevel: HighLevel,
  app: { companyId: string; appId: string },
  filter: { skip: number } | { locationId: string },
): Promise<ListedLocations> {
  const range = 'skip' in filter ? { skip: String(filter.skip), limit: String(pageSize) } : filter;
  const { body } = await highLevel({
    operation: 'listInstalledLocations',
    owner: toCompanyOwner(app.companyId),
    query: { companyId: app.companyId, appId: app.appId, isInstalled: 'true', ...range },
  });
  // An empty list may be null; a response without the field is no listing.
  if (body.locations === undefined) {
    throw new AppError('highlevel_unreachable', 'The CRM’s response has no list of locations.');
  }
  const { rows, unreadCount: unread } = readRows(listedLocation, body.locations);
  return {
    rowCount: toList(body.locations).length,
    unreadableCount: unread,
    installed: rows
      .filter(({ _id, isInstalled }) => isInstalled && (!('locationId' in filter) || _id === filter.locationId))
      .map(({ _id, name }) => ({ locationId: _id, name: name ?? null })),
    includesFutureLocations: toText(body.installToFutureLocations) ? flag.parse(body.installToFutureLocations) : null,
  };
}

/**
 * Exchanges a company's token for one of its location's (platform.md 5.5).
 *
 * @param sentAt time of the request
 * @throws AppError as the client; `highlevel_refused` when the response is of another location
 */
export async function mintLocationToken(
  highLevel: HighLevel,
  companyId: string,
  locationId: string,
  sentAt: Date,
): Promise<TokenSet> {
  const { body } = await highLevel({
    operation: 'mintLocationToken',
    owner: toCompanyOwner(companyId),
    body: { companyId, locationId },
  });
  // The dated schema promises neither the kind nor the company; the caller knows both.
  const tokens = parseTokenSet(body, sentAt, { userType: 'Location', locationId, companyId });
  if (tokens.kind === 'location' && tokens.locationId === locationId) return tokens;
  throw new AppError('highlevel_refused', `The CRM’s response has a token that is not location ${locationId}’s.`);
}

/**
 * Uninstalls the app: a company's token removes it from all of its locations too (platform.md 5.8).
 *
 * @param reason required when the app itself uninstalls
 * @throws AppError as the client
 */
export async function uninstallApp(highLevel: HighLevel, owner: TokenOwner, appId: string, reason: string): Promise<void> {
  await highLevel({ operation: 'uninstall', owner, path: { appId }, body: { ...toIdField(owner), reason } });
}
