import { type Clock, nowOf } from '../../core/clock.ts';
import type { Database } from '../../database/client.ts';
import type { Queue } from '../../queue/boss.ts';
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
      answer: overview,
      async handle() {
        const { client } = deps.db;
        const since = new Date(nowOf(deps.clock).getTime() - dayMs);
        const locations = await client.installation.groupBy({ by: ['status'], where: { kind: 'location' }, _count: true });
        const states = await client.message.groupBy({
          by: ['direction', 'state'],
          where: { createdAt: { gte: since }, unknownSince: null },
          _count: true,
        });
        const unknown = await client.message.count({ where: { createdAt: { gte: since }, unknownSince: { not: null } } });
        return {
          since,
          locations: Object.fromEntries(locations.map(({ status, _count }) => [status, _count])),
          messages: [
            ...states.map(({ direction, state, _count }) => ({ direction, status: state, count: _count })),
            ...(unknown > 0 ? [{ direction: 'outbound' as const, status: 'unknown' as const, count: unknown }] : []),
          ],
          queues: await deps.queue.depths(),
        };
      },
    }),
  ];
}
