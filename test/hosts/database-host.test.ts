import { openDatabase } from '../../src/database/client.ts';
import { pollUntil } from '../support/program.ts';
import { printFigure, scenario, seed, sleep, timeoutMs } from './scenario.ts';
import { query } from './servers.ts';
import { startWorld } from './world.ts';

/** Time in which a tool for failovers notices that the primary is away. */
const noticeMs = 3_000;

scenario.each([{ isPooled: false }, { isPooled: true }])(
  `the primary is killed under load and its synchronous standby promoted: nothing acknowledged is lost, nothing is doubled (%p, seed ${seed})`,
  async ({ isPooled }) => {
    await using world = await startWorld({ seed, vendor: 'twilio', isPooled });
    const { primary, standby } = world.servers;
    const sent = world.sendAll();
    await pollUntil(() => world.countAcknowledged() > 100, 'the load has started');
    await primary.kill();
    await sleep(noticeMs);
    await promote(world, standby);
    await sent;
    const result = await world.settleAndAudit(standby.url);
    printFigure(JSON.stringify({ ...result, logs: world.logs }));
    expect(result.problems).toEqual([]);
  },
  timeoutMs,
);

scenario.each([{ isPooled: false }, { isPooled: true }])(
  `the primary’s host is cut off, its standby promoted, and the old primary comes back: no process writes to it any more (%p, seed ${seed})`,
  async ({ isPooled }) => {
    await using world = await startWorld({ seed, vendor: 'twilio', isPooled });
    const { primary, standby, primaryHost } = world.servers;
    const sent = world.sendAll();
    await pollUntil(() => world.countAcknowledged() > 100, 'the load has started');
    await world.network.cut(primaryHost);
    await sleep(noticeMs);
    await promote(world, standby);
    await world.network.reconnect(primaryHost);
    const before = await readWrites(primary.url);
    // One that starts now has seen no promotion, and the old primary comes first in its address.
    expect(await findUsedServer(world.servers.settings.DATABASE_URL ?? '')).toBe(new URL(standby.url).hostname);
    await sent;
    const result = await world.settleAndAudit(standby.url);
    printFigure(JSON.stringify({ ...result, logs: world.logs }));
    expect(result.problems).toEqual([]);
    expect(await readWrites(primary.url)).toEqual(before);
  },
  timeoutMs,
);

type World = Awaited<ReturnType<typeof startWorld>>;

/** Promotes the standby, and measures until the first webhook is acknowledged, and the next message sent. */
async function promote(world: World, standby: World['servers']['standby']): Promise<void> {
  await standby.promote();
  const promotedAt = Date.now();
  const [acknowledged, reached] = [world.countAcknowledged(), world.gateway.accepted.size];
  await pollUntil(() => world.countAcknowledged() > acknowledged, 'a webhook is acknowledged again', 200_000);
  printFigure(`first webhook acknowledged ${Date.now() - promotedAt} ms after the promotion`);
  await pollUntil(() => world.gateway.accepted.size > reached, 'a message is sent again', 200_000);
  printFigure(`first message sent ${Date.now() - promotedAt} ms after the promotion`);
}

/** Reads what a later write to the old primary would change. */
async function readWrites(url: string): Promise<unknown[]> {
  return query(
    url,
    'SELECT (SELECT count(*)::int FROM messages) AS messages, (SELECT count(*)::int FROM attempts) AS attempts',
  );
}

/** Opens the database as a program that starts, and returns the address of the server that it uses. */
async function findUsedServer(url: string): Promise<string | undefined> {
  const db = await openDatabase({ kind: 'postgres', url });
  try {
    const [row] = await db.client.$queryRaw<{ address: string }[]>`SELECT host(inet_server_addr()) AS address`;
    return row?.address;
  } finally {
    await db.close();
  }
}
