import * as z from 'zod';
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
      statuses: await listChannelStatuses(deps, text, location),
      isInstalled: location.status !== 'uninstalled',
    }),
    version: ({ location }) => getChannelsVersion(deps, location),
  });
}
