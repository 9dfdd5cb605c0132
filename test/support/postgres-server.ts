import { execFile, spawnSync } from 'node:child_process';
import { appendFileSync, chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findFreePorts } from './program.ts';

const run = promisify(execFile);

/** A PostgreSQL server of a test's own: one that may be stopped, which the machine's may not. */
export interface PostgresServer {
  url: string;
  /** Returns the process id of its first process, the parent of those of the connections. */
  getPid(): number;
  /** Stops it as a power cut does to its processes, and starts it again after a while. */
  restart(downtimeMs: number): Promise<void>;
  /** When it was away, by the machine's clock. */
  downtimes: { from: number; to: number }[];
  /** Kills its first process as `kill -9` does; the others end when they notice. */
  kill(): Promise<void>;
  /** Makes a standby the primary. */
  promote(): Promise<void>;
  /** Starts again after `kill`, as the primary that it was. */
  revive(): Promise<void>;
  /** Starts a standby that follows it and can be read from. */
  startStandby(place?: ServerPlace): Promise<PostgresServer>;
  stop(): Promise<void>;
}

/** The host that a server runs on. */
export interface ServerPlace {
  address: string;
  /** The start of a command that runs there. */
  prefix: readonly string[];
}

const thisMachine: ServerPlace = { address: '127.0.0.1', prefix: [] };
const hostsOfTests = 'host all all samenet trust\nhost replication all samenet trust\n';

/** Where the newest server's programs are; null where there is none. */
export function findServerPrograms(): string | null {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    ...versions.map((version) => join(root, version, 'bin')),
    '/usr/local/pgsql/bin',
    '/usr/local/bin',
    '/usr/bin',
  ];
  return folders.find((folder) => ['initdb', 'pg_ctl'].every((name) => existsSync(join(folder, name)))) ?? null;
}

/** Starts it on a free port, with the settings that a server comes with: what is committed is on the disk. */
export function startPostgresServer(programs: string, place = thisMachine): Promise<PostgresServer> {
  return startServer(programs, place, ['initdb', '-U', 'patchbay', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync']);
}

/** @param creation the command that creates its folder of data, whose name is added */
async function startServer(
  programs: string,
  { address, prefix }: ServerPlace,
  [creator = '', ...creation]: readonly string[],
): Promise<PostgresServer> {
  const folder = mkdtempSync(join(tmpdir(), 'patchbay-server-'));
  const isRoot = process.getuid?.() === 0;
  // PostgreSQL does not run as root.
  const userPrefix = [...prefix, ...(isRoot ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups'] : [])];
  const command = async (name: string, ...args: string[]) => {
    const [first = '', ...prefixArgs] = [...userPrefix, join(programs, name), ...args];
    await run(first, prefixArgs, { cwd: folder });
  };
  const remove = () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  if (isRoot) {
    const [uid, gid] = await Promise.all(
      ['-u', '-g'].map(async (flag) => Number((await run('id', [flag, 'postgres'])).stdout)),
    );
    chownSync(folder, uid as number, gid as number);
  }
  const data = join(folder, 'data');
  const port = await findFreePorts();
  await command(creator, ...creation, '-D', data);
  if (creator === 'initdb' && address !== thisMachine.address) appendFileSync(join(data, 'pg_hba.conf'), hostsOfTests);
  const options = `-p ${port} -c listen_addresses=${address} -c unix_socket_directories='${folder}'`;
  const start = () => command('pg_ctl', 'start', '-w', '-s', '-D', data, '-l', join(folder, 'log'), '-o', options);
  await start();
  // Whoever stops a test by hand leaves no server running.
  const stopAbandoned = () => {
    const [first = '', ...prefixArgs] = [...userPrefix, join(programs, 'pg_ctl'), 'stop', '-s', '-m', 'immediate', '-D', data];
    spawnSync(first, prefixArgs, { cwd: folder });
    remove();
  };
  process.once('exit', stopAbandoned);
  const downtimes: PostgresServer['downtimes'] = [];

  return {
    url: `postgresql://patchbay@${address}:${port}/postgres`,
    getPid: () => Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0]),
    downtimes,
    async restart(downtimeMs) {
      const downtime = { from: Date.now(), to: Number.POSITIVE_INFINITY };
      downtimes.push(downtime);
      await command('pg_ctl', 'stop', '-s', '-m', 'immediate', '-D', data);
      await new Promise((done) => setTimeout(done, downtimeMs));
      await start();
      downtime.to = Date.now();
    },
    async kill() {
      process.kill(Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0]), 'SIGKILL');
      const isListening = () =>
        new Promise<boolean>((done) => {
          const socket = connect(port, address, () => done(true)).on('error', () => done(false));
          socket.unref();
        });
      while (await isListening()) await new Promise((done) => setTimeout(done, 20));
    },
    promote: () => command('pg_ctl', 'promote', '-w', '-s', '-D', data),
    revive: start,
    startStandby: (place = thisMachine) =>
      startServer(programs, place, ['pg_basebackup', '-h', address, '-p', String(port), '-U', 'patchbay', '-R', '-c', 'fast']),
    async stop() {
      process.off('exit', stopAbandoned);
      await command('pg_ctl', 'stop', '-s', '-m', 'immediate', '-D', data).catch(() => {
        // It was stopped already, and its folder goes now.
      });
      remove();
    },
  };
}
