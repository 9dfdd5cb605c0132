import { requireAllAccepted, runLoad } from './load.ts';
import type { SimulatorStats } from './simulator-process.ts';
import type { Figure } from './table.ts';
import { type BenchMessage, pollUntil, startTestbed, type Testbed } from './testbed.ts';

const warmUp = 100;
const count = 200;
const gapMs = 30;
const backlog = 10_000;
const besideCount = 60;

/** Measures the latency of a message on an idle program, and while another location has ten thousand waiting. */
export async function measureLatency(serverUrl: string): Promise<Figure[]> {
  await using testbed = await startTestbed(serverUrl);
  // During the warm-up the program records that this HighLevel stores its messages at once.
  await sendOneByOne(testbed, await testbed.createMessages(warmUp));
  await pollUntil(async () => (await testbed.getStats()).reported >= warmUp);
  const idle = await measureTimes(testbed, await testbed.createMessages(count));
  return [
    ...toQuantiles('idle, acknowledged to request at the channel', idle.toSend, { p50: 15, p99: 60 }),
    ...toQuantiles('idle, the channel’s response to the status call', idle.toReport, { p50: 15, p99: 60 }),
    ...(await measureBesideBacklog(testbed)),
  ];
}

async function measureBesideBacklog(testbed: Testbed): Promise<Figure[]> {
  const [busy = '', other = ''] = testbed.locationIds;
  await testbed.request({ do: 'delay', ms: 200 });
  requireAllAccepted(await runLoad(testbed.program.url, await testbed.createMessages(backlog, busy), { connections: 32 }));
  const { toSend } = await measureTimes(testbed, await testbed.createMessages(besideCount, other));
  const { sent } = await testbed.getStats();
  if (sent - besideCount > backlog / 2) throw new Error('The other location’s messages came too late to meet a backlog.');
  // One send of the busy location takes 200 ms.
  return toQuantiles('beside 10,000 waiting, acknowledged to request', toSend, { p50: 200, p99: 200 });
}

async function measureTimes(testbed: Testbed, messages: readonly BenchMessage[]) {
  const acknowledged = await sendOneByOne(testbed, messages);
  let times: SimulatorStats['times'] = {};
  await pollUntil(async () => {
    times = (await testbed.getStats(true)).times;
    return messages.every(({ id }) => times[id]?.reportedAt);
  });
  return {
    toSend: messages.map(({ id }) => (times[id]?.sentAt ?? 0) - (acknowledged.get(id) ?? 0)),
    toReport: messages.map(({ id }) => (times[id]?.reportedAt ?? 0) - (times[id]?.respondedAt ?? 0)),
  };
}

/** @returns the time of each acknowledgement, by the machine's clock */
async function sendOneByOne(testbed: Testbed, messages: readonly BenchMessage[]): Promise<Map<string, number>> {
  const acknowledged = new Map<string, number>();
  for (const message of messages) {
    requireAllAccepted(await runLoad(testbed.program.url, [message], { connections: 1 }));
    acknowledged.set(message.id, performance.timeOrigin + performance.now());
    await new Promise((done) => setTimeout(done, gapMs));
  }
  return acknowledged;
}

function toQuantiles(name: string, times: readonly number[], targets: { p50: number; p99: number }): Figure[] {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number) => sorted[Math.min(Math.floor(sorted.length * part), sorted.length - 1)] ?? 0;
  const figure = (quantile: 'p50' | 'p99', part: number): Figure => ({
    name: `${name}, ${quantile}, ms`,
    ours: at(part),
    target: `< ${targets[quantile]}`,
    isMet: at(part) < targets[quantile],
  });
  return [figure('p50', 0.5), figure('p99', 0.99)];
}
