import type { Bench } from './bench.ts';
import { requireAllAccepted, runLoad } from './load.ts';
import { findMissingPrograms, type PipelineName, pipelineTitles, startPatchbay, startPipeline } from './pipelines.ts';
import type { BenchMessage, SimulatedMessages } from './simulator.ts';
import type { SimulatorStats } from './simulator-process.ts';
import { compare, type Figure, measured } from './table.ts';
import { pollUntil } from './testbed.ts';
import { measureInTurns } from './turns.ts';

const warmUp = 100;
const gapMs = 30;
const backlog = 10_000;
const besideCount = 60;
/** One send of the busy location takes so long. */
const gatewayMs = 200;

type Target = SimulatedMessages & { url: string };

/** Measures the latency of a message on an idle program beside a plain pipeline, and while another location has ten thousand waiting. */
export async function* measureLatency(bench: Bench): AsyncGenerator<Figure> {
  const missing = findMissingPrograms();
  if (missing !== null) return bench.report(`latencies are left out, as this machine lacks ${missing}`);
  yield* measureIdle(bench);
  yield* measureBesideBacklog(bench);
}

async function* measureIdle(bench: Bench): AsyncGenerator<Figure> {
  const [turns, count] = bench.isQuick ? [3, 60] : [5, 100];
  const names = ['patchbay', 'bullmq_fsync'] as const satisfies PipelineName[];
  const [patchbay, bullmq_fsync] = await Promise.all([startPipeline('patchbay'), startPipeline('bullmq_fsync')]);
  const pipelines = { patchbay, bullmq_fsync };
  try {
    // During the warm-up the program records that this HighLevel stores its messages at once.
    for (const name of names) await measureTimes(pipelines[name], await pipelines[name].createMessages(warmUp));
    const runs = await measureInTurns(bench, names, turns, async (name) =>
      measureTimes(pipelines[name], await pipelines[name].createMessages(count)),
    );
    const stages = {
      toSend: 'idle, acknowledged to request at the channel',
      toReport: 'idle, the channel’s response to the status call',
      toEnd: 'idle, acknowledged to the status call',
    } as const;
    for (const [stage, title] of Object.entries(stages) as [keyof typeof stages, string][]) {
      for (const [quantile, part] of [
        ['p50', 0.5],
        ['p95', 0.95],
      ] as const) {
        const turnsOf = (name: (typeof names)[number]) => runs[name].map((times) => at(times[stage], part));
        const peer = { name: pipelineTitles.bullmq_fsync, turns: turnsOf('bullmq_fsync') };
        yield compare(`${title}, ${quantile}, ms`, turnsOf('patchbay'), peer, { atMost: 1.5 });
      }
    }
  } finally {
    await Promise.all(names.map((name) => pipelines[name].stop()));
  }
}

async function* measureBesideBacklog(bench: Bench): AsyncGenerator<Figure> {
  bench.report('beside a backlog');
  await using testbed = await startPatchbay();
  const [busy = '', other = ''] = testbed.locationIds;
  await measureTimes(testbed, await testbed.createMessages(warmUp));
  await testbed.resetStats();
  await testbed.setDelay(gatewayMs);
  requireAllAccepted(await runLoad(testbed.url, await testbed.createMessages(backlog, busy), { connections: 32 }));
  const { toSend } = await measureTimes(testbed, await testbed.createMessages(besideCount, other));
  const { sent } = await testbed.getStats();
  if (sent - besideCount > backlog / 2) throw new Error('The other location’s messages came too late to meet a backlog.');
  const name = 'beside 10,000 waiting, acknowledged to request';
  yield measured(`${name}, p50, ms`, at(toSend, 0.5), { atMost: gatewayMs });
  yield measured(`${name}, p99, ms`, at(toSend, 0.99), { atMost: gatewayMs });
}

async function measureTimes(target: Target, messages: readonly BenchMessage[]) {
  const acknowledged = await sendOneByOne(target, messages);
  let times: SimulatorStats['times'] = {};
  await pollUntil(async () => {
    times = (await target.getStats(true)).times;
    return messages.every(({ id }) => times[id]?.reportedAt);
  });
  return {
    toSend: messages.map(({ id }) => (times[id]?.sentAt ?? 0) - (acknowledged.get(id) ?? 0)),
    toReport: messages.map(({ id }) => (times[id]?.reportedAt ?? 0) - (times[id]?.respondedAt ?? 0)),
    toEnd: messages.map(({ id }) => (times[id]?.reportedAt ?? 0) - (acknowledged.get(id) ?? 0)),
  };
}

/** @returns the time of each acknowledgement, by the machine's clock */
async function sendOneByOne(target: Target, messages: readonly BenchMessage[]): Promise<Map<string, number>> {
  const acknowledged = new Map<string, number>();
  for (const message of messages) {
    requireAllAccepted(await runLoad(target.url, [message], { connections: 1 }));
    acknowledged.set(message.id, performance.timeOrigin + performance.now());
    await new Promise((done) => setTimeout(done, gapMs));
  }
  return acknowledged;
}

function at(times: readonly number[], part: number): number {
  const sorted = times.toSorted((a, b) => a - b);
  return sorted[Math.min(Math.floor(sorted.length * part), sorted.length - 1)] ?? 0;
}
