import { AppError, isAppError } from '../../core/errors.ts';
import { paginate } from '../../core/pagination.ts';
import type { Database } from '../../database/client.ts';
import { getInstallProgress } from '../../installations/install-progress.ts';
import { listPermissionProblems } from '../../installations/permissions.ts';
import type { ReconcileDeps } from '../../installations/reconcile-installation.ts';
import { reconcileNow } from '../../installations/reconciler.ts';
import { revokeSessions } from '../../installations/sessions.ts';
import { findInstallation, type Installation } from '../../installations/store.ts';
import { disconnectApp } from '../../installations/uninstall.ts';
import { type Access, toActor } from '../auth/access.ts';
import { type ConfirmUninstallDeps, confirmUninstall } from '../auth/confirm-uninstall.ts';
import { defineRoute } from './route.ts';
import { company, companyParams, createPageSchema, pageQuery, revokedSessions, uninstallCompanyQuery } from './schemas.ts';

export interface CompanyRouteDeps extends ReconcileDeps, ConfirmUninstallDeps {
  appUrl: string;
}

/** Addresses about the agencies that have installed the app, and how far their locations have got. */
export function createCompanyRoutes(deps: CompanyRouteDeps) {
  return [
    defineRoute({
      method: 'get',
      path: '/companies',
      summary: 'Every agency that has, or had, the app',
      permission: 'operator',
      query: pageQuery,
      response: createPageSchema(company),
      async handle({ query }) {
        const rows = await deps.db.client.installation.findMany({
          where: { kind: 'company', ...(query.cursor ? { resourceId: { gt: query.cursor } } : {}) },
          orderBy: { resourceId: 'asc' },
          take: query.limit + 1,
        });
        const { items, nextCursor } = paginate(rows, query.limit, ({ resourceId }) => resourceId);
        return { items: await Promise.all(items.map((row) => toCompanyView(deps, row))), nextCursor };
      },
    }),

    defineRoute({
      method: 'get',
      path: '/companies/:companyId',
      summary: 'One agency, with the progress of its install',
      permission: 'read',
      params: companyParams,
      response: company,
      handle: ({ company: row }) => toCompanyView(deps, row),
    }),

    defineRoute({
      method: 'delete',
      path: '/companies/:companyId',
      summary: 'Take the app out of an agency and all of its locations',
      permission: 'leave',
      params: companyParams,
      query: uninstallCompanyQuery,
      response: company,
      status: 202,
      async handle({ company: row, query, access }) {
        await confirmUninstall(deps, access, row, query.confirm);
        return toCompanyView(deps, await uninstallAndReconcile(deps, row, access, query.reason));
      },
    }),

    defineRoute({
      method: 'post',
      path: '/companies/:companyId/sessions/revoke',
      summary: 'End all sessions of an agency and of its locations: tokens, live streams and user contexts end',
      permission: 'revoke',
      params: companyParams,
      response: revokedSessions,
      handle: async ({ company: row, access }) => ({ revokedAt: await revokeSessions(deps, row, toActor(access)) }),
    }),
  ];
}

/** Takes the app out of a company or a location, and waits for the first step of it. */
export async function uninstallAndReconcile(
  deps: ReconcileDeps,
  row: Installation,
  access: Access,
  reason: string,
): Promise<Installation> {
  if (row.status === 'uninstalled') throw new AppError('conflict', 'The app is not installed there any more.');
  // What follows may need a token for a while, and a gone installation gets no new one.
  await deps.tokens.getToken(row).catch((error: unknown) => {
    if (!isAppError(error)) throw error;
  });
  await disconnectApp(deps, row, { actor: toActor(access), reason });
  await reconcileNow(deps, row);
  return (await findInstallation(deps.db.client, row)) as Installation;
}

async function toCompanyView(deps: { db: Database; appUrl: string }, row: Installation) {
  return {
    ...row,
    companyId: row.resourceId,
    permissionProblems: await listPermissionProblems(deps.db.client, [row]),
    ...(await getInstallProgress(deps.db, row)),
    reconnectUrl: row.status === 'reauth_required' ? `${deps.appUrl}/install` : null,
  };
}
