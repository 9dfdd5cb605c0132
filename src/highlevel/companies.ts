import * as z from 'zod';
import { maxChars } from '../core/bounds.ts';
import { AppError } from '../core/errors.ts';
import { flag, readRows, requiredText, text, toList, toText } from '../core/foreign.ts';
import { type HighLevel, type TokenOwner, toCompanyOwner, toIdField } from './client.ts';
import { parseTokenSet, type TokenSet } from './oauth.ts';

/** The most rows that HighLevel was seen to give at once; it may give fewer (platform.md 5.5). */
const pageSize = 100;

/** One page of a company's locations. */
export interface ListedLocations {
  /** How many rows it had, installed or not: that is how far the next page must skip. */
  readonly rowCount: number;
  /** How many of them can't be read. */
  readonly unreadableCount: number;
  readonly installed: readonly { locationId: string; name: string | null }[];
  readonly includesFutureLocations: boolean | null;
}

const listedLocation = z.object({ _id: requiredText(maxChars.highlevelId), name: text, isInstalled: flag });

/**
 * Asks in which of a company's locations the app is installed: a page of them, or one. Every row is checked, as rows of locations
 * without the app come too (platform.md 5.5).
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
  // An empty list may be null; a response without any is no listing.
  if (body.locations === undefined) {
    throw new AppError('highlevel_unreachable', 'The CRM answered without a list of locations.');
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
 * Makes a location's token from its company's (platform.md 5.5).
 *
 * @param sentAt when the request leaves
 * @throws AppError as the client; `highlevel_refused` when the answer is of another location
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
  // The dated schema promises neither the kind nor the company; both are known here.
  const tokens = parseTokenSet(body, sentAt, { userType: 'Location', locationId, companyId });
  if (tokens.kind === 'location' && tokens.locationId === locationId) return tokens;
  throw new AppError('highlevel_refused', `The CRM answered with a token that is not location ${locationId}’s.`);
}

/**
 * Uninstalls the app: a company's token removes it from all of its locations too (platform.md 5.8).
 *
 * @param reason needed when it is the app that leaves
 * @throws AppError as the client
 */
export async function uninstallApp(highLevel: HighLevel, owner: TokenOwner, appId: string, reason: string): Promise<void> {
  await highLevel({ operation: 'uninstall', owner, path: { appId }, body: { ...toIdField(owner), reason } });
}
