import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { isAppError } from '../../src/core/errors.ts';
import { createBodyReader } from '../../src/http/read-body.ts';
import { createHttpServer } from '../../src/http/server.ts';
import { listen } from '../support/http.ts';
import { createTestClock } from '../support/test-clock.ts';

const mebibyte = 1024 * 1024;
const limits = { totalBytes: 1_000, smallReserveBytes: 300, smallBytes: 100, oversizedBytes: 700 };

/** Starts a server that reports each body's length and handles it until the test ends that. */
async function start(clock: Clock = systemClock) {
  const maxBytes = 2_000;
  const readBody = createBodyReader(limits, clock);
  const held: (() => void)[] = [];
  let receivedBytes = 0;
  const { url, close } = await listen(async (request, response) => {
    request.on('data', (chunk) => {
      receivedBytes += chunk.length;
    });
    try {
      await readBody(request, response, maxBytes, async (body) => {
        if (request.url === '/held') await new Promise<void>((dispose) => held.push(dispose));
        response.end(request.url === '/long' ? Buffer.alloc(32 * mebibyte) : body.toString());
      });
    } catch (error) {
      response.statusCode = isAppError(error) ? error.status : 500;
      response.end();
    }
  });
  const post = (body: string | Buffer, path = '/', headers: Record<string, string> = {}) =>
    fetch(`${url}${path}`, { method: 'POST', body: new Uint8Array(Buffer.from(body)), headers });
  /** Sends the beginning of a request, and waits until its body so far is with the server. @returns what the socket receives from then on */
  async function begin(bodyBytes: number, body: string | Buffer, headers: readonly string[] = []) {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    const before = receivedBytes;
    socket.write(['POST / HTTP/1.1', 'host: x', `content-length: ${bodyBytes}`, ...headers, '', ''].join('\r\n'));
    socket.write(body);
    while (receivedBytes < before + body.length) await new Promise((done) => setImmediate(done));
    const response = once(socket, 'data').then(([data]) => String(data));
    response.catch(() => {});
    return { socket, response };
  }
  return { url, held, post, begin, [Symbol.asyncDispose]: close };
}

async function waitUntilHeld(held: unknown[], count: number): Promise<void> {
  while (held.length < count) await new Promise((done) => setImmediate(done));
}

test('a body counts towards the limit of all until it has been handled', async () => {
  await using server = await start();
  const first = server.post('a'.repeat(600), '/held');
  await waitUntilHeld(server.held, 1);
  expect((await server.post('b'.repeat(200))).status).toBe(503);
  expect((await server.post('c'.repeat(100))).status).toBe(200);
  server.held[0]?.();
  expect(await (await first).text()).toBe('a'.repeat(600));
  expect((await server.post('b'.repeat(200))).status).toBe(200);
});

