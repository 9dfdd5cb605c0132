import { auditRun, type RunRecord } from '../faults/audit.ts';
import { startBalancer } from '../faults/balancer.ts';
import { startCrm } from '../faults/crm.ts';
import { startGateway } from '../faults/gateway.ts';
import { findLeaks } from '../faults/leaks.ts';
import { createPlan, type RunSize } from '../faults/plan.ts';
import { setUp } from '../faults/set-up.ts';
import { readHeld, waitUntilSettled } from '../faults/settled.ts';
import { startTwilioVendor, toSmsPlan } from '../faults/twilio.ts';
import { createPoster } from '../faults/webhooks.ts';
import { createProductionSettings } from '../support/production-settings.ts';
import { createTemporaryFolder } from '../support/program.ts';
import { startNetwork } from './network.ts';
import { type ProgramOnHost, port, startOnHost, stopOnHost } from './programs.ts';
import { query, startServers } from './servers.ts';

export type World = Awaited<ReturnType<typeof startWorld>>;

/** Size of a scenario: ten messages a second, each with its reply and receipts. */
const size: RunSize = {
  ...{ messages: 300, locations: 4, contacts: 60, kills: 0, restarts: 0, maxMishaps: 0 },
  ...{ durationMs: 30_000, settleTimeoutMs: 150_000 },
};

export interface WorldOptions {
  seed: number;
  /** Statements go through PgBouncer in transaction mode. */
  isPooled: boolean;
  /** Twilio drops no repeats and can be asked; the gateway drops repeats. */
  vendor: 'gateway' | 'twilio';
}

/** Delay of the vendor's responses: at any moment some sends are under way. */
const responseDelayMs = 400;

/**
 * Starts hosts for the database, two web and two worker processes, HighLevel and a vendor on the machine itself, and the load of a plan.
 * Nothing fails but what a scenario breaks.
 */
export async function startWorld({ seed, isPooled, vendor }: WorldOptions) {
  await using started = new AsyncDisposableStack();
  const plan = vendor === 'twilio' ? toSmsPlan(createPlan(seed, size)) : createPlan(seed, size);
  const network = await startNetwork();
  started.defer(() => network.close());
  const folder = createTemporaryFolder();
  const servers = started.use(await startServers(network, { isPooled }));
  let startedAt = Number.POSITIVE_INFINITY;
  const elapsed = () => Math.max(Date.now() - startedAt, 0);
  const poster = createPoster();
  const webs: ProgramOnHost[] = [];
  const balancer = await startBalancer(() => webs.map(({ host }) => ({ host: host.address, port })));
  started.defer(balancer.close);
  const names = ['web1', 'web2', 'worker1', 'worker2'] as const;
  const crm = await startCrm(
    plan,
    poster,
    { baseUrl: balancer.url, processes: names.length, address: network.address },
    elapsed,
  );
  started.defer(crm.close);
  const startVendor = vendor === 'twilio' ? startTwilioVendor : startGateway;
  const gateway = await startVendor(plan, poster, elapsed, { address: network.address, responseDelayMs });
  started.defer(gateway.close);

  const settings = createProductionSettings({
    ...{ baseUrl: balancer.url, dataDir: folder.path },
    platform: { url: crm.urls[0] ?? '', publicKey: crm.highlevel.publicKey },
    app: crm.app,
  });
  const programs: ProgramOnHost[] = [];
  for (const [index, name] of names.entries()) {
    const environment = {
      ...{ ...settings, ...servers.settings, HIGHLEVEL_API_URL: crm.urls[index] ?? '', CONFIRM_SEND_SECONDS: '20' },
      ROLE: name.replace(/\d/, ''),
    };
    const program = startOnHost(await network.addHost(name), environment, folder.path);
    started.defer(async () => void (await stopOnHost(program)));
    programs.push(program);
  }
  const [web1, web2, worker1, worker2] = programs as [ProgramOnHost, ProgramOnHost, ProgramOnHost, ProgramOnHost];
  webs.push(web1, web2);
  await setUp({ baseUrl: balancer.url, urls: programs.map(({ url }) => url), crm, gateway });

  const record: RunRecord = { plan, crm, gateway, kills: [], downtimes: [], held: new Set() };
  const stopAll = started.move();
  return {
    ...{ network, servers, programs: { web1, web2, worker1, worker2 }, crm, gateway, poster, plan, record, elapsed },
    logs: folder.path,
    /** Notes the messages that a process is sending, as the database has them. @param url the primary's */
    async noteUnderWay(url: string, workerId: string) {
      const sql = `SELECT highlevel_message_id AS id FROM jobs JOIN messages ON id = message_id WHERE queue = 'deliver' AND worker_id = '${workerId}'`;
      const ids = new Set((await query<{ id: string }>(url, sql)).map(({ id }) => id));
      record.underWay = new Set([...crm.ids].flatMap(([number, id]) => (ids.has(id) ? number : [])));
    },
    countAcknowledged: () => [...crm.acknowledged.values()].flat().length,
    /** Starts the load. @returns a promise that ends with it */
    async sendAll() {
      startedAt = Date.now();
      await crm.sendAll();
    },
    /** Waits until all has ended, and accounts for every message. @param url the primary's, at the end @returns the broken promises */
    async settleAndAudit(url: string) {
      await waitUntilSettled(record, gateway, balancer.url, plan.settleTimeoutMs, async () => 0);
      await readHeld(record, balancer.url);
      const codes = await Promise.all(programs.map(stopOnHost));
      const leaks = await findLeaks({ kind: 'postgres', url });
      const { problems, duplicateReplies } = auditRun(record);
      const broken = [
        ...problems,
        ...Object.entries(leaks.counts).flatMap(([name, count]) => (count > 0 ? `Left in the tables: ${name}: ${count}.` : [])),
        ...codes.flatMap((code, index) => (code === 0 ? [] : `SIGTERM ended ${names[index]} with code ${code}.`)),
        ...new Set(poster.unexpected),
      ];
      if (broken.length === 0) folder[Symbol.dispose]();
      return { problems: broken, duplicateReplies, heldForReview: record.held.size, ...crm.counts() };
    },
    [Symbol.asyncDispose]: () => stopAll.disposeAsync(),
  };
}
