import type { Executor } from '../../database/client.ts';
import { listMisplacedWebhooks, type WebhookSighting } from '../../installations/webhook-observations.ts';
import type { Finding } from '../alert.ts';

const dayMs = 24 * 60 * 60 * 1000;

/**
 * Finds webhook URLs that are mixed up in HighLevel's developer portal: one received content of another. An alert resolves a day after the
 * last such webhook, as an app with little traffic would otherwise trigger it again with each message.
 */
export async function findMisplacedWebhooks(on: Executor, now: Date): Promise<Finding[]> {
  const rows = await listMisplacedWebhooks(on, new Date(now.getTime() - dayMs));
  return rows.map((row) => ({ subject: row.address, locationId: null, companyId: null, details: describeMisplaced(row) }));
}

function describeMisplaced({ address, misplacedContent }: WebhookSighting): string {
  const [content, detail] = splitOnce(misplacedContent ?? '', ':');
  const [, providerKey] = splitOnce(address, '/');
  const belongs =
    providerKey === '' ? 'Only app events belong there.' : `Only messages for the provider “${providerKey}” belong there.`;
  return `Came to /webhooks/${address}: ${contentTexts[content]?.(detail) ?? content}. ${belongs} Correct the addresses in the developer portal.`;
}

function splitOnce(text: string, separator: string): [string, string] {
  const index = text.indexOf(separator);
  return index < 0 ? [text, ''] : [text.slice(0, index), text.slice(index + 1)];
}

const contentTexts: Readonly<Record<string, (which: string) => string>> = {
  app_event: () => 'an event of the app, whose address is /webhooks/app. It was handled there',
  delivery: (key) => `a message for the provider “${key}”, whose address is /webhooks/providers/${key}. It was handled there`,
  ambiguous_delivery: () => 'a message that names no provider, so it was not sent; it is listed under Unknown webhooks',
  foreign_provider: (id) => `a message for a provider with the id ${id}, which is not in HIGHLEVEL_PROVIDERS. It was not sent`,
};
