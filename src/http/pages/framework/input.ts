import type { Request, Response } from 'express';
import * as z from 'zod';
import { AppError } from '../../../core/errors.ts';
import { isStorable } from '../../../core/sanitize.ts';
import type { Database } from '../../../database/client.ts';
import type { Installation } from '../../../installations/store.ts';
import type { Message } from '../../../messages/model/message.ts';
import { type Access, can, getVisibleLocation, pathResolvers, type VisibleConnection } from '../../auth/access.ts';
import type { LinkQuery, Page, ResolvedInput, Viewer } from './page.ts';
import type { PageShell } from './shell.ts';
import type { Text } from './texts.ts';

/** A request for a page, with the records that its path names. */
export interface PageRequest {
  page: Page;
  request: Request;
  /** The page's own path and query, as in its links. */
  here: string;
  input: ResolvedInput;
}

export function toViewer(access: Access): Viewer {
  if (access === 'operator') return 'operator';
  return access.locationId === null ? 'agency' : 'location';
}

/** Returns the caller's access and language. @throws AppError `unauthorized` */
export function getCaller(response: Response): { access: Access; text: Text } {
  const { access, text } = response.locals;
  if (!access || !text) throw new AppError('unauthorized', 'This needs a token.');
  return { access, text };
}

/** Parameters whose value is an id of ours, and what it names. */
const uuidParams: Readonly<Record<string, string>> = { id: 'message', connectionId: 'connection' };

/** Loads the records that a path names, if they are visible to the caller. @throws AppError `not_found`, `request_invalid` */
export async function resolvePageRequest(
  db: Database,
  options: { page: Page; path: string; viewer: Viewer; shell: PageShell; request: Request; response: Response },
): Promise<PageRequest> {
  const { page, viewer, shell: frame, request, response } = options;
  const { access, text } = getCaller(response);
  if (!isStorable(request.params)) throw new AppError('not_found', 'There is no page at this address.');
  const found: { location?: Installation; message?: Message; providerKey?: string; connection?: VisibleConnection } = {};
  for (const [name, value] of Object.entries(request.params)) {
    const find = pathResolvers[name];
    if (!find) throw new AppError('internal', `${page.path}: “${name}” has no path resolver.`);
    const uuidOf = uuidParams[name];
    if (uuidOf && !z.uuid().safeParse(value).success) throw new AppError('not_found', `There is no such ${uuidOf}.`);
    Object.assign(found, await find(db, access, String(value)));
  }
  if (page.scope === 'location' && access !== 'operator' && access.locationId !== null) {
    found.location = await getVisibleLocation(db, access, access.locationId);
  }
  if (page.scope === 'location' && found.message && found.message.locationId !== found.location?.resourceId) {
    throw new AppError('not_found', 'There is no such message.');
  }
  const { connection } = found;
  if (connection && (connection.locationId !== found.location?.resourceId || connection.providerKey !== found.providerKey)) {
    throw new AppError('not_found', 'There is no such connection.');
  }
  const query = page.query.safeParse(request.query);
  if (!query.success || !isStorable(request.query)) throw new AppError('request_invalid', 'This link is not one of this page.');

  const top = page.scope === 'location' && viewer !== 'location' ? `locations/${found.location?.resourceId}` : '';
  return {
    page,
    request,
    here: request.url.replace(/^\//, ''),
    input: {
      access,
      viewer,
      text,
      can: (need) => can(access, need),
      url: (path, link) => frame.href(toLinkPath(top, path, link)),
      clientAddress: request.ip ?? 'unknown',
      query: query.data,
      ...found,
    },
  };
}

function toLinkPath(top: string, path: string, query: LinkQuery = {}): string {
  const full = path.startsWith('/') ? path.slice(1) : [top, path].filter(Boolean).join('/');
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [[name, String(value)] as [string, string]],
  );
  return given.length > 0 ? `${full}?${new URLSearchParams(given)}` : full;
}
