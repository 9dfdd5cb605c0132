import * as z from 'zod';
import type { ConnectionRef } from '../../../connections/connection.ts';
import { definePage } from '../framework/page.ts';
import type { ChannelPageDeps } from './providers.ts';
import { getChannelsVersion, listChannelStatuses } from './status.ts';

/** Creates the page of a location's channels: every provider of the app with its connection and health. */
export function createChannelsPage(deps: ChannelPageDeps) {
  return definePage({
    path: 'channels',
    scope: 'location',
    viewers: ['location', 'agency', 'operator'],
    view: 'channels',
    nav: { text: 'channels.nav', order: 20 },
    query: z.object({}),
    show: async ({ location, text }) => ({
      title: text('channels.title'),
      statuses: await Promise.all(
        (await listChannelStatuses(deps, text, location)).map(async (status) => ({
          ...status,
          others: await countOthers(deps, { locationId: location.resourceId, providerKey: status.key }),
        })),
      ),
      isInstalled: location.status !== 'uninstalled',
    }),
    version: ({ location }) => getChannelsVersion(deps, location),
  });
}

/** Counts a provider's connections beside the default one, and those of them that send nothing for now. */
async function countOthers({ connections }: ChannelPageDeps, ref: ConnectionRef) {
  const others = (await connections.listUsableConnections(ref)).filter(({ isDefault }) => !isDefault);
  return { count: others.length, stopped: others.filter(({ pausedAt, status }) => pausedAt || status !== 'active').length };
}
