import { type CheckPageDeps, createProgramCheckPage } from '../../pages/connection-check.ts';
import type { Page } from '../../pages/framework/page.ts';
import { createAgenciesPage } from './agencies.ts';
import { createAuditPage } from './audit.ts';
import { createDeadLettersPage } from './dead-letters.ts';
import { createKeysPage, type KeysPageDeps } from './keys.ts';
import { createLimitsPage } from './limits.ts';
import { createLocationsPage } from './locations.ts';
import { createSystemPage, type SystemPageDeps } from './system.ts';
import { createUnknownWebhooksPage } from './unknown-webhooks.ts';

export interface AdminPageDeps extends SystemPageDeps, KeysPageDeps, CheckPageDeps {
  appUrl: string;
}

/** Creates the operator's own pages, besides those of `http/pages/registry.ts`. */
export function createAdminPages(deps: AdminPageDeps): Page[] {
  return [
    createSystemPage(deps),
    createAgenciesPage(deps),
    createLocationsPage(deps),
    createDeadLettersPage(deps),
    createAuditPage(deps),
    createUnknownWebhooksPage(deps),
    createLimitsPage(deps),
    createKeysPage(deps),
    createProgramCheckPage(deps),
  ];
}
