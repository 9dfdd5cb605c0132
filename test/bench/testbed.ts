import { readFileSync } from 'node:fs';
import { adminToken, createProductionSettings } from '../support/production-settings.ts';
import { createTemporaryFolder, findFreePorts, type Program, startProgram } from '../support/program.ts';
import { createScratchDatabase } from './scratch-database.ts';
import { type SimulatedMessages, startSimulator } from './simulator.ts';

/** The real program as processes, between a load and a world outside, all on this machine. */
export interface Testbed extends SimulatedMessages {
  program: Program;
  url: string;
  databaseUrl: string | undefined;
  locationIds: readonly string[];
  /** Signs the posts of every location's gateway. */
  gatewaySecret: string;
  /** Sets the time after which the gateway responds. */
  setDelay(ms: number): Promise<void>;
  /** Starts another process of the program beside the first. */
  startAnother(role: string): Promise<Program>;
  /** Returns the process ids of all of the program's processes. */
  listPids(): number[];
  [Symbol.asyncDispose](): Promise<void>;
}

export interface TestbedOptions {
  locations?: number;
  contactsEach?: number;
  /** Role of the first process after the installation. */
  role?: string;
  /** More settings of every process. */
  settings?: Record<string, string>;
}

/** @param serverUrl null for the embedded database */
export async function startTestbed(
  serverUrl: string | null,
  { locations = 200, contactsEach = 50, role = 'all', settings = {} }: TestbedOptions = {},
): Promise<Testbed> {
  const database = serverUrl ? await createScratchDatabase(serverUrl) : undefined;
  const folder = createTemporaryFolder();
  const simulator = await startSimulator();
  const port = await findFreePorts();
  const baseUrl = `http://127.0.0.1:${port}`;
  const environment: Record<string, string> = {
    ...createProductionSettings({
      baseUrl,
      dataDir: folder.path,
      databaseUrl: database?.url,
      platform: { url: simulator.platformUrl, publicKey: simulator.publicKey },
      app: { clientId: 'app-bench', clientSecret: 'secret', providers: [{ key: 'sms', id: 'p1', kind: 'sms' }] },
    }),
    PORT: String(port),
    LOG_LEVEL: process.env.BENCH_LOG ?? 'warn',
    ROLE: 'all',
    ...(process.env.BENCH_NODE_OPTIONS ? { NODE_OPTIONS: process.env.BENCH_NODE_OPTIONS } : {}),
    ...settings,
  };
  const installed = await simulator.open({ baseUrl, locations, contactsEach });
  let program = await startProgram(environment);
  const headers = { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' };
  await fetch(`${baseUrl}/oauth/callback?code=${installed.code}`);
  await pollUntil(async () => {
    const response = await fetch(`${baseUrl}/api/overview`, { headers });
    return ((await response.json()) as { locations: { active?: number } }).locations.active === locations;
  });
  for (const id of installed.ids) {
    const response = await fetch(`${baseUrl}/api/locations/${id}/channels/sms`, {
      method: 'PUT',
      headers,
      body: JSON.stringify({ type: 'gateway', config: { url: simulator.gatewayUrl, secret: simulator.secret } }),
    });
    if (response.status !== 200)
      throw new Error(`A channel could not be connected: ${response.status} ${await response.text()}`);
  }
  if (role !== 'all') {
    await program.end('SIGTERM');
    program = await startProgram({ ...environment, ROLE: role });
  }
  const others: Program[] = [];

  return {
    ...simulator,
    program,
    url: program.url,
    databaseUrl: database?.url,
    locationIds: installed.ids,
    gatewaySecret: simulator.secret,
    listPids: () => [program, ...others].map(({ child }) => child.pid as number),
    async startAnother(another) {
      const started = await startProgram({ ...environment, PORT: String(await findFreePorts()), ROLE: another });
      others.push(started);
      return started;
    },
    async [Symbol.asyncDispose]() {
      if (process.env.BENCH_LOG) console.log(program.output().slice(0, 4_000));
      await Promise.all([program, ...others].map((one) => one.end('SIGKILL')));
      simulator.stop();
      await database?.remove();
      folder[Symbol.dispose]();
    },
  };
}

/** Returns the resident memory of a process now and at its peak, in MiB. */
export function readMemory(pid: number): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mib = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024;
  return { now: mib('VmRSS'), peak: mib('VmHWM') };
}

/** Polls ten times a second, as the awaited change happens in other processes. */
export async function pollUntil(isDone: () => Promise<boolean>, timeoutMs = 300_000): Promise<void> {
  const timeoutAt = performance.now() + timeoutMs;
  while (!(await isDone())) {
    if (performance.now() > timeoutAt) throw new Error('It did not end.');
    await new Promise((done) => setTimeout(done, 100));
  }
}
