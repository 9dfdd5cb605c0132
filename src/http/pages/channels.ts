import * as z from 'zod';
import type { ChannelPageDeps } from './channel-place.ts';
import { channelStatuses, channelsVersion } from './channel-status.ts';
import { page } from './page.ts';

/** What a location sends by: every provider of the app, what is connected for it, and how that does. */
export function channelsPage(deps: ChannelPageDeps) {
  return page({
    path: 'channels',
    about: 'location',
    viewers: ['location', 'agency', 'operator'],
    view: 'channels',
    nav: { text: 'channels.nav', order: 20 },
    query: z.object({}),
    show: async ({ location, text }) => ({
      title: text('channels.title'),
      statuses: await channelStatuses(deps, text, location),
      isInstalled: location.status !== 'uninstalled',
    }),
    version: ({ location }) => channelsVersion(deps, location),
  });
}
