import * as z from 'zod';
import type { Installations } from '../../../compose/installations.ts';
import { listPermissionProblems } from '../../../installations/permissions.ts';
import { type UninstallActionDeps, uninstallAndReconcile } from '../../api/companies.ts';
import { toActor } from '../../auth/access.ts';
import type { ChannelPageDeps } from '../channels/providers.ts';
import { type ChannelStatus, getChannelsVersion, listChannelStatuses } from '../channels/status.ts';
import { defineAction, definePage } from '../framework/page.ts';

export interface HomeDeps extends UninstallActionDeps, ChannelPageDeps {
  installations: UninstallActionDeps['installations'] & Pick<Installations, 'revokeSessions'>;
  appUrl: string;
}

const disconnectReason = 'A user disconnected the location on the app’s page.';

/** Creates a location's home page: its status, the next step, its channels, and disconnecting it. */
export function createHomePage(deps: HomeDeps) {
  return definePage({
    path: '',
    scope: 'location',
    viewers: ['location', 'agency', 'operator'],
    view: 'home',
    nav: { text: 'home.nav', order: 10 },
    query: z.object({}),

    async show({ location, text }) {
      const { status } = location;
      const statuses = status === 'uninstalled' ? [] : await listChannelStatuses(deps, text, location);
      return {
        title: location.name ?? text('home.unnamed'),
        status,
        problems: status === 'uninstalled' ? [] : await listPermissionProblems(deps.db.client, [location]),
        reconnectUrl: status === 'reauth_required' ? `${deps.appUrl}/install` : null,
        installedAt: location.installedAt,
        statuses,
        next: status === 'active' ? findNextStep(statuses) : null,
      };
    },

    async version({ location }) {
      const { kind, resourceId } = location;
      const row = await deps.db.client.installation.findUnique({
        where: { kind_resourceId: { kind, resourceId } },
        select: { status: true, name: true },
      });
      return JSON.stringify([
        row?.status,
        row?.name,
        (await listPermissionProblems(deps.db.client, [location])).map(({ permission }) => permission),
        await getChannelsVersion(deps, location),
      ]);
    },

    actions: {
      revoke: defineAction({
        permission: 'revoke',
        body: z.object({}),
        async run({ location, access, text }) {
          await deps.installations.revokeSessions(location, toActor(access));
          return { notice: text('home.sessions.done') };
        },
      }),

      disconnect: defineAction({
        permission: 'write',
        body: z.object({}),
        async run({ location, access, text }) {
          return {
            location: await uninstallAndReconcile(deps, location, access, disconnectReason),
            notice: text('home.disconnected'),
          };
        },
      }),
    },
  });
}

/** Returns the next step to show, if there is one: fix a failing channel, connect a channel, or send a test. */
function findNextStep(statuses: readonly ChannelStatus[]) {
  const failing = statuses.find(({ state }) => state === 'failing' || state === 'held' || state === 'pairing');
  if (failing) return { do: 'fix' as const, status: failing };
  const connected = statuses.filter(({ state }) => state !== 'none');
  const [first] = statuses;
  if (connected.length === 0) return first ? { do: 'connect' as const, status: first } : { do: 'wait' as const, status: null };
  const unused = connected.find(({ state }) => state === 'unused');
  return unused && connected.every(({ state }) => state === 'unused') ? { do: 'test' as const, status: unused } : null;
}
