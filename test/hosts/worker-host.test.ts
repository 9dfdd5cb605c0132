import { pollUntil } from '../support/program.ts';
import { printFigure, scenario, seed, sleep, timeoutMs } from './scenario.ts';
import { query } from './servers.ts';
import { startWorld } from './world.ts';

scenario.each([
  ['twilio', false],
  ['gateway', true],
] as const)(
  `a worker's host is cut off under load and comes back: its jobs are taken over, and what it still writes is void (%s, pooler: %s, seed ${seed})`,
  async (vendor, isPooled) => {
    await using world = await startWorld({ seed, vendor, isPooled });
    const { primary } = world.servers;
    const sent = world.sendAll();
    await pollUntil(() => world.countAcknowledged() > 100, 'the load has started');
    const before = await query<{ id: string }>(primary.url, 'SELECT id FROM workers');
    await pollUntil(async () => (await query(primary.url, countBusy)).length === 2, 'both workers are sending', 30_000);
    const cutAt = Date.now();
    world.record.kills = [{ at: cutAt, processIndex: 2 }];
    await world.network.cut(world.programs.worker1.host);
    for (const { id } of before) if (!(await isBeating(primary.url, id))) await world.noteUnderWay(primary.url, id);
    const listGone = async () => {
      const left = new Set((await query<{ id: string }>(primary.url, 'SELECT id FROM workers')).map(({ id }) => id));
      return before.filter(({ id }) => !left.has(id));
    };
    await pollUntil(async () => (await listGone()).length === 1, 'the other worker takes over');
    printFigure(`jobs taken over after ${Date.now() - cutAt} ms`);
    await sleep(3_000);
    await world.network.reconnect(world.programs.worker1.host);
    printFigure(`reconnected after ${Date.now() - cutAt} ms`);
    await sent;
    const result = await world.settleAndAudit(primary.url);
    printFigure(JSON.stringify({ ...result, logs: world.logs }));
    expect(result.problems).toEqual([]);
  },
  timeoutMs,
);

const countBusy = 'SELECT worker_id FROM jobs WHERE worker_id IS NOT NULL GROUP BY worker_id HAVING count(*) > 1';

/** Returns whether a worker's heartbeat goes on. */
async function isBeating(url: string, id: string): Promise<boolean> {
  const read = async () =>
    (await query<{ heartbeat: number }>(url, `SELECT heartbeat FROM workers WHERE id = '${id}'`))[0]?.heartbeat;
  const before = await read();
  await sleep(3_000);
  return (await read()) !== before;
}
