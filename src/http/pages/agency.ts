import * as z from 'zod';
import type { Installations } from '../../compose/installations.ts';
import type { Database } from '../../database/client.ts';
import { findInstallation, type Installation } from '../../installations/store.ts';
import { type UninstallActionDeps, uninstallAndReconcile } from '../api/companies.ts';
import { type Access, getVisibleCompany, toActor } from '../auth/access.ts';
import {
  type ConfirmUninstallDeps,
  confirmUninstall,
  getConfirmationText,
  isConfirmationText,
} from '../auth/confirm-uninstall.ts';
import { defineAction, definePage } from './framework/page.ts';

export type AgencyPageDeps = UninstallActionDeps &
  ConfirmUninstallDeps & { installations: Pick<Installations, 'revokeSessions'> };

const disconnectReason = 'An admin removed the app from the agency on the app’s page.';

/** Creates the agency's page: end all sessions, or remove the app from the agency. */
export function createAgencyPage(deps: AgencyPageDeps) {
  const findCompany = (access: Access) => getVisibleCompany(deps.db, access, getCompanyId(access));

  return definePage({
    path: 'agency',
    scope: 'account',
    viewers: ['agency'],
    view: 'agency',
    nav: { text: 'agency.nav', order: 90 },
    query: z.object({}),

    async show({ access, text }) {
      const row = await findOwnCompany(deps.db, access);
      return {
        title: text('agency.title'),
        isInstalled: isInstalled(row),
        confirmationWord: row && getConfirmationText(row),
        status: row?.status,
      };
    },

    actions: {
      revoke: defineAction({
        permission: 'revoke',
        body: z.object({}),
        async run({ access, text }) {
          await deps.installations.revokeSessions(await findCompany(access), toActor(access));
          return { notice: text('agency.sessions.done') };
        },
      }),
      leave: defineAction({
        permission: 'leave',
        body: z.object({ confirm: z.string().trim().max(300) }),
        async run({ access, body, text }) {
          const row = await findCompany(access);
          if (!isConfirmationText(row, body.confirm)) {
            return { errors: { confirm: text('agency.uninstall.wrong', { name: getConfirmationText(row) }) } };
          }
          await confirmUninstall(deps, access, row, body.confirm);
          await uninstallAndReconcile(deps, row, access, disconnectReason);
          return { notice: text('agency.uninstall.done') };
        },
      }),
    },
  });
}

function getCompanyId(access: Access): string {
  return access === 'operator' ? '' : access.companyId;
}

function findOwnCompany(db: Database, access: Access): Promise<Installation | null> {
  return findInstallation(db.client, { kind: 'company', resourceId: getCompanyId(access) });
}

function isInstalled(row: Installation | null): boolean {
  return row !== null && row.status !== 'uninstalled';
}
