import { type Arena, memoryOf, openArena, whenDone } from './arena.ts';
import { takenAll, underLoad } from './load.ts';
import type { Figure } from './table.ts';

/** From a webhook to the status at HighLevel: messages a second, and what memory it takes. */
export async function pipeline(serverUrl: string): Promise<Figure[]> {
  return [...(await onPostgres(serverUrl)), ...(await onEmbedded())];
}

async function onPostgres(serverUrl: string): Promise<Figure[]> {
  await using arena = await openArena(serverUrl);
  await rateOf(arena, 2_000);
  const rate = await rateOf(arena, 12_000);
  const { peak } = memoryOf(arena.program);
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

async function onEmbedded(): Promise<Figure[]> {
  await using arena = await openArena(null);
  await rateOf(arena, 500);
  const rate = await rateOf(arena, 3_000);
  return [{ name: 'webhook to reported status, embedded, messages/s', ours: rate, target: '≥ 250', isMet: rate >= 250 }];
}

/** All at once; measured until HighLevel has the status of the last one. */
export async function rateOf(arena: Arena, count: number): Promise<number> {
  await arena.ask({ do: 'forget' });
  const messages = await arena.messages(count);
  const begunAt = performance.now();
  takenAll(await underLoad(arena.program.url, messages, { connections: 32 }));
  await whenDone(async () => (await arena.seen()).reported >= count);
  return (1000 * count) / (performance.now() - begunAt);
}
