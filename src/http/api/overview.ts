import * as z from 'zod';
import { parseGroupKey } from '../../connections/queue-group.ts';
import { type Clock, dateNow } from '../../core/clock.ts';
import { minIdAt } from '../../core/ids.ts';
import type { SecretBox } from '../../core/secret-box.ts';
import type { Database, Prisma } from '../../database/client.ts';
import { highLevelGroupPrefix } from '../../highlevel/group-keys.ts';
import { type KeyRing, keyPurposes, listKeyAges } from '../../installations/key-inventory.ts';
import { getQueueDepths } from '../../queue/depth.ts';
import { listLowestQuotas } from '../../queue/group-status.ts';
import { type ApiAccess, visibleLocations } from '../auth/access.ts';
import { defineRoute } from './route.ts';
import { messageStatus, reason, time } from './schemas.ts';

export interface OverviewRouteDeps {
  db: Database;
  clock: Clock;
  box: SecretBox;
  version: string;
  keyRings: readonly KeyRing[];
}

const dayMs = 24 * 60 * 60 * 1000;

const overview = z
  .object({
    since: time,
    locations: z.record(z.string(), z.int()).describe('Locations by status.'),
    messages: z.array(z.object({ direction: z.enum(['outbound', 'inbound']), status: messageStatus, count: z.int() })),
    queues: z.array(
      z.object({
        name: z.string(),
        ready: z.int(),
        deferred: z.int(),
        active: z.int(),
        latencySeconds: z.number(),
      }),
    ),
    limits: z
      .array(
        z.object({
          locationId: z.string().describe('Or a companyId: either has its own limit.'),
          quotaRemaining: z.int().nullable(),
          at: time.nullable(),
          pausedUntil: time.nullable(),
          reason,
        }),
      )
      .describe('Installations whose daily HighLevel quota is lowest or used up.'),
    version: z.string().nullable().describe('Version of the program; for the operator.'),
    keys: z
      .array(
        z.object({
          purpose: z.enum(keyPurposes),
          fingerprint: z.string().describe('Identifies the key without disclosing it.'),
          firstSeenAt: time.describe('Time at which a process first started with this key.'),
          olderCount: z.int().describe('Number of older keys that are still accepted.'),
          sealedWithOlder: z
            .int()
            .nullable()
            .describe(
              'Number of stored secrets that an older key has encrypted; null for a key that encrypts no stored secrets.',
            ),
        }),
      )
      .describe('Keys in use with their age; for the operator.'),
  })
  .meta({ id: 'Overview' });

/** Defines the endpoint with the totals of all locations that a caller may see. */
export function createOverviewRoutes(deps: OverviewRouteDeps) {
  return [
    defineRoute({
      method: 'get',
      path: '/overview',
      summary: 'Get the totals: locations, the last day’s messages, queues',
      permission: 'read',
      scope: 'locations:read',
      response: overview,
      async handle({ access }) {
        const { client } = deps.db;
        const within = await visibleMessages(deps.db, access);
        const since = new Date(dateNow(deps.clock).getTime() - dayMs);
        const locations = await client.installation.groupBy({
          by: ['status'],
          where: access === 'operator' ? { kind: 'location' } : visibleLocations(access),
          _count: true,
        });
        const states = await client.message.groupBy({
          by: ['direction', 'state'],
          where: { ...within, id: { gte: minIdAt(since) }, heldForReviewAt: null },
          _count: true,
        });
        const unknown = await client.message.count({
          where: { ...within, id: { gte: minIdAt(since) }, heldForReviewAt: { not: null } },
        });
        return {
          since,
          locations: Object.fromEntries(locations.map(({ status, _count }) => [status, _count])),
          messages: [
            ...states.map(({ direction, state, _count }) => ({ direction, status: state, count: _count })),
            ...(unknown > 0 ? [{ direction: 'outbound' as const, status: 'unknown' as const, count: unknown }] : []),
          ],
          // Queues, limits and keys span all tenants, so only the operator sees them.
          limits: access === 'operator' ? await listLowestLimits(deps.db, dateNow(deps.clock)) : [],
          queues: access === 'operator' ? await getQueueDepths(client, dateNow(deps.clock)) : [],
          version: access === 'operator' ? deps.version : null,
          keys:
            access === 'operator' ? await listKeyAges({ db: deps.db, clock: deps.clock, box: deps.box }, deps.keyRings) : [],
        };
      },
    }),
  ];
}

async function listLowestLimits(db: Database, now: Date) {
  const groups = await listLowestQuotas(db.client, now, { prefix: highLevelGroupPrefix, take: 20 });
  return groups.map(({ key, quotaRemaining, quotaCheckedAt, pausedUntil, reason }) => ({
    locationId: parseGroupKey(key).resourceId,
    quotaRemaining,
    at: quotaCheckedAt,
    pausedUntil,
    reason,
  }));
}

/** Builds the filter for the messages that a caller may see. */
async function visibleMessages(db: Database, access: ApiAccess): Promise<Prisma.MessageWhereInput> {
  if (access === 'operator') return {};
  const rows = await db.client.installation.findMany({ where: visibleLocations(access), select: { resourceId: true } });
  return { locationId: { in: rows.map(({ resourceId }) => resourceId) } };
}
