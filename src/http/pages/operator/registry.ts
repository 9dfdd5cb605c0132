import type { CheckDeps } from '../../../checks/run-checks.ts';
import { programCheckPage } from '../connection-check.ts';
import type { Page } from '../page.ts';
import { agenciesPage } from './agencies.ts';
import { auditPage } from './audit.ts';
import { deadLettersPage } from './dead-letters.ts';
import { type KeysPageDeps, keysPage } from './keys.ts';
import { limitsPage } from './limits.ts';
import { locationsPage } from './locations.ts';
import { type SystemPageDeps, systemPage } from './system.ts';
import { unknownWebhooksPage } from './unknown-webhooks.ts';

export interface OperatorOnlyDeps extends SystemPageDeps, KeysPageDeps, CheckDeps {
  appUrl: string;
}

/** The pages that only the operator has, beside those of `../registry.ts`. */
export function operatorOnlyPages(deps: OperatorOnlyDeps): Page[] {
  return [
    systemPage(deps),
    agenciesPage(deps),
    locationsPage(deps),
    deadLettersPage(deps),
    auditPage(deps),
    unknownWebhooksPage(deps),
    limitsPage(deps),
    keysPage(deps),
    programCheckPage(deps),
  ];
}
