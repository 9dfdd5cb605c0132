import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { ServerPlace } from './postgres-server.ts';
import { createTemporaryFolder, findFreePorts, pollUntil } from './program.ts';

/** Returns where PgBouncer is; null where it is not installed. */
export function findPgbouncer(): string | null {
  return ['/usr/sbin/pgbouncer', '/usr/bin/pgbouncer', '/usr/local/bin/pgbouncer'].find((path) => existsSync(path)) ?? null;
}

/** Starts a PgBouncer before a server, by default in transaction mode. @returns the address of a database of the server through it */
export async function startPgbouncer(
  program: string,
  serverUrl: string,
  poolSize: number,
  poolMode: 'session' | 'transaction' | 'statement' = 'transaction',
  { address, prefix }: ServerPlace = { address: '127.0.0.1', prefix: [] },
) {
  const server = new URL(serverUrl);
  const folder = createTemporaryFolder();
  // It does not run as root.
  chmodSync(folder.path, 0o755);
  const port = await findFreePorts();
  const file = join(folder.path, 'pgbouncer.ini');
  const settings = {
    listen_addr: address,
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'any',
    pool_mode: poolMode,
    default_pool_size: poolSize,
    max_client_conn: 200,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  writeFileSync(
    file,
    `[databases]\n* = host=${server.hostname} port=${server.port || 5432} user=${server.username}\n[pgbouncer]\n${lines.join('\n')}\n`,
  );
  const isRoot = process.getuid?.() === 0;
  const userPrefix = [...prefix, ...(isRoot ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups'] : [])];
  const [command = '', ...args] = [...userPrefix, program, '-q', file];
  const child: ChildProcess = spawn(command, args, { stdio: 'ignore' });
  await pollUntil(() => acceptsConnections(address, port), 'PgBouncer listens');
  const url = new URL(serverUrl);
  url.hostname = address;
  url.port = String(port);
  return {
    url: url.href,
    version: execFileSync(program, ['--version']).toString().split('\n')[0],
    async [Symbol.asyncDispose]() {
      const ended = new Promise((done) => child.once('exit', done));
      child.kill('SIGKILL');
      await ended;
      folder[Symbol.dispose]();
    },
  };
}

function acceptsConnections(address: string, port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, address, () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', () => done(false));
  });
}
