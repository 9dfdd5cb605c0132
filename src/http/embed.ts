import { Router } from 'express';
import type { Clock } from '../core/clock.ts';
import type { Database } from '../database/client.ts';
import { createAdaptiveCache } from '../runtime/adaptive-cache.ts';
import { allowFraming } from './middleware/security-headers.ts';

export interface EmbedDeps {
  db: Database;
  clock: Clock;
  /** Who may show the page in a frame, besides the agencies' own domains. */
  frameAncestors: readonly string[];
}

/**
 * The page inside HighLevel (platform.md 7). It is the same for everybody and holds nothing: its script asks the parent frame who looks
 * and gets a token for it. No cookie is set or read, as browsers block those of a framed page.
 */
export function createEmbedRouter(deps: EmbedDeps): Router {
  const router = Router({ caseSensitive: true });
  // One look at all of them for all who ask: the page is open to strangers.
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
 * The parent frame's origin, if it is a domain under which an agency shows HighLevel. Only the one that asks is ever named: a list of
 * all would tell everybody who the agencies are.
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
