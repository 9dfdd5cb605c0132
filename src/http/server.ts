import { createServer, type RequestListener, type Server } from 'node:http';
import { promisify } from 'node:util';
import { type Clock, sleep } from '../core/clock.ts';

const limits = {
  /** From a request's first byte to its last. */
  requestTimeout: 30_000,
  headersTimeout: 10_000,
  /** Interval of checking both; Node's default of 30 s would double them. */
  connectionsCheckingInterval: 5_000,
  // Longer than the idle timeout of proxies: otherwise a proxy may send a webhook into a connection that we are closing.
  keepAliveTimeout: 65_000,
};

/** Creates the HTTP server with limits on how long a client may take. @param maxConnections one more is closed at once */
export function createHttpServer(handler: RequestListener, { maxConnections }: { maxConnections: number }): Server {
  const server = createServer(limits, handler);
  server.maxConnections = maxConnections;
  return server;
}

/** Time in which clients learn, with their next response, that their connection ends. */
const drainMs = 500;
const closeIntervalMs = 50;

/**
 * Stops keeping connections open, so that a proxy sends its next request over another one, to a process that stays. Without this, a webhook may
 * be under way in a connection that is being closed; HighLevel would get no response to it.
 */
export async function drainConnections(server: Server, clock: Clock): Promise<void> {
  server.prependListener('request', (_request, response) => response.setHeader('connection', 'close'));
  if ((await countConnections(server)) > 0) await sleep(clock, drainMs);
}

/** Accepts no more connections, and closes those that are open when their requests are responded to, or after `maxMs`. */
export async function closeServer(server: Server, clock: Clock, maxMs: number): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  const closeAllAt = clock.elapsed() + maxMs;
  while ((await countConnections(server)) > 0 && clock.elapsed() < closeAllAt) {
    // Again and again: a connection becomes idle when its last request has its response.
    server.closeIdleConnections();
    await sleep(clock, closeIntervalMs);
  }
  server.closeAllConnections();
  await closed;
}

function countConnections(server: Server): Promise<number> {
  return promisify(server.getConnections.bind(server))();
}
