import { pollUntil } from '../support/program.ts';
import { printFigure, scenario, seed, sleep, timeoutMs } from './scenario.ts';
import { startWorld } from './world.ts';

const cutMs = 15_000;

scenario(
  `a web host is cut off from the database: it acknowledges nothing, says so, and what is repeated is delivered once (seed ${seed})`,
  async () => {
    await using world = await startWorld({ seed, vendor: 'twilio', isPooled: false });
    const { network, programs, servers, poster } = world;
    const { host, url } = programs.web1;
    const readReadiness = async () => (await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(30_000) })).status;
    const sent = world.sendAll();
    await pollUntil(() => world.countAcknowledged() > 100, 'the load has started');
    const cutAt = Date.now();
    for (const other of servers.hosts) await network.block(host, other);
    await pollUntil(async () => (await readReadiness()) === 503, 'it says that it lacks the database');
    printFigure(`not ready ${Date.now() - cutAt} ms after the cut`);
    await pollUntil(() => (poster.statuses.get(503) ?? 0) > 0, 'it refuses webhooks');
    printFigure(`first webhook refused ${Date.now() - cutAt} ms after the cut`);
    await sleep(cutMs - (Date.now() - cutAt));
    for (const other of servers.hosts) await network.unblock(host, other);
    const backAt = Date.now();
    await pollUntil(async () => (await readReadiness()) === 200, 'it works again');
    printFigure(`ready again ${Date.now() - backAt} ms after its return`);
    await sent;
    const result = await world.settleAndAudit(servers.primary.url);
    printFigure(JSON.stringify({ ...result, logs: world.logs, statuses: [...poster.statuses] }));
    expect(result.problems).toEqual([]);
  },
  timeoutMs,
);
