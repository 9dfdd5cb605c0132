import { type Arena, type OutsideMessage, openArena, whenDone } from './arena.ts';
import { takenAll, underLoad } from './load.ts';
import type { Seen } from './outside.ts';
import type { Figure } from './table.ts';

const warmUp = 100;
const count = 200;
const gapMs = 30;
const backlog = 10_000;
const besides = 60;

/** How long a message takes while nothing else goes on, and while another location has ten thousand that wait. */
export async function latency(serverUrl: string): Promise<Figure[]> {
  await using arena = await openArena(serverUrl);
  // By then the program has learnt that this HighLevel knows its messages at once.
  await oneByOne(arena, await arena.messages(warmUp));
  await whenDone(async () => (await arena.seen()).reported >= warmUp);
  const idle = await timesOf(arena, await arena.messages(count));
  return [
    ...quantiles('idle, acknowledged to request at the channel', idle.toSend, { p50: 15, p99: 60 }),
    ...quantiles('idle, the channel’s answer to the status call', idle.toReport, { p50: 15, p99: 60 }),
    ...(await besideABacklog(arena)),
  ];
}

async function besideABacklog(arena: Arena): Promise<Figure[]> {
  const [busy = '', other = ''] = arena.locationIds;
  await arena.ask({ do: 'delay', ms: 200 });
  takenAll(await underLoad(arena.program.url, await arena.messages(backlog, busy), { connections: 32 }));
  const { toSend } = await timesOf(arena, await arena.messages(besides, other));
  const { sent } = await arena.seen();
  if (sent - besides > backlog / 2) throw new Error('The other location’s messages came too late to meet a backlog.');
  // One send of the busy location takes 200 ms.
  return quantiles('beside 10,000 that wait, acknowledged to request', toSend, { p50: 200, p99: 200 });
}

async function timesOf(arena: Arena, messages: readonly OutsideMessage[]) {
  const acknowledged = await oneByOne(arena, messages);
  let seen: Seen['times'] = {};
  await whenDone(async () => {
    seen = (await arena.seen(true)).times;
    return messages.every(({ id }) => seen[id]?.reportedAt);
  });
  return {
    toSend: messages.map(({ id }) => (seen[id]?.sentAt ?? 0) - (acknowledged.get(id) ?? 0)),
    toReport: messages.map(({ id }) => (seen[id]?.reportedAt ?? 0) - (seen[id]?.answeredAt ?? 0)),
  };
}

/** @returns when each was acknowledged, by the machine's clock */
async function oneByOne(arena: Arena, messages: readonly OutsideMessage[]): Promise<Map<string, number>> {
  const acknowledged = new Map<string, number>();
  for (const message of messages) {
    takenAll(await underLoad(arena.program.url, [message], { connections: 1 }));
    acknowledged.set(message.id, performance.timeOrigin + performance.now());
    await new Promise((done) => setTimeout(done, gapMs));
  }
  return acknowledged;
}

function quantiles(name: string, times: readonly number[], targets: { p50: number; p99: number }): Figure[] {
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
