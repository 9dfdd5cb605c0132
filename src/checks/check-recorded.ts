import type { Database } from '../database/client.ts';
import { minimalScopes } from '../highlevel/operations.ts';
import type { Provider } from '../highlevel/providers.ts';
import { listWebhookObservations, observedAddress } from '../installations/webhook-observations.ts';
import { type Check, toCheck } from './check.ts';
import { checkWebhooks } from './check-webhooks.ts';

export interface RecordedDeps {
  db: Database;
  appUrl: string;
  providers: readonly Provider[];
}

/** Checks what the program has recorded: installations, refused permissions, and webhooks at each address. Makes no call. */
export async function checkRecorded({ db: { client }, appUrl, providers }: RecordedDeps): Promise<Check[]> {
  const addresses = [observedAddress.app, ...providers.map(({ key }) => observedAddress.provider(key))];
  const observations = await listWebhookObservations(client, addresses);
  const problems = await client.permissionProblem.findMany({ where: { kind: 'company' }, orderBy: { refusedAt: 'asc' } });
  const reauthCount = await client.installation.count({ where: { status: 'reauth_required' } });
  const scopes = minimalScopes.filter((scope) => !scope.startsWith('oauth.'));
  const withoutScopes = await client.installation.count({
    where: { status: 'active', kind: 'location', NOT: { scopes: { hasEvery: scopes } } },
  });
  const validAt = [...observations.values()].flatMap(({ lastValidAt }) => lastValidAt?.toISOString() ?? []).toSorted();
  const latestAt = validAt.at(-1);
  return [
    // HighLevel alone calls these, from outside.
    latestAt
      ? toCheck('address:outside', 'ok', 'outside_reached', { at: latestAt })
      : toCheck('address:outside', 'warning', 'outside_unknown', { address: appUrl }, 'portal_address'),
    reauthCount > 0
      ? toCheck('installations', 'failed', 'reconnects', { count: String(reauthCount) }, 'see_alerts')
      : toCheck('installations', 'ok', 'installations_good'),
    ...(withoutScopes > 0
      ? [toCheck('installations:scopes', 'failed', 'installations_scopes', { count: String(withoutScopes) }, 'add_scopes')]
      : []),
    ...problems.map(({ resourceId, permission, message }) =>
      toCheck(`permission:${resourceId}/${permission}`, 'failed', 'refused', { message }),
    ),
    ...addresses.map((address) => checkWebhooks({ appUrl }, address, observations, 'portal_address', 'signature_key')),
  ];
}
