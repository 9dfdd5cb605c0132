import { type Clock, nowOf } from '../../core/clock.ts';
import type { Database, Prisma } from '../../database/client.ts';
import type { Queue } from '../../queue/boss.ts';
import { type Access, reachable } from '../access.ts';
import { route } from './route.ts';
import { overview } from './shapes.ts';

const dayMs = 24 * 60 * 60 * 1000;

/** The address that says how things stand in the whole installation. */
export function overviewRoutes(deps: { db: Database; queue: Queue; clock: Clock }) {
  return [
    route({
      method: 'get',
      path: '/overview',
      summary: 'How things stand: locations, the last day’s messages, queues',
      needs: 'read',
      answer: overview,
      async handle({ access }) {
        const { client } = deps.db;
        const within = await messagesWithin(deps.db, access);
        const since = new Date(nowOf(deps.clock).getTime() - dayMs);
        const locations = await client.installation.groupBy({
          by: ['status'],
          where: access === 'operator' ? { kind: 'location' } : reachable(access),
          _count: true,
        });
        const states = await client.message.groupBy({
          by: ['direction', 'state'],
          where: { ...within, createdAt: { gte: since }, unknownSince: null },
          _count: true,
        });
        const unknown = await client.message.count({
          where: { ...within, createdAt: { gte: since }, unknownSince: { not: null } },
        });
        return {
          since,
          locations: Object.fromEntries(locations.map(({ status, _count }) => [status, _count])),
          messages: [
            ...states.map(({ direction, state, _count }) => ({ direction, status: state, count: _count })),
            ...(unknown > 0 ? [{ direction: 'outbound' as const, status: 'unknown' as const, count: unknown }] : []),
          ],
          // Everybody's queues are nobody's business but the operator's.
          queues: access === 'operator' ? await deps.queue.depths() : [],
        };
      },
    }),
  ];
}

/** Which messages the token reaches. */
async function messagesWithin(db: Database, access: Access): Promise<Prisma.MessageWhereInput> {
  if (access === 'operator') return {};
  const rows = await db.client.installation.findMany({ where: reachable(access), select: { resourceId: true } });
  return { locationId: { in: rows.map(({ resourceId }) => resourceId) } };
}
