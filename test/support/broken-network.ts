import { type AddressInfo, createServer, type Socket } from 'node:net';

export type Breakage =
  | 'refuse'
  | 'accept_and_hang'
  | 'cut_after_request'
  | 'cut_after_headers'
  | 'cut_after_rejection'
  | 'drip';

/** An address behind which the network is broken in one way. */
export async function startBrokenNetwork(mode: Breakage) {
  const sockets = new Set<Socket>();
  let drops: NodeJS.Timeout | undefined;
  let dropping = () => {};
  const isDropping = new Promise<void>((done) => {
    dropping = done;
  });
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}); // Being cut off is what it is for.
    if (mode === 'cut_after_request') socket.once('data', () => socket.destroy());
    if (mode === 'cut_after_headers') {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{', () => socket.destroy());
      });
    }
    if (mode === 'cut_after_rejection') {
      socket.once('data', () => {
        socket.write('HTTP/1.1 400 Bad Request\r\ncontent-length: 1000\r\n\r\n{"error":', () => socket.destroy());
      });
    }
    if (mode === 'drip') {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n{');
        drops = setInterval(() => socket.write(' '), 20);
        dropping();
      });
    }
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  const close = () => new Promise<void>((done) => server.close(() => done()));
  // A port that was just given back refuses connections.
  if (mode === 'refuse') await close();
  return {
    url: `http://127.0.0.1:${port}/`,
    isDropping,
    async [Symbol.asyncDispose]() {
      clearInterval(drops);
      for (const socket of sockets) socket.destroy();
      if (mode !== 'refuse') await close();
    },
  };
}
