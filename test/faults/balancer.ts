import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';

/** A process behind the balancer. */
export interface Target {
  host: string;
  port: number;
}

/** Starts a balancer in front of several processes: each connection goes to the next process that accepts it, and ends with it. */
export async function startBalancer(targets: () => readonly Target[]): Promise<{ url: string; close(): Promise<void> }> {
  const open = new Set<Socket>();
  let turn = 0;

  function join(client: Socket, left: readonly Target[]): void {
    const [target, ...others] = left;
    if (target === undefined || client.destroyed) return void client.destroy();
    let isConnected = false;
    const process = connect({ ...target, noDelay: true });
    const end = () => {
      open.delete(client);
      client.destroy();
      process.destroy();
    };
    process.once('connect', () => {
      isConnected = true;
      client.pipe(process).pipe(client);
      client.on('close', end).on('error', end);
    });
    process.on('error', () => (isConnected ? end() : join(client, others)));
    process.on('close', () => isConnected && end());
  }

  const server = createServer({ noDelay: true }, (client) => {
    open.add(client);
    client.on('error', () => client.destroy());
    const all = targets();
    const first = turn++ % all.length;
    join(client, [...all.slice(first), ...all.slice(0, first)]);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}
