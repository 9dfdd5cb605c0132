import { availableParallelism } from 'node:os';
import type { Bench } from './bench.ts';
import { requireAllAccepted, runLoad } from './load.ts';
import { startPatchbay } from './pipelines.ts';
import { compare, type Figure } from './table.ts';
import { pollUntil } from './testbed.ts';
import { measureInTurns } from './turns.ts';

/** Concurrent sends of one process: so few that the gateway limits it, not this machine. */
const sendConcurrency = 20;
const gatewayMs = 200;
/** Cores from which four workers, the store, the gateway and HighLevel do not share any. */
const minCores = 8;

/** Measures four worker processes against one, with a slow gateway: messages a second, and processor time a message. */
export async function* measureProcesses(bench: Bench): AsyncGenerator<Figure> {
  const [turns, seconds] = bench.isQuick ? [1, 5] : [3, 10];
  const settings = { SEND_CONCURRENCY: String(sendConcurrency) };
  await using one = await startPatchbay({ role: 'web', settings });
  await using four = await startPatchbay({ role: 'web', settings });
  const sides = { four: { testbed: four, workers: 4 }, one: { testbed: one, workers: 1 } };
  for (const { testbed, workers } of Object.values(sides)) {
    await testbed.setDelay(gatewayMs);
    for (let count = 0; count < workers; count++) await testbed.startAnother('worker');
    // Processes that have just started are slow.
    await measureRun(testbed, workers, seconds / 2);
  }
  const runs = await measureInTurns(bench, ['four', 'one'], turns, (name) =>
    measureRun(sides[name].testbed, sides[name].workers, seconds),
  );
  const turnsOf = (name: keyof typeof sides, key: 'perSecond' | 'cpuMs') => runs[name].map((run) => run[key]);
  const beside = (key: 'perSecond' | 'cpuMs') => ({ name: '1 worker process', turns: turnsOf('one', key) });
  const hasCores = availableParallelism() >= minCores;
  const name = `4 worker processes, gateway of ${gatewayMs} ms`;
  yield compare(
    `${name}, messages/s`,
    turnsOf('four', 'perSecond'),
    beside('perSecond'),
    hasCores ? { atLeast: 3.5 } : undefined,
  );
  yield compare(
    `${name}, CPU a message, ms`,
    turnsOf('four', 'cpuMs'),
    beside('cpuMs'),
    hasCores ? undefined : { atMost: 1.15 },
  );
}

/** Returns sends a second in the middle of the run, as neither its start nor its end counts, and the processor time a message. */
async function measureRun(testbed: Awaited<ReturnType<typeof startPatchbay>>, workers: number, seconds: number) {
  const count = Math.round((workers * sendConcurrency * seconds * 1000) / gatewayMs);
  await testbed.resetStats();
  const messages = await testbed.createMessages(count);
  const before = testbed.readCpuMs();
  requireAllAccepted(await runLoad(testbed.url, messages, { connections: 32 }));
  await pollUntil(async () => (await testbed.getStats()).reported >= count);
  const after = testbed.readCpuMs();
  const { times } = await testbed.getStats(true);
  const sent = Object.values(times)
    .map(({ respondedAt = 0 }) => respondedAt)
    .sort((a, b) => a - b);
  const at = (part: number) => sent[Math.floor(sent.length * part)] ?? 0;
  return {
    perSecond: (0.6 * sent.length * 1000) / (at(0.8) - at(0.2)),
    cpuMs: (after.program + after.store - before.program - before.store) / count,
  };
}
