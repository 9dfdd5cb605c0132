import { Router } from 'express';
import type { Clock } from '../core/clock.ts';
import type { Database } from '../database/client.ts';
import { createAdaptiveCache } from '../runtime/adaptive-cache.ts';
import { allowFraming } from './middleware/security-headers.ts';

export interface EmbedDeps {
  db: Database;
  clock: Clock;
  /** Origins that may frame the page, besides the agencies' own domains. */
  frameAncestors: readonly string[];
}

/**
 * Creates the route of the page inside HighLevel (platform.md 7). The page is the same for all users and holds no data: its script gets the
 * user context from the parent frame and exchanges it for a token. It uses no cookies, because browsers block those of a framed page.
 */
export function createEmbedRouter(deps: EmbedDeps): Router {
  const router = Router({ caseSensitive: true });
  // All requests share one query: the page is open to strangers.
  const cached = createAdaptiveCache<ReadonlySet<string>>(deps.clock);
  const listDomains = () => cached('domains', () => listWhiteLabelDomains(deps.db));
  router.get('/embed', async (request, response) => {
    const whiteLabelOrigins = await findWhiteLabelOrigins(listDomains, request.get('referer'));
    allowFraming(response, [...deps.frameAncestors, ...whiteLabelOrigins]);
    response.set('cache-control', 'no-store').render('embed');
  });
  return router;
}

/**
 * Returns the parent frame's origin if it is a white-label domain of an agency. The header names only this domain, because a list of all
 * would disclose the agencies.
 */
async function findWhiteLabelOrigins(
  listDomains: () => Promise<ReadonlySet<string>>,
  referer: string | undefined,
): Promise<string[]> {
  if (!referer || !URL.canParse(referer)) return [];
  const { protocol, hostname, origin } = new URL(referer);
  if (protocol !== 'https:') return [];
  return (await listDomains()).has(hostname) ? [origin] : [];
}

async function listWhiteLabelDomains({ client }: Database): Promise<ReadonlySet<string>> {
  const rows = await client.$queryRaw<{ domain: string }[]>`
    SELECT DISTINCT unnest(white_label_domains) AS domain FROM installations
    WHERE status <> 'uninstalled' AND white_label_domains <> '{}'`;
  return new Set(rows.map(({ domain }) => domain));
}
