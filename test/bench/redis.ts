import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { createTemporaryFolder, findFreePorts } from '../support/program.ts';
import type { OwnStore } from './own-postgres.ts';

/**
 * Starts a Redis of a benchmark's own on a free port.
 *
 * @param isDurable whether it writes each command to its disk before it responds (`appendfsync always`), as PostgreSQL does with commits
 */
export async function startRedis(isDurable: boolean): Promise<OwnStore> {
  const folder = createTemporaryFolder();
  const port = await findFreePorts();
  const durability = isDurable ? ['--appendonly', 'yes', '--appendfsync', 'always'] : ['--appendonly', 'no'];
  const options = ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--dir', folder.path, ...durability];
  const child = spawn('redis-server', options, { stdio: 'ignore' });
  const failed = new Promise<never>((_, reject) =>
    child.once('error', reject).once('exit', () => reject(new Error('Redis ended.'))),
  );
  failed.catch(() => undefined);
  await Promise.race([awaitConnection(port), failed]);
  return {
    url: `redis://127.0.0.1:${port}`,
    pid: child.pid as number,
    stop() {
      child.kill('SIGKILL');
      folder[Symbol.dispose]();
    },
  };
}

async function awaitConnection(port: number): Promise<void> {
  for (;;) {
    const isOpen = await new Promise<boolean>((done) => {
      const socket = connect({ host: '127.0.0.1', port }, () => done(true)).once('error', () => done(false));
      socket.once('connect', () => socket.destroy());
    });
    if (isOpen) return;
    await new Promise((done) => setTimeout(done, 50));
  }
}
