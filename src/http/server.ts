import { createServer, type RequestListener, type Server } from 'node:http';

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
