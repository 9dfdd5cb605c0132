import { toLocationOwner } from '../../src/highlevel/client.ts';
import { highLevelRateLimit } from '../../src/highlevel/rate-limit.ts';
import { createChargedClient } from '../../src/installations/charged-client.ts';
import { startWorld } from '../support/world.ts';

test('the first call of a job is prepaid, and each further call is charged before it leaves', async () => {
  await using world = await startWorld({ isIdle: true });
  const { db, clock } = world.services;
  const key = 'highlevel/here';
  const chargedMs: number[] = [];
  const client = createChargedClient(
    {
      db,
      clock,
      async highLevel() {
        const row = await world.db.rateLimitRow.findUnique({ where: { key } });
        chargedMs.push(row ? row.tatAt.getTime() - clock.now() : 0);
        return { status: 200, body: {}, traceId: null, limits: {}, isPartial: false } as never;
      },
    },
    1,
  );
  for (let n = 0; n < 3; n++) await client({ operation: 'listMessages', owner: toLocationOwner('here') });
  const { intervalMs } = highLevelRateLimit;
  expect(chargedMs).toEqual([0, Math.round(intervalMs), Math.round(2 * intervalMs)]);
});
