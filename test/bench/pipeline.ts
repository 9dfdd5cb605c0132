import type { Bench } from './bench.ts';
import {
  findMissingPrograms,
  type MessageCost,
  measureCost,
  measureRate,
  type Pipeline,
  type PipelineName,
  pipelineTitles,
  startPipeline,
} from './pipelines.ts';
import { compare, type Figure, measured } from './table.ts';
import { startTestbed } from './testbed.ts';
import { measureInTurns } from './turns.ts';

const names = Object.keys(pipelineTitles) as PipelineName[];

/**
 * Measures the path from a webhook to the status at HighLevel, beside plain pipelines with the same world: processor time a message, of the
 * program and of its store, messages a second, and memory.
 */
export async function* measurePipeline(bench: Bench): AsyncGenerator<Figure> {
  const missing = findMissingPrograms();
  if (missing === null) yield* measureBesidePeers(bench);
  else bench.report(`the plain pipelines are left out, as this machine lacks ${missing}`);
  yield* measureEmbedded(bench);
}

async function* measureBesidePeers(bench: Bench): AsyncGenerator<Figure> {
  const [turns, count, warmUp] = bench.isQuick ? [3, 2_000, 1_000] : [5, 6_000, 4_000];
  const pipelines = new Map<PipelineName, Pipeline>();
  try {
    for (const name of names) {
      bench.report(`starting ${pipelineTitles[name]}`);
      const pipeline = await startPipeline(name);
      pipelines.set(name, pipeline);
      await measureRate(pipeline, warmUp);
    }
    const runs = await measureInTurns(bench, names, turns, (name) => measureCost(pipelines.get(name) as Pipeline, count));
    const turnsOf = (name: PipelineName, key: keyof MessageCost) => runs[name].map((run) => run[key]);
    const beside = (title: string, key: keyof MessageCost, name: PipelineName, target?: Parameters<typeof compare>[3]) =>
      compare(title, turnsOf('patchbay', key), { name: pipelineTitles[name], turns: turnsOf(name, key) }, target);

    yield beside('CPU a message, program and store, ms', 'both', 'bullmq_fsync', { atMost: 1 });
    yield beside('CPU a message, program and store, ms', 'both', 'bullmq_memory');
    yield beside('CPU a message, program and store, ms', 'both', 'pgboss', { atMost: 0.55 });
    yield beside('CPU a message, program alone, ms', 'program', 'bullmq_fsync');
    yield beside('CPU a message, store alone, ms', 'store', 'bullmq_fsync');
    yield beside('CPU a message, program alone, ms', 'program', 'pgboss');
    yield beside('CPU a message, store alone, ms', 'store', 'pgboss');
    yield beside('webhook to reported status, messages/s', 'perSecond', 'bullmq_fsync', { atLeast: 1 });
    yield beside('webhook to reported status, messages/s', 'perSecond', 'bullmq_memory');
    yield beside('webhook to reported status, messages/s', 'perSecond', 'pgboss');
    const peak = (pipelines.get('patchbay') as Pipeline).readPeakMemory();
    yield measured('most resident memory under that load, MiB', peak, { atMost: 200 });
  } finally {
    await Promise.all([...pipelines.values()].map((pipeline) => pipeline.stop()));
  }
}

async function* measureEmbedded({ isQuick }: Bench): AsyncGenerator<Figure> {
  await using testbed = await startTestbed(null);
  await measureRate(testbed, 500);
  const rate = await measureRate(testbed, isQuick ? 1_000 : 3_000);
  yield measured('webhook to reported status, embedded, messages/s', rate);
}
