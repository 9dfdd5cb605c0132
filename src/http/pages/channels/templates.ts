import * as z from 'zod';
import type { Template } from '../../../channels/channel.ts';
import { createTimedCache } from '../../../runtime/timed-cache.ts';
import { definePage } from '../framework/page.ts';
import { type ChannelPageDeps, getProvider, getUsableConnection, toChannelName, toProviderName } from './providers.ts';

const listTtlMs = 10_000;

/** Creates the page of a connection's approved templates, with a preview of each. */
export function createTemplatesPage(deps: ChannelPageDeps) {
  const cache = createTimedCache<readonly Template[]>(deps.clock, listTtlMs);

  return definePage({
    path: 'channels/:providerKey/templates',
    scope: 'location',
    viewers: ['location', 'agency', 'operator'],
    view: 'channel-templates',
    query: z.object({}),

    async show({ location, providerKey, text }) {
      const provider = getProvider(deps, providerKey);
      const connection = await getUsableConnection(deps, { locationId: location.resourceId, providerKey });
      const channel = toChannelName(text, connection.channel);
      const key = `${connection.id}/${connection.updatedAt.getTime()}`;
      const templates = await cache(key, () => deps.connections.listTemplates(connection));
      return {
        title: text('channels.templates.title', { channel }),
        providerKey,
        provider: toProviderName(deps, text, provider),
        channel,
        templates: templates.map((template) => ({ ...template, preview: toPreview(template.body) })),
      };
    },
  });
}

/** Splits a body at its parameters, so that a view can mark them. */
function toPreview(body: string): { text: string; isParameter: boolean }[] {
  return body
    .split(/(\{\{[^{}]+\}\})/)
    .filter((part) => part !== '')
    .map((part) => ({ text: part.replace(/^\{\{|\}\}$/g, ''), isParameter: /^\{\{[^{}]+\}\}$/.test(part) }));
}
