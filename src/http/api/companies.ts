import type { Installations } from '../../compose/installations.ts';
import { AppError, isAppError } from '../../core/errors.ts';
import { paginate } from '../../core/pagination.ts';
import type { Database } from '../../database/client.ts';
import { getInstallProgress } from '../../installations/install-progress.ts';
import { listPermissionProblems } from '../../installations/permissions.ts';
import { findInstallation, type Installation } from '../../installations/store.ts';
import { type Access, toActor } from '../auth/access.ts';
import { type ConfirmUninstallDeps, confirmUninstall } from '../auth/confirm-uninstall.ts';
import { defineRoute } from './route.ts';
import { company, companyParams, createPageSchema, pageQuery, revokedSessions, uninstallCompanyQuery } from './schemas.ts';

/** Dependencies of {@link uninstallAndReconcile}. */
export interface UninstallActionDeps {
  db: Database;
  installations: Pick<Installations, 'tokens' | 'disconnectApp' | 'reconcileNow'>;
}

export interface CompanyRouteDeps extends UninstallActionDeps, ConfirmUninstallDeps {
  installations: UninstallActionDeps['installations'] & Pick<Installations, 'revokeSessions'>;
  appUrl: string;
}

/** Defines the endpoints about agencies: status, install progress, uninstalling, sessions. */
export function createCompanyRoutes(deps: CompanyRouteDeps) {
  return [
    defineRoute({
      method: 'get',
      path: '/companies',
      summary: 'List the agencies that have, or had, the app',
      permission: 'operator',
      scope: null,
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
      summary: 'Get an agency, with the progress of its install',
      permission: 'read',
      scope: null,
      params: companyParams,
      response: company,
      handle: ({ company: row }) => toCompanyView(deps, row),
    }),

    defineRoute({
      method: 'delete',
      path: '/companies/:companyId',
      summary: 'Uninstall the app from an agency and all of its locations',
      permission: 'leave',
      scope: null,
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
      summary: 'End all sessions of an agency and of its locations: tokens, live streams and user contexts',
      permission: 'revoke',
      scope: null,
      params: companyParams,
      response: revokedSessions,
      handle: async ({ company: row, access }) => ({
        revokedAt: await deps.installations.revokeSessions(row, toActor(access)),
      }),
    }),
  ];
}

/** Uninstalls the app from a company or a location, and waits for the first step. @throws AppError `conflict`: it is uninstalled already */
export async function uninstallAndReconcile(
  { db, installations }: UninstallActionDeps,
  row: Installation,
  access: Access,
  reason: string,
): Promise<Installation> {
  if (row.status === 'uninstalled') throw new AppError('conflict', 'The app is already uninstalled there.');
  // Later steps may need a token, and an uninstalled installation gets no new one.
  await installations.tokens.getToken(row).catch((error: unknown) => {
    if (!isAppError(error)) throw error;
  });
  await installations.disconnectApp(row, { actor: toActor(access), reason });
  await installations.reconcileNow(row);
  return (await findInstallation(db.client, row)) as Installation;
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