test('small bodies have a share that large ones cannot use', async () => {
  await using server = await start();
  const large = server.post('a'.repeat(700), '/held');
  await waitUntilHeld(server.held, 1);
  const small = [1, 2, 3].map(() => server.post('b'.repeat(100), '/held'));
  await waitUntilHeld(server.held, 4);
  expect((await server.post('c')).status).toBe(503);
  for (const dispose of server.held) dispose();
  expect((await Promise.all([large, ...small])).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
});

test('one oversized body is read at a time, beside the others', async () => {
  await using server = await start();
  const first = server.post('a'.repeat(1_500), '/held');
  await waitUntilHeld(server.held, 1);
  expect((await server.post('b'.repeat(900))).status).toBe(503);
  expect((await server.post('c'.repeat(600))).status).toBe(200);
  server.held[0]?.();
  expect((await first).status).toBe(200);
  expect((await server.post('b'.repeat(900))).status).toBe(200);
});

test('a body that is too large, announced or not, is 413, and its caller can read that', async () => {
  await using server = await start();
  expect((await server.post('a'.repeat(2_001))).status).toBe(413);
  const chunked = new ReadableStream({
    start(controller) {
      for (let n = 0; n < 3; n++) controller.enqueue(Buffer.alloc(1_000, 97));
      controller.close();
    },
  });
  const response = await fetch(server.url, { method: 'POST', body: chunked, duplex: 'half' } as RequestInit);
  expect(response.status).toBe(413);
});

test('a compressed body is read, and counts as long as it is', async () => {
  await using server = await start();
  for (const [encoding, encode] of Object.entries({ gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync })) {
    const response = await server.post(encode('text of a body'), '/', { 'content-encoding': encoding });
    expect(await response.text()).toBe('text of a body');
    expect((await server.post(encode('a'.repeat(3_000)), '/', { 'content-encoding': encoding })).status).toBe(413);
    expect((await server.post('no such encoding', '/', { 'content-encoding': encoding })).status).toBe(400);
  }
  expect((await server.post('x', '/', { 'content-encoding': 'zstd' })).status).toBe(400);
});

test('a caller that hangs up frees its share', async () => {
  await using server = await start();
  const { socket } = await server.begin(1_000, 'a'.repeat(900));
  expect((await server.post('b'.repeat(900))).status).toBe(503);
  socket.destroy();
  let status = 503;
  while (status !== 200) ({ status } = await server.post('b'.repeat(900)));
});

test('incomplete bodies give way when there is no room, the one without progress for longest first', async () => {
  await using server = await start();
  const first = await server.begin(400, 'a'.repeat(300));
  const second = await server.begin(400, 'b'.repeat(300));
  expect((await server.post('c'.repeat(300))).status).toBe(200);
  expect(await first.response).toMatch(/^HTTP\/1\.1 503 /);
  second.socket.write('b'.repeat(100));
  expect(await second.response).toMatch(/^HTTP\/1\.1 200 /);
});

test('a large body displaces no small one, and none is displaced where that is not enough', async () => {
  await using server = await start();
  const small = await server.begin(100, 'a'.repeat(90));
  const large = await server.begin(210, 'b'.repeat(200));
  const held = server.post('c'.repeat(380), '/held');
  await waitUntilHeld(server.held, 1);
  expect((await server.post('d'.repeat(500))).status).toBe(503);
  small.socket.write('a'.repeat(10));
  expect(await small.response).toMatch(/^HTTP\/1\.1 200 /);
  large.socket.write('b'.repeat(10));
  expect(await large.response).toMatch(/^HTTP\/1\.1 200 /);
  server.held[0]?.();
  expect((await held).status).toBe(200);
});

test('an oversized body gives way to another one after two seconds without progress', async () => {
  const clock = createTestClock();
  await using server = await start(clock);
  const stalled = await server.begin(1_000, 'a'.repeat(900));
  expect((await server.post('b'.repeat(900))).status).toBe(503);
  await clock.tick(2_001);
  expect((await server.post('b'.repeat(900))).status).toBe(200);
  expect(await stalled.response).toMatch(/^HTTP\/1\.1 503 /);
});

test('a compressed body takes its compressed size until it is complete', async () => {
  await using server = await start();
  const compressed = gzipSync('a'.repeat(600));
  const started = await server.begin(compressed.length, compressed.subarray(0, -1), ['content-encoding: gzip']);
  expect((await server.post('b'.repeat(600))).status).toBe(200);
  started.socket.write(compressed.subarray(-1));
  expect(await started.response).toContain('a'.repeat(600));
});

test('a body that was handled takes no memory, even when its caller does not read the response before', async () => {
  await using server = await start();
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname).pause();
  const request = (path: string, body: string) =>
    `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  socket.write(request('/long', 'a') + request('/held', 'b'.repeat(600)));
  await waitUntilHeld(server.held, 1);
  expect((await server.post('c'.repeat(600))).status).toBe(503);
  server.held[0]?.();
  expect((await server.post('c'.repeat(600))).status).toBe(200);
  socket.destroy();
});

test('a server gives a request 30 s, its headers 10 s, and closes what is over its number of connections', async () => {
  const server = createHttpServer((_request, response) => void response.end('ok'), { maxConnections: 2 });
  expect([server.requestTimeout, server.headersTimeout]).toEqual([30_000, 10_000]);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const sockets: Socket[] = [];
  for (let n = 0; n < 2; n++) {
    const socket = connect(port, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    await once(socket, 'data');
    sockets.push(socket);
  }
  const third = connect(port, '127.0.0.1');
  third.on('error', () => {});
  third.resume();
  await once(third, 'close');
  for (const socket of sockets) socket.destroy();
  server.close();
  await once(server, 'close');
});

test('large bodies take turns in proportion to their size, and a small one waits for none of them', async () => {
  const clock = createTestClock();
  const readBody = createBodyReader({ smallBytes: 1_000 }, clock);
  const read: number[] = [];
  const { url, close } = await listen(async (request, response) => {
    await readBody(request, response, 4 * mebibyte, async (body) => read.push(body.length));
    response.end();
  });
  const post = (bytes: number) => fetch(url, { method: 'POST', body: new Uint8Array(bytes) });
  try {
    await post(2 * mebibyte);
    const later = [post(mebibyte), post(mebibyte)];
    await post(1_000);
    await clock.tick(79);
    await post(1_000);
    expect(read).toEqual([2 * mebibyte, 1_000, 1_000]);
    await clock.tick(1);
    await Promise.race(later);
    await post(1_000);
    expect(read).toEqual([2 * mebibyte, 1_000, 1_000, mebibyte, 1_000]);
    await clock.tick(40);
    await Promise.all(later);
  } finally {
    await close();
  }
});

test('bodies that expand to megabytes stand in line one at a time: a large body waits for one of them at most', async () => {
  const clock = createTestClock();
  const readBody = createBodyReader({}, clock);
  const read: (string | undefined)[] = [];
  let received = 0;
  const { url, close } = await listen(async (request, response) => {
    request.once('end', () => {
      received += 1;
    });
    await readBody(request, response, 4 * mebibyte, async () => read.push(request.url));
    response.end();
  });
  const post = (path: string, body: Uint8Array, headers: Record<string, string> = {}) =>
    fetch(`${url}${path}`, { method: 'POST', body: new Uint8Array(body), headers });
  try {
    await post('/first', new Uint8Array(mebibyte));
    const bomb = gzipSync(Buffer.alloc(4 * mebibyte));
    const compressed = [1, 2, 3].map(() => post('/compressed', bomb, { 'content-encoding': 'gzip' }));
    while (received < 4) await new Promise((done) => setImmediate(done));
    const large = post('/large', new Uint8Array(mebibyte));
    while (received < 5) await new Promise((done) => setImmediate(done));
    while (!read.includes('/large')) await clock.tick(1);
    expect(read.filter((path) => path === '/compressed').length).toBeLessThanOrEqual(1);
    while (read.length < 5) await clock.tick(1);
    await Promise.all([large, ...compressed]);
  } finally {
    await close();
  }
});

test('a caller that leaves while its large body waits holds up no other', async () => {
  const clock = createTestClock();
  const readBody = createBodyReader({ smallBytes: 1_000 }, clock);
  const received: (string | undefined)[] = [];
  const ended: string[] = [];
  const { url, close } = await listen(async (request, response) => {
    request.once('end', () => received.push(request.url));
    const end = await readBody(request, response, 4 * mebibyte, async () => 'read').catch(() => 'left');
    ended.push(`${request.url} ${end}`);
    response.end();
  });
  const post = (path: string, signal?: AbortSignal) =>
    fetch(`${url}${path}`, { method: 'POST', body: new Uint8Array(mebibyte), signal: signal ?? null });
  try {
    await post('/first');
    const leaving = new AbortController();
    const left = post('/leaves', leaving.signal).catch(() => undefined);
    while (!received.includes('/leaves')) await new Promise((done) => setImmediate(done));
    leaving.abort();
    await left;
    while (ended.length < 2) await new Promise((done) => setImmediate(done));
    expect(ended).toEqual(['/first read', '/leaves left']);
    const third = post('/third');
    await clock.tick(40);
    await third;
    expect(ended.at(-1)).toBe('/third read');
  } finally {
    await close();
  }
});
