import { requireAllAccepted, runLoad } from './load.ts';
import type { Figure } from './table.ts';
import { pollUntil, startTestbed, type Testbed } from './testbed.ts';

/** Concurrent sends of one process: so few that the gateway limits it, not this machine. */
const sendConcurrency = 20;
const gatewayMs = 200;
const secondsEach = 10;

/** Measures the speed of four worker processes against one, with a slow gateway. */
export async function measureProcesses(serverUrl: string): Promise<Figure[]> {
  await using testbed = await startTestbed(serverUrl, { role: 'web', settings: { SEND_CONCURRENCY: String(sendConcurrency) } });
  await testbed.request({ do: 'delay', ms: gatewayMs });
  await testbed.startAnother('worker');
  const one = await measureRate(testbed, 1);
  for (let more = 0; more < 3; more++) await testbed.startAnother('worker');
  const four = await measureRate(testbed, 4);
  return [
    {
      name: `4 worker processes, gateway of ${gatewayMs} ms, ${sendConcurrency} concurrent sends each, messages/s`,
      ours: four,
      peer: '1 worker process',
      theirs: one,
      ratio: four / one,
      target: '≥ 3.5',
      isMet: four / one >= 3.5,
    },
  ];
}

/** Measures a second run: processes that have just started are slow. */
async function measureRate(testbed: Testbed, workers: number): Promise<number> {
  await measureRun(testbed, workers);
  return measureRun(testbed, workers);
}

/** Returns sends a second in the middle of the run: neither its start nor its end counts. */
async function measureRun(testbed: Testbed, workers: number): Promise<number> {
  const count = Math.round((workers * sendConcurrency * secondsEach * 1000) / gatewayMs);
  await testbed.request({ do: 'reset' });
  requireAllAccepted(await runLoad(testbed.program.url, await testbed.createMessages(count), { connections: 32 }));
  await pollUntil(async () => (await testbed.getStats()).reported >= count);
  const { times } = await testbed.getStats(true);
  const sent = Object.values(times)
    .map(({ respondedAt = 0 }) => respondedAt)
    .sort((a, b) => a - b);
  const at = (part: number) => sent[Math.floor(sent.length * part)] ?? 0;
  return (0.6 * sent.length * 1000) / (at(0.8) - at(0.2));
}
