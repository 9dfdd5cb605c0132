import { Router } from 'express';
import type { Database } from '../database/client.ts';
import { framedBy } from './middleware/security-headers.ts';

export interface EmbedDeps {
  db: Database;
  /** Who may show the page in a frame, besides the agencies' own domains. */
  frameAncestors: readonly string[];
}

/**
 * The page inside HighLevel (platform.md 7). It is the same for everybody and holds nothing: its script asks the parent frame who looks
 * and gets a token for it. No cookie is set or read, as browsers block those of a framed page.
 */
export function embed(deps: EmbedDeps): Router {
  const router = Router();
  router.get('/embed', async (request, response) => {
    const own = await whiteLabelOrigin(deps.db, request.get('referer'));
    framedBy(response, [...deps.frameAncestors, ...own]);
    response.set('cache-control', 'no-store').render('embed');
  });
  return router;
}

/**
 * The parent frame's origin, if it is a domain under which an agency shows HighLevel. Only the one that asks is ever named: a list of
 * all would tell everybody who the agencies are.
 */
async function whiteLabelOrigin(db: Database, referer: string | undefined): Promise<string[]> {
  if (!referer || !URL.canParse(referer)) return [];
  const { protocol, hostname, origin } = new URL(referer);
  if (protocol !== 'https:') return [];
  const known = await db.client.installation.count({
    where: { whiteLabelDomains: { has: hostname }, status: { not: 'uninstalled' } },
  });
  return known > 0 ? [origin] : [];
}
