import { createServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import { getPriority, setPriority } from 'node:os';

/**
 * The load of one tenant, in a process of its own, so that the measuring process does not pay for it. Its priority is lower than the
 * program's: the machine has few cores, and a real tenant's machine takes no time from ours. With the argument `idle` the process is
 * the control's server instead, which reads requests and does no work.
 */

/** Requests of one kind, sent in turns over so many connections, each as soon as its connection has the last response. */
export interface LoadKind {
  name: string;
  connections: number;
  /** Whole requests, as written to the socket. */
  requests: readonly string[];
  /** Set where responses do not end: each connection sends one request and stays open. */
  isStream?: boolean;
  /** A maximum rate; without it, a connection sends as soon as it has a response. */
  perSecond?: number;
}

export interface GeneratorLoad {
  url: string;
  /** An empty list ends the load. */
  kinds: readonly LoadKind[];
}

/** Counts since the load began, by kind and then by status. */
export type GeneratorCounts = Record<string, Record<string, number>>;

const host = '127.0.0.1';
let stop = new AbortController();
let counts: GeneratorCounts = {};

if (process.argv[2] === 'idle') {
  const server = createServer((request, response) => {
    request.resume().once('end', () => {
      if (request.url?.startsWith('/embed/live')) response.writeHead(200).flushHeaders();
      else response.writeHead(202, { 'content-length': 2 }).end('{}');
    });
  });
  server.listen(0, host, () => process.send?.((server.address() as { port: number }).port));
} else {
  setPriority(getPriority() + 5);
  process.on('message', ({ url, kinds }: GeneratorLoad) => {
    stop.abort();
    process.send?.(counts);
    counts = {};
    stop = new AbortController();
    for (const kind of kinds) startKind(Number(new URL(url).port), kind, stop.signal);
  });
}

function startKind(port: number, kind: LoadKind, signal: AbortSignal): void {
  const requests = kind.requests.map((request) => Buffer.from(request));
  const startedAt = performance.now();
  let next = 0;
  const ofKind: Record<string, number> = {};
  counts[kind.name] = ofKind;

  async function work(): Promise<void> {
    let socket: Socket | undefined;
    const end = () => socket?.destroy();
    signal.addEventListener('abort', end);
    while (!signal.aborted) {
      const index = next++;
      if (kind.perSecond)
        await new Promise((done) =>
          setTimeout(done, Math.max(startedAt + (1000 * index) / (kind.perSecond ?? 1) - performance.now(), 0)),
        );
      socket = socket && !socket.destroyed ? socket : connect({ host, port, noDelay: true });
      socket.write(requests[index % requests.length] as Buffer);
      const status = await readResponse(socket, kind.isStream ?? false);
      if (!signal.aborted) ofKind[status] = (ofKind[status] ?? 0) + 1;
      // A refused stream waits, or the load would consist of refusals.
      if (kind.isStream && status !== 'broken') await new Promise((done) => setTimeout(done, 1_000));
    }
    end();
  }
  for (let count = 0; count < kind.connections; count++) void work();
}

/** Reads one response. @returns its status, when it has ended; of a stream, when its connection has ended */
function readResponse(socket: Socket, isStream: boolean): Promise<string> {
  return new Promise((done) => {
    let head = '';
    let missing = Number.POSITIVE_INFINITY;
    const finish = (status: string) => {
      socket.removeAllListeners();
      socket.on('error', () => {});
      done(status);
    };
    const status = () => head.slice(9, 12);
    const broken = () => finish(isStream && head !== '' ? status() : 'broken');
    socket.on('error', broken).once('close', broken);
    socket.on('data', (chunk) => {
      if (missing === Number.POSITIVE_INFINITY) {
        head += chunk.toString('latin1');
        const headEnd = head.indexOf('\r\n\r\n');
        if (headEnd < 0) return;
        if (isStream && status() === '200') return;
        missing = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0) - (head.length - headEnd - 4);
      } else missing -= chunk.length;
      if (missing <= 0) finish(status());
    });
  });
}
