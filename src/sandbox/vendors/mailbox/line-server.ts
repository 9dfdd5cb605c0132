import { createServer, type Server, type Socket } from 'node:net';

/** The side of a connection that reads: a line, or as many bytes as it has asked for. */
export interface LineHandler {
  /** Handles a line without its end. */
  readLine(line: string): void;
  /** Finds the end of a block: -1 while it has not arrived, undefined where a line is next. */
  findEnd?(received: string): number | undefined;
  readBlock?(block: string): void;
  close?(): void;
}

const maxBufferedChars = 40 * 1024 * 1024;

/** Starts a server of a protocol of lines on this machine. A port that is in use is replaced by a free one. */
export async function startLineServer(
  port: number,
  serve: (say: (text: string) => void, end: () => void) => LineHandler,
): Promise<{ port: number; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    const handler = serve(
      (text) => void (socket.writable && socket.write(text, 'latin1')),
      () => socket.end(),
    );
    socket.on('error', () => {});
    socket.on('close', () => {
      sockets.delete(socket);
      handler.close?.();
    });
    let buffer = '';
    socket.on('data', (chunk) => {
      buffer += chunk.toString('latin1');
      if (buffer.length > maxBufferedChars) return void socket.destroy();
      buffer = handle(handler, buffer);
    });
  });
  await listen(server, port).catch(() => listen(server, 0));
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}

/** Handles what is complete. @returns the rest */
function handle(handler: LineHandler, received: string): string {
  let rest = received;
  for (;;) {
    const blockEnd = handler.findEnd?.(rest);
    if (blockEnd !== undefined) {
      if (blockEnd < 0) return rest;
      const block = rest.slice(0, blockEnd);
      rest = rest.slice(blockEnd);
      handler.readBlock?.(block);
      continue;
    }
    const lineEnd = rest.indexOf('\r\n');
    if (lineEnd < 0) return rest;
    const line = rest.slice(0, lineEnd);
    rest = rest.slice(lineEnd + 2);
    handler.readLine(line);
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((done, failed) => {
    server.once('error', failed);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', failed);
      done();
    });
  });
}
