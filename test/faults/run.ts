import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseTarget } from '../../src/database/client.ts';
import type { OwnServer } from '../support/own-server.ts';
import { adminToken, productionSettings } from '../support/production-settings.ts';
import { eventually, temporaryFolder } from '../support/program.ts';
import { account, type Books, unsettled } from './account.ts';
import { startBalancer } from './balancer.ts';
import { type Crm, startCrm, wait } from './crm.ts';
import { type Gateway, startGateway } from './gateway.ts';
import { type Keeper, startKeeper } from './keeper.ts';
import type { Plan } from './plan.ts';
import { type Poster, startPoster } from './posts.ts';
import { remainsIn } from './remains.ts';

export interface Where {
  /** Of one process, or of several that share a server. */
  database: { kind: 'embedded' } | { kind: 'postgres'; url: string };
  /** The same server, if it may be restarted. */
  server?: OwnServer;
  processes: number;
}

export interface Verdict {
  wrong: string[];
  counts: Record<string, number>;
  /** Where the processes' logs are, and what jobs are left; kept if something is wrong. */
  logs: string;
}

/**
 * Runs the real program as processes while everything goes wrong at once, lets it settle, and accounts for every message.
 *
 * @param tell hears now and then how far it is
 */
export async function faultRun(plan: Plan, where: Where, tell: (counts: Record<string, number>) => void): Promise<Verdict> {
  await using closing = new AsyncDisposableStack();
  const folder = temporaryFolder();
  const target: DatabaseTarget =
    where.database.kind === 'embedded' ? { kind: 'embedded', dataDir: folder.path } : where.database;
  let begunAt = Number.POSITIVE_INFINITY;
  const elapsed = () => Math.max(Date.now() - begunAt, 0);
  const poster = startPoster();
  let ports: readonly number[] = [];
  const balancer = await startBalancer(() => ports);
  closing.defer(balancer.close);
  const crm = await startCrm(plan, poster, { baseUrl: balancer.url, processes: where.processes }, elapsed);
  closing.defer(crm.close);
  const gateway = await startGateway(plan, poster, elapsed);
  closing.defer(gateway.close);

  const settings = productionSettings({
    baseUrl: balancer.url,
    dataDir: folder.path,
    databaseUrl: target.kind === 'postgres' ? target.url : undefined,
    platform: { url: crm.urls[0] ?? '', publicKey: crm.highlevel.publicKey },
    app: crm.app,
  });
  const keeper = await startKeeper(
    crm.urls.map((url) => ({ ...settings, HIGHLEVEL_API_URL: url })),
    folder.path,
  );
  closing.defer(async () => void (await keeper.stop()));
  ports = keeper.ports();
  await setUp(balancer.url, ports, crm, gateway);

  const books: Books = { plan, crm, gateway, kills: keeper.kills, away: where.server?.away ?? [] };
  const counts = () => ({
    acknowledged: [...crm.acknowledged.values()].flat().length,
    ...crm.counts(),
    requests: gateway.requests.length,
    reached: gateway.taken.size,
    mishaps: gateway.mishaps(),
    kills: keeper.kills.length,
    restarts: where.server?.away.length ?? 0,
    unsettled: unsettled(books),
    unheard: gateway.unheard(),
  });
  const ticker = setInterval(() => tell(counts()), 5_000);
  closing.defer(async () => clearInterval(ticker));

  begunAt = Date.now();
  crm.misbehave();
  gateway.flap(true);
  const faults = breakEverything(plan, where, elapsed, keeper, crm, poster, balancer.url);
  const sent = crm.sendAll();
  await faults;
  crm.behave();
  gateway.flap(false);
  await sent;
  await settled(books, gateway, balancer.url, plan.settlesWithinMs);

  const codes = await keeper.stop();
  const remains = await remainsIn(target);
  const { wrong: broken, doubledAnswers } = account(books);
  const wrong = [
    ...Object.entries(remains.counts).flatMap(([what, count]) => (count === 0 ? [] : `Left in the tables: ${what}: ${count}.`)),
    ...[...new Set(poster.odd)].map((what) => `An answer that nobody can use: ${what}`),
    ...ownEnds(keeper, books),
    ...codes.filter((code) => code !== 0).map((code) => `SIGTERM ended with code ${code}.`),
    ...(gateway.unheard() > 0 ? [`The far side was not heard ${gateway.unheard()} times.`] : []),
    ...broken,
  ];
  if (wrong.length === 0) folder[Symbol.dispose]();
  else writeFileSync(join(folder.path, 'left-jobs.txt'), [`at ${new Date().toISOString()}`, ...remains.waits].join('\n'));
  return { wrong, counts: { ...counts(), doubledAnswers, lastedSeconds: Math.round(elapsed() / 1000) }, logs: folder.path };
}

