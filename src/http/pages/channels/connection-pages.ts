import type * as z from 'zod';
import type { ConnectionTarget } from '../../../connections/connection.ts';
import type { VisibleConnection } from '../../auth/access.ts';
import { definePage, type Page } from '../framework/page.ts';

/** The connection that the path of a page names: by its id, else the provider's default. */
export interface ConnectionInput {
  readonly location: { readonly resourceId: string };
  readonly providerKey: string;
  readonly connection?: VisibleConnection | undefined;
}

type Definition<Query extends z.ZodObject> = Parameters<typeof definePage<'location', 'channels/:providerKey', Query>>[0];

/**
 * Defines a page of a connection at two paths: of the provider's default, and of the connection with an id. Its view gets `base`, the path of
 * the connection's pages.
 *
 * @param definition `page`: the last part of its path; empty for the connection's own page
 */
export function defineConnectionPages<Query extends z.ZodObject>(
  definition: Omit<Definition<Query>, 'path' | 'scope' | 'viewers'> & { page: string },
): Page[] {
  const { page, show, ...rest } = definition;
  const below = page === '' ? '' : (`/${page}` as const);
  const shared = {
    ...rest,
    scope: 'location',
    viewers: ['location', 'agency', 'operator'],
    show: async (input: Parameters<typeof show>[0]) => ({ base: toConnectionPath(input), ...(await show(input)) }),
  } as const;
  return [
    definePage({ ...shared, path: `channels/:providerKey${below}` }),
    definePage({ ...shared, path: `channels/:providerKey/connections/:connectionId${below}` }),
  ];
}

export function toTarget({ location, providerKey, connection }: ConnectionInput): ConnectionTarget {
  const ref = { locationId: location.resourceId, providerKey };
  return connection ? { ...ref, connectionId: connection.id } : ref;
}

/** Returns the path of a connection's pages. */
export function toConnectionPath({ providerKey, connection }: Pick<ConnectionInput, 'providerKey' | 'connection'>): string {
  return connection ? `channels/${providerKey}/connections/${connection.id}` : `channels/${providerKey}`;
}
