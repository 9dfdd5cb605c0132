import * as z from 'zod';
import { parseGroupKey } from '../../../connections/queue-group.ts';
import { type Clock, dateNow } from '../../../core/clock.ts';
import type { SecretBox } from '../../../core/secret-box.ts';
import type { Database } from '../../../database/client.ts';
import { skewWarningMs } from '../../../database/clock.ts';
import { getDatabaseInfo } from '../../../database/info.ts';
import { highLevelGroupPrefix } from '../../../highlevel/group-keys.ts';
import { type KeyRing, listKeyAges } from '../../../installations/key-inventory.ts';
import { countMessages } from '../../../messages/stats/totals.ts';
import { getQueueDepths } from '../../../queue/depth.ts';
import { countPausedGroups, type GroupStatus, listLowestQuotas, listPausedGroups } from '../../../queue/group-status.ts';
import { createWorkerMonitor } from '../../../queue/worker-health.ts';
import { formatDuration } from '../../pages/framework/durations.ts';
import { definePage } from '../../pages/framework/page.ts';
import { loadTenants } from './tenants.ts';

export interface SystemPageDeps {
  db: Database;
  clock: Clock;
  /** Returns the lead of this host's clock over the database's. */
  clockSkewMs(): number;
  box: SecretBox;
  keyRings: readonly KeyRing[];
  version: string;
  startedAt: Date;
}

const dayMs = 24 * 60 * 60 * 1000;
/** The refresh interval of an open page: its numbers change all the time. */
export const refreshIntervalMs = 10_000;
const pageSize = 5;
const withOwner = (group: GroupStatus) => ({ ...group, ...parseGroupKey(group.key) });
const statuses = ['active', 'pending', 'suspended', 'reauth_required', 'uninstalled'] as const;

/** Creates the page of the installation's state: queues, workers, quotas, alerts and runtime. */
export function createSystemPage(deps: SystemPageDeps) {
  const { db, clock } = deps;
  const listWorkers = createWorkerMonitor(deps);
  return definePage({
    path: '',
    scope: 'account',
    viewers: ['operator'],
    view: 'admin/system',
    nav: { text: 'operator.nav.system', order: 5 },
    query: z.object({}),

    async show({ text }) {
      const { client } = db;
      const now = dateNow(clock);
      const counts = await countMessages(client, new Date(now.getTime() - dayMs));
      const quotas = (await listLowestQuotas(client, now, { prefix: highLevelGroupPrefix, take: pageSize })).map(withOwner);
      const paused = (await listPausedGroups(client, now, pageSize)).map(withOwner);
      const alerts = await client.alert.findMany({
        where: { dedupKey: { not: null } },
        orderBy: { id: 'desc' },
        take: pageSize,
      });
      const queues = await getQueueDepths(client, now);
      return {
        title: text('operator.system.title'),
        alerts,
        alertCount: await client.alert.count({ where: { dedupKey: { not: null } } }),
        queues: queues.map((queue) => ({ ...queue, age: formatDuration(text, queue.latencySeconds * 1000) })),
        oldest: queues.every(({ ready }) => ready === 0)
          ? null
          : formatDuration(text, Math.max(...queues.map(({ latencySeconds }) => latencySeconds)) * 1000),
        workers: await listWorkers(),
        messages: ['outbound' as const, 'inbound' as const].map((direction) => ({
          direction,
          counts: counts.filter((count) => count.direction === direction),
          total: counts.reduce((sum, count) => sum + (count.direction === direction ? count.count : 0), 0),
        })),
        quotas: quotas.filter(({ quotaRemaining }) => quotaRemaining !== null),
        paused,
        pausedCount: await countPausedGroups(client, now),
        tenants: await loadTenants(
          client,
          [...quotas, ...paused]
            .map(({ resourceId }) => resourceId)
            .concat(alerts.flatMap(({ locationId }) => locationId ?? [])),
        ),
        installations: await countInstallationsByStatus(db),
        database: await getDatabaseInfo(db),
        skew: describeSkew(deps.clockSkewMs(), (ms) => formatDuration(text, ms)),
        running: {
          version: deps.version,
          node: process.versions.node,
          uptime: formatDuration(text, now.getTime() - deps.startedAt.getTime()),
        },
        keys: (await listKeyAges(deps, deps.keyRings)).map((key) => ({
          ...key,
          age: formatDuration(text, now.getTime() - key.firstSeenAt.getTime()),
        })),
      };
    },

    version: async () => String(Math.floor(clock.now() / refreshIntervalMs)),
  });
}

/** Returns null for a harmless skew. */
function describeSkew(ms: number, formatDuration: (ms: number) => string) {
  return Math.abs(ms) >= skewWarningMs ? { duration: formatDuration(Math.abs(ms)), isAhead: ms > 0 } : null;
}

async function countInstallationsByStatus(db: Database) {
  const rows = await db.client.installation.groupBy({ by: ['kind', 'status'], _count: true });
  const count = (kind: string, status: string) => rows.find((row) => row.kind === kind && row.status === status)?._count ?? 0;
  return statuses.map((status) => ({ status, companies: count('company', status), locations: count('location', status) }));
}
