import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseTarget } from '../../src/database/client.ts';
import type { PostgresServer } from '../support/postgres-server.ts';
import { adminToken, createProductionSettings } from '../support/production-settings.ts';
import { createTemporaryFolder, pollUntil } from '../support/program.ts';
import { auditRun, countUnsettled, type RunRecord } from './audit.ts';
import { countExcusedReceipts } from './audit-routing.ts';
import { startBalancer } from './balancer.ts';
import { type Crm, sleep, startCrm, workflowSecret } from './crm.ts';
import { startGateway } from './gateway.ts';
import { holdConnections, readHolds, startRefusingVendor } from './held.ts';
import { findLeaks } from './leaks.ts';
import type { Plan } from './plan.ts';
import { addRouting, countOpenEvents, pauseConnections, readTriggerEvents } from './routing.ts';
import { isResponding, setUp } from './set-up.ts';
import { readHeld, waitUntilSettled } from './settled.ts';
import { startSmppVendor } from './smpp.ts';
import { type Supervisor, startSupervisor } from './supervisor.ts';
import { startTwilioVendor, toSmsPlan } from './twilio.ts';
import { createPoster, type Poster } from './webhooks.ts';

export interface RunTarget {
  /** The database of one process, or of several that share a server. */
  database: { kind: 'embedded' } | { kind: 'postgres'; url: string };
  /** The same server, if it may be restarted. */
  server?: PostgresServer;
  processes: number;
  /** The vendor of the run; by default a gateway, which drops repeats. */
  vendor?: 'gateway' | 'twilio' | 'smpp' | undefined;
  /** Several senders, opt-outs and triggers: with the gateway, on a server, as the outbox is read while the processes run. */
  hasRouting?: boolean | undefined;
}

export interface Verdict {
  problems: string[];
  counts: Record<string, number>;
  /** Folder of the processes' logs and of the list of leftover jobs; stays when a promise was broken. */
  logs: string;
}

/**
 * Runs the real program as processes under all faults at once, lets it settle, and accounts for every message.
 *
 * @param onProgress gets the counts every five seconds
 */
export async function runFaults(
  drawn: Plan,
  runTarget: RunTarget,
  onProgress: (counts: Record<string, number>) => void,
): Promise<Verdict> {
  await using closing = new AsyncDisposableStack();
  const { vendor = 'gateway' } = runTarget;
  const plan = runTarget.hasRouting ? addRouting(drawn) : vendor === 'gateway' ? drawn : toSmsPlan(drawn);
  const folder = createTemporaryFolder();
  const target: DatabaseTarget =
    runTarget.database.kind === 'embedded' ? { kind: 'embedded', dataDir: folder.path } : runTarget.database;
  let startedAt = Number.POSITIVE_INFINITY;
  const elapsed = () => Math.max(Date.now() - startedAt, 0);
  const poster = createPoster();
  let ports: readonly number[] = [];
  const balancer = await startBalancer(() => ports.map((port) => ({ host: '127.0.0.1', port })));
  closing.defer(balancer.close);
  const crm = await startCrm(plan, poster, { baseUrl: balancer.url, processes: runTarget.processes }, elapsed);
  closing.defer(crm.close);
  const gateway =
    vendor === 'smpp'
      ? await startSmppVendor(
          plan,
          crm.locations.map(({ id }) => id),
          elapsed,
        )
      : await (vendor === 'twilio' ? startTwilioVendor : startGateway)(plan, poster, elapsed);
  closing.defer(gateway.close);

  const settings = createProductionSettings({
    baseUrl: balancer.url,
    dataDir: folder.path,
    databaseUrl: target.kind === 'postgres' ? target.url : undefined,
    platform: { url: crm.urls[0] ?? '', publicKey: crm.highlevel.publicKey },
    app: crm.app,
  });
  const workflows: Record<string, string> = plan.hasRouting ? { WORKFLOW_SECRETS: workflowSecret } : {};
  const supervisor = await startSupervisor(
    // A doubt is left to a person soon, so that a run ends.
    crm.urls.map((url) => ({ ...settings, HIGHLEVEL_API_URL: url, CONFIRM_SEND_SECONDS: '20', ...workflows })),
    folder.path,
  );
  closing.defer(async () => void (await supervisor.stop()));
  ports = supervisor.ports();
  const refusing = await startRefusingVendor();
  closing.defer(refusing.close);
  await setUp({ baseUrl: balancer.url, urls: ports.map((port) => `http://127.0.0.1:${port}`), crm, gateway, refusing });
  // A trigger is first offered to the process that refuses it.
  poster.unexpected.length = 0;

  const record: RunRecord = {
    ...{ plan, crm, gateway, kills: supervisor.kills, downtimes: runTarget.server?.downtimes ?? [] },
    held: new Set(),
  };
  const counts = () => ({
    acknowledged: [...crm.acknowledged.values()].flat().length,
    ...crm.counts(),
    requests: gateway.requests.length,
    reached: gateway.accepted.size,
    mishaps: gateway.countMishaps(),
    kills: supervisor.kills.length,
    restarts: runTarget.server?.downtimes.length ?? 0,
    unsettled: countUnsettled(record),
    undelivered: gateway.countUndelivered(),
    heldForReview: record.held.size,
    ...(plan.hasRouting ? { optOuts: gateway.optOuts?.size ?? 0, firings: crm.firings.length } : {}),
  });
  const ticker = setInterval(() => onProgress(counts()), 5_000);
  closing.defer(async () => clearInterval(ticker));

  startedAt = Date.now();
  crm.startFaults();
  gateway.flap(true);
  const faults = injectFaults(plan, runTarget, elapsed, supervisor, crm, poster, balancer.url);
  const paused = plan.hasRouting ? pauseConnections(balancer.url, crm, plan.durationMs / 3, elapsed) : null;
  const moments = [plan.durationMs / 4, plan.durationMs / 2];
  const held = plan.hasRouting ? holdConnections(target, refusing, moments, elapsed) : null;
  const sent = crm.sendAll();
  await Promise.all([faults, paused]);
  crm.stopFaults();
  gateway.flap(false);
  await Promise.all([sent, held]);
  const countEvents = async () => (plan.hasRouting ? countOpenEvents(target) : 0);
  await waitUntilSettled(record, gateway, balancer.url, plan.settleTimeoutMs, countEvents);
  await readHeld(record, balancer.url);

  const codes = await supervisor.stop();
  const leaks = await findLeaks(target);
  if (plan.hasRouting) {
    record.triggerEvents = await readTriggerEvents(target);
    record.holds = await readHolds(target);
  }
  const { problems: brokenPromises, duplicateReplies } = auditRun(record);
  const problems = [
    ...Object.entries(leaks.counts)
      .filter(([name, count]) => count > (name === 'lostReceipts' ? countExcusedReceipts(record, leaks.lostExternalIds) : 0))
      .map(([name, count]) => `Left in the tables: ${name}: ${count}.`),
    ...[...new Set(poster.unexpected)].map((description) => `An unusable response: ${description}`),
    ...listUnexpectedExits(supervisor, record),
    ...codes.filter((code) => code !== 0).map((code) => `SIGTERM ended with code ${code}.`),
    ...(gateway.countUndelivered() > 0 ? [`${gateway.countUndelivered()} webhooks of the gateway were not acknowledged.`] : []),
    ...brokenPromises,
  ];
  if (problems.length === 0) folder[Symbol.dispose]();
  else writeFileSync(join(folder.path, 'left-jobs.txt'), [`at ${new Date().toISOString()}`, ...leaks.waitingJobs].join('\n'));
  return {
    problems,
    counts: { ...counts(), duplicateReplies, lastedSeconds: Math.round(elapsed() / 1000) },
    logs: folder.path,
  };
}

