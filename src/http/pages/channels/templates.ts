import * as z from 'zod';
import type { Template } from '../../../channels/channel.ts';
import { createTimedCache } from '../../../runtime/timed-cache.ts';
import { defineConnectionPages, toTarget } from './connection-pages.ts';
import { type ChannelPageDeps, getProvider, getUsableConnection, toChannelName, toProviderName } from './providers.ts';

const listTtlMs = 10_000;

/** Creates the pages of a connection's approved templates, with a preview of each. */
export function createTemplatesPages(deps: ChannelPageDeps) {
  const cache = createTimedCache<readonly Template[]>(deps.clock, listTtlMs);

  return defineConnectionPages({
    page: 'templates',
    view: 'channel-templates',
    query: z.object({}),

    async show(input) {
      const { providerKey, text } = input;
      const provider = getProvider(deps, providerKey);
      const connection = await getUsableConnection(deps, toTarget(input));
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
