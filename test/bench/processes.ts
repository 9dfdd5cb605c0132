import { type Arena, openArena, whenDone } from './arena.ts';
import { takenAll, underLoad } from './load.ts';
import type { Figure } from './table.ts';

/** Sends in hand of one process: so few that the gateway is what limits it, not this machine. */
const sendsAtOnce = 20;
const gatewayMs = 200;
const secondsEach = 10;

/** How much faster four worker processes are than one, when the gateway takes its time. */
export async function processes(serverUrl: string): Promise<Figure[]> {
  await using arena = await openArena(serverUrl, { role: 'web', settings: { SENDS_AT_ONCE: String(sendsAtOnce) } });
  await arena.ask({ do: 'delay', ms: gatewayMs });
  await arena.startAnother('worker');
  const one = await rateOf(arena, 1);
  for (let more = 0; more < 3; more++) await arena.startAnother('worker');
  const four = await rateOf(arena, 4);
  return [
    {
      name: `4 worker processes, gateway of ${gatewayMs} ms, ${sendsAtOnce} sends in hand each, messages/s`,
      ours: four,
      peer: '1 worker process',
      theirs: one,
      ratio: four / one,
      target: '≥ 3.5',
      isMet: four / one >= 3.5,
    },
  ];
}

/** Processes that have just started are slow: the first run is not theirs to be judged by. */
async function rateOf(arena: Arena, workers: number): Promise<number> {
  await rateWith(arena, workers);
  return rateWith(arena, workers);
}

/** Sends a second in the middle of the run: neither the start nor the last stragglers count. */
async function rateWith(arena: Arena, workers: number): Promise<number> {
  const count = Math.round((workers * sendsAtOnce * secondsEach * 1000) / gatewayMs);
  await arena.ask({ do: 'forget' });
  takenAll(await underLoad(arena.program.url, await arena.messages(count), { connections: 32 }));
  await whenDone(async () => (await arena.seen()).reported >= count);
  const { times } = await arena.seen(true);
  const sent = Object.values(times)
    .map(({ answeredAt = 0 }) => answeredAt)
    .sort((a, b) => a - b);
  const at = (part: number) => sent[Math.floor(sent.length * part)] ?? 0;
  return (0.6 * sent.length * 1000) / (at(0.8) - at(0.2));
}