/** Injects all faults at once, each at its own moments. */
async function injectFaults(
  plan: Plan,
  { server, processes }: RunTarget,
  elapsed: () => number,
  supervisor: Supervisor,
  crm: Crm,
  poster: Poster,
  baseUrl: string,
): Promise<void> {
  const at = async (ms: number) => sleep(ms - elapsed());
  const killing = async () => {
    for (const [index, { ms, duringStart }] of plan.killsAfter.entries()) {
      await sleep(ms);
      const processIndex = index % processes;
      // On a busy machine a start is slow; a process that was killed during each start would never work.
      const mayBeKilled = () => duringStart || isResponding(`http://127.0.0.1:${supervisor.ports()[processIndex]}/healthz`);
      await pollUntil(mayBeKilled, 'the process runs again');
      supervisor.kill(processIndex);
    }
  };
  const restarting = async () => {
    for (const { at: ms, forMs } of server ? plan.restartsAt : []) {
      await at(ms);
      const restarted = server?.restart(forMs);
      await sleep(forMs / 2);
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
  await Promise.all([killing(), restarting(), expiring(), at(plan.durationMs)]);
}

/** Requests each address while the database is down; the poster checks the responses. */
async function probe({ http }: Poster, baseUrl: string): Promise<void> {
  const headers = { authorization: `Bearer ${adminToken}` };
  const paths = ['/readyz', '/metrics', '/api/overview', '/api/locations', '/healthz'];
  // A process that was killed just now gives no response.
  await Promise.allSettled(paths.map((path) => http.get(`${baseUrl}${path}`, { headers })));
}

/** Lists exits that are defects: only a start without the database may fail. */
function listUnexpectedExits({ unexpectedExits }: Supervisor, { downtimes }: RunRecord): string[] {
  const isExcused = ({ startedAt, at, wasRunning }: Supervisor['unexpectedExits'][number]) =>
    !wasRunning && downtimes.some(({ from, to }) => startedAt <= to + 1_000 && at >= from);
  return unexpectedExits.filter((one) => !isExcused(one)).map(({ output }) => `A process ended unexpectedly: ${output}`);
}
