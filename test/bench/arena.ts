import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { adminToken, productionSettings } from '../support/production-settings.ts';
import { freePorts, type Program, startProgram, temporaryFolder } from '../support/program.ts';
import type { SignedRequest } from './load.ts';
import type { Asked, Seen } from './outside.ts';
import { scratchDatabase } from './scratch-database.ts';

export type OutsideMessage = SignedRequest & { id: string };

/** The real program as processes, between a load and a world outside, all on this machine. */
export interface Arena {
  program: Program;
  databaseUrl: string | undefined;
  ask<Answer>(asked: Omit<Asked, 'id'>): Promise<Answer>;
  locationIds: readonly string[];
  /** Signs what the gateway of every location posts. */
  gatewaySecret: string;
  /**
   * @param of only this location's, else each of the next location
   * @param bytesEach how much longer each text is
   */
  messages(count: number, of?: string, bytesEach?: number): Promise<OutsideMessage[]>;
  /** What the world outside has seen; with `times` for each message. */
  seen(withTimes?: boolean): Promise<Seen>;
  /** Another process of the program beside the first. */
  startAnother(role: string): Promise<Program>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface ArenaOptions {
  locations?: number;
  contactsEach?: number;
  /** What the first process does once everything is installed. */
  role?: string;
  /** More settings of every process. */
  settings?: Record<string, string>;
}

/** @param serverUrl null for the embedded database */
export async function openArena(
  serverUrl: string | null,
  { locations = 200, contactsEach = 50, role = 'all', settings = {} }: ArenaOptions = {},
): Promise<Arena> {
  const database = serverUrl ? await scratchDatabase(serverUrl) : undefined;
  const folder = temporaryFolder();
  const outside = fork(join(import.meta.dirname, 'outside.ts'), { stdio: 'ignore' });
  const opened = await once<{ gatewayUrl: string; platformUrl: string; secret: string; publicKey: string }>(outside);
  const ask = asker(outside);
  const port = await freePorts();
  const baseUrl = `http://127.0.0.1:${port}`;
  const environment: Record<string, string> = {
    ...productionSettings({
      baseUrl,
      dataDir: folder.path,
      databaseUrl: database?.url,
      platform: { url: opened.platformUrl, publicKey: opened.publicKey },
      app: { clientId: 'app-bench', clientSecret: 'secret', providers: [{ key: 'sms', id: 'p1', kind: 'sms' }] },
    }),
    PORT: String(port),
    LOG_LEVEL: process.env.BENCH_LOG ?? 'warn',
    ROLE: 'all',
    ...(process.env.BENCH_NODE_OPTIONS ? { NODE_OPTIONS: process.env.BENCH_NODE_OPTIONS } : {}),
    ...settings,
  };
  const installed = await ask<{ ids: string[]; code: string }>({ do: 'open', baseUrl, locations, contactsEach });
  let program = await startProgram(environment);
  const headers = { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' };
  await fetch(`${baseUrl}/oauth/callback?code=${installed.code}`);
  await whenDone(async () => {
    const answer = await fetch(`${baseUrl}/api/overview`, { headers });
    return ((await answer.json()) as { locations: { active?: number } }).locations.active === locations;
  });
  for (const id of installed.ids) {
    const answer = await fetch(`${baseUrl}/api/locations/${id}/channels/sms`, {
      method: 'PUT',
      headers,
      body: JSON.stringify({ type: 'gateway', config: { url: opened.gatewayUrl, secret: opened.secret } }),
    });
    if (answer.status !== 200) throw new Error(`A channel could not be connected: ${answer.status} ${await answer.text()}`);
  }
  if (role !== 'all') {
    await program.end('SIGTERM');
    program = await startProgram({ ...environment, ROLE: role });
  }
  const others: Program[] = [];

  return {
    program,
    databaseUrl: database?.url,
    ask,
    locationIds: installed.ids,
    gatewaySecret: opened.secret,
    messages: (count, of, bytesEach = 0) => ask({ do: 'messages', count, bytesEach, ...(of ? { of } : {}) }),
    seen: (withTimes = false) => ask({ do: 'seen', count: withTimes ? 1 : 0 }),
    async startAnother(another) {
      const started = await startProgram({ ...environment, PORT: String(await freePorts()), ROLE: another });
      others.push(started);
      return started;
    },
    async [Symbol.asyncDispose]() {
      if (process.env.BENCH_LOG) console.log(program.output().slice(0, 4_000));
      await Promise.all([program, ...others].map((one) => one.end('SIGKILL')));
      outside.kill('SIGKILL');
      await database?.remove();
      folder[Symbol.dispose]();
    },
  };
}

function asker(outside: ChildProcess): Arena['ask'] {
  let nextId = 0;
  const waiting = new Map<number, (answer: unknown) => void>();
  outside.on('message', ({ id, answer }: { id: number; answer: unknown }) => {
    waiting.get(id)?.(answer);
    waiting.delete(id);
  });
  return <Answer>(asked: Omit<Asked, 'id'>) =>
    new Promise<Answer>((done) => {
      const id = nextId++;
      waiting.set(id, done as (answer: unknown) => void);
      outside.send({ ...asked, id });
    });
}

function once<T>(child: ChildProcess): Promise<T> {
  return new Promise((done, failed) => {
    child.once('message', (message) => done(message as T));
    child.once('exit', () => failed(new Error('The world outside did not start.')));
  });
}

/** Resident memory of a process now and at its highest, in MiB. */
export function memoryOf(program: Program): { now: number; peak: number } {
  const status = readFileSync(`/proc/${program.child.pid}/status`, 'utf8');
  const mib = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024;
  return { now: mib('VmRSS'), peak: mib('VmHWM') };
}

/** Polls a few times a second: what is waited for happens in other processes. */
export async function whenDone(isDone: () => Promise<boolean>, withinMs = 300_000): Promise<void> {
  const giveUpAt = performance.now() + withinMs;
  while (!(await isDone())) {
    if (performance.now() > giveUpAt) throw new Error('It did not end.');
    await new Promise((done) => setTimeout(done, 100));
  }
}
