import { Router } from 'express';
import * as z from 'zod';
import { AppError } from '../core/errors.ts';
import type { Database } from '../database/client.ts';
import { toCompanyOwner } from '../highlevel/client.ts';
import { getInstallProgress } from '../installations/install-progress.ts';
import { listPermissionProblems } from '../installations/permissions.ts';
import { findInstallation, type Installation } from '../installations/store.ts';
import { signToken, type TokenDeps, verifyToken } from './auth/user-tokens.ts';

const ticketTtlMs = 24 * 60 * 60 * 1000;
const ticketSchema = z.object({ companyId: z.string() });

/** Creates a token with which the page of a completed install polls the progress of the agency's locations. */
export async function createProgressTicket(deps: TokenDeps, companyId: string): Promise<string> {
  return (await signToken(deps, 'patchbay/install-progress', { companyId }, ticketTtlMs)).token;
}

/** Creates the route for the progress of an agency's install, which the installer's page polls. */
export function createInstallProgressRouter(deps: TokenDeps & { db: Database }): Router {
  const router = Router({ caseSensitive: true });
  router.get('/progress', async (request, response) => {
    const ticket = await verifyToken(deps, 'patchbay/install-progress', String(request.query.ticket ?? ''), ticketSchema);
    const row = ticket ? await findInstallation(deps.db.client, toCompanyOwner(ticket.companyId)) : null;
    if (!row) throw new AppError('not_found', 'This install does not exist.');
    const progress = await summarizeProgress(deps.db, row);
    response.set('cache-control', 'no-store');
    if (request.accepts(['json', 'html']) === 'html') response.render('install/progress', { progress });
    else response.json(progress);
  });
  return router;
}

const maxFailed = 20;

/** Summarizes an agency's install: its connected locations, all known locations, and some that need attention. */
export async function summarizeProgress(db: Database, row: Installation) {
  const { locations, sync } = await getInstallProgress(db, row);
  const { pending, active, suspended, reauth_required: broken } = locations;
  const some = await db.client.installation.findMany({
    where: { kind: 'location', companyId: row.resourceId, status: { in: ['suspended', 'reauth_required'] } },
    orderBy: [{ status: 'desc' }, { resourceId: 'asc' }],
    take: maxFailed,
  });
  const [problem] = await listPermissionProblems(db.client, [row]);
  return {
    problem: problem?.message ?? null,
    connected: active + suspended,
    total: pending + active + suspended + broken,
    isDone: sync.status === 'done' && pending === 0,
    failed: {
      count: suspended + broken,
      some: some.map(({ name, resourceId, status }) => ({ name: name ?? resourceId, status })),
    },
  };
}
