import { requireAllAccepted, runLoad } from './load.ts';
import type { Figure } from './table.ts';
import { pollUntil, readMemory, startTestbed, type Testbed } from './testbed.ts';

/** Measures the path from a webhook to the status at HighLevel: messages a second, and memory. */
export async function measurePipeline(serverUrl: string): Promise<Figure[]> {
  return [...(await measureOnPostgres(serverUrl)), ...(await measureOnEmbedded())];
}

async function measureOnPostgres(serverUrl: string): Promise<Figure[]> {
  await using testbed = await startTestbed(serverUrl);
  await measureRate(testbed, 2_000);
  const rate = await measureRate(testbed, 12_000);
  const { peak } = readMemory(testbed.program);
  return [
    {
      name: 'webhook to reported status, PostgreSQL, messages/s',
      ours: rate,
      target: '≥ 800',
      isMet: rate >= 800,
    },
    { name: 'most resident memory under that load, MiB', ours: peak, target: '< 250', isMet: peak < 250 },
  ];
}

async function measureOnEmbedded(): Promise<Figure[]> {
  await using testbed = await startTestbed(null);
  await measureRate(testbed, 500);
  const rate = await measureRate(testbed, 3_000);
  return [{ name: 'webhook to reported status, embedded, messages/s', ours: rate, target: '≥ 250', isMet: rate >= 250 }];
}

/** Sends all messages at once and measures until HighLevel has the status of the last one. */
export async function measureRate(testbed: Testbed, count: number): Promise<number> {
  await testbed.request({ do: 'reset' });
  const messages = await testbed.createMessages(count);
  const startedAt = performance.now();
  requireAllAccepted(await runLoad(testbed.program.url, messages, { connections: 32 }));
  await pollUntil(async () => (await testbed.getStats()).reported >= count);
  return (1000 * count) / (performance.now() - startedAt);
}