async function setUp(baseUrl: string, ports: readonly number[], crm: Crm, gateway: Gateway): Promise<void> {
  for (const port of ports) await eventually(() => answers(`http://127.0.0.1:${port}/readyz`), 'the processes are ready');
  const headers = { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' };
  await fetch(`${baseUrl}/oauth/callback?code=${crm.code()}`);
  await eventually(async () => {
    const answer = await fetch(`${baseUrl}/api/overview`, { headers });
    return ((await answer.json()) as { locations: { active?: number } }).locations.active === crm.locations.length;
  }, 'the locations are installed');
  for (const { id } of crm.locations) {
    const config = { url: gateway.url, secret: gateway.secret, timeoutMs: 2_000 };
    const answer = await fetch(`${baseUrl}/api/locations/${id}/channels/sms`, {
      method: 'PUT',
      headers,
      body: JSON.stringify({ type: 'gateway', config }),
    });
    const { callbackUrls } = (await answer.json()) as { callbackUrls?: { status: string } };
    if (!callbackUrls) throw new Error(`A channel could not be connected: ${answer.status}`);
    gateway.callBack(id, callbackUrls.status.replace(/\/status$/, ''));
  }
}

async function answers(url: string): Promise<boolean> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) }).catch(() => null);
  return answer?.status === 200;
}

/** All at once, each at its own moments. */
async function breakEverything(
  plan: Plan,
  { server, processes }: Where,
  elapsed: () => number,
  keeper: Keeper,
  crm: Crm,
  poster: Poster,
  baseUrl: string,
): Promise<void> {
  const at = async (ms: number) => wait(ms - elapsed());
  const killing = async () => {
    for (const [index, { ms, duringStart }] of plan.killsAfter.entries()) {
      await wait(ms);
      const which = index % processes;
      // On a busy machine a start takes its time; killed only in starting, nobody would ever work.
      const mayBeKilled = () => duringStart || answers(`http://127.0.0.1:${keeper.ports()[which]}/healthz`);
      await eventually(mayBeKilled, 'the process runs again');
      keeper.kill(which);
    }
  };
  const restarting = async () => {
    for (const { at: ms, forMs } of server ? plan.restartsAt : []) {
      await at(ms);
      const restarted = server?.restart(forMs);
      await wait(forMs / 2);
      await probe(poster, baseUrl);
      await restarted;
    }
  };
  const expiring = async () => {
    for (const ms of plan.tokensExpireAt) {
      await at(ms);
      crm.expireTokens();
    }
  };
  await Promise.all([killing(), restarting(), expiring(), at(plan.lastsMs)]);
}

/** While the database is away every address answers all the same; the poster judges how. */
async function probe({ http }: Poster, baseUrl: string): Promise<void> {
  const headers = { authorization: `Bearer ${adminToken}` };
  const paths = ['/readyz', '/metrics', '/api/overview', '/api/locations', '/healthz'];
  // Who was killed just now answers nothing.
  await Promise.allSettled(paths.map((path) => http.get(`${baseUrl}${path}`, { headers })));
}

async function settled(books: Books, gateway: Gateway, url: string, withinMs: number): Promise<void> {
  const giveUpAt = performance.now() + withinMs;
  const isSettled = async () => unsettled(books) === 0 && gateway.unheard() === 0 && (await jobsLeft(url)) === 0;
  while (!(await isSettled()) && performance.now() < giveUpAt) await wait(500);
}

/** Reports that say nothing new, posts that are looked for, and jobs that only end, are work too. */
async function jobsLeft(url: string): Promise<number> {
  const headers = { authorization: `Bearer ${adminToken}` };
  const answer = await fetch(`${url}/api/overview`, { headers }).catch(() => null);
  if (answer?.status !== 200) return Number.POSITIVE_INFINITY;
  const { queues } = (await answer.json()) as { queues: { ready: number; deferred: number; active: number }[] };
  return queues.reduce((sum, { ready, deferred, active }) => sum + ready + deferred + active, 0);
}

/** A process may fail to start while the database is away; whatever else ends it is a defect. */
function ownEnds({ ended }: Keeper, { away }: Books): string[] {
  const isExcused = ({ begunAt, at, wasRunning }: Keeper['ended'][number]) =>
    !wasRunning && away.some(({ from, to }) => begunAt <= to + 1_000 && at >= from);
  return ended.filter((one) => !isExcused(one)).map(({ said }) => `A process ended by itself: ${said}`);
}
