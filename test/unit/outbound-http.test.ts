import http, { type ServerResponse } from 'node:http';
import https from 'node:https';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { createHttpClient, isPrivateAddress, toRequestFailure } from '../../src/runtime/outbound-http.ts';
import { startBrokenNetwork } from '../support/broken-network.ts';
import { listen } from '../support/http.ts';

/** For what responds, however busy the machine is. */
const open = createHttpClient({ timeoutMs: 20_000, allowPrivateTargets: true });
/** For what never responds. */
const hasty = createHttpClient({ timeoutMs: 1_000, allowPrivateTargets: true });
const guarded = createHttpClient({ timeoutMs: 300, allowPrivateTargets: false });
const getFailure = (call: Promise<unknown>) => call.then(() => 'responded' as const, toRequestFailure);

test.each([
  'http://127.0.0.1:9/',
  'http://localhost:9/',
  'http://[::1]:9/',
  'http://[::ffff:10.0.0.1]:9/',
  'http://2130706433/',
  'http://0x7f.1/',
  'http://10.1.2.3/',
  'http://169.254.169.254/latest/meta-data/',
  'http://192.168.0.1/',
  'http://[fd00::1]/',
  'http://0.0.0.0/',
])('the guard refuses %s', async (url) => {
  expect(await getFailure(guarded.get(url))).toMatchObject({
    sent: 'no',
    message: expect.stringMatching(/private or reserved/),
  });
});

test('every address of the private ranges is private, and ordinary ones are not', () => {
  const byte = fc.nat({ max: 255 });
  fc.assert(
    fc.property(byte, byte, byte, (a, b, c) => {
      for (const address of [
        `10.${a}.${b}.${c}`,
        `127.${a}.${b}.${c}`,
        `192.168.${a}.${b}`,
        `172.${16 + (a % 16)}.${b}.${c}`,
      ]) {
        expect(isPrivateAddress(address)).toBe(true);
      }
    }),
  );
  for (const address of ['168.63.129.16', '::102:304', '::ffff:10.0.0.1', '64:ff9b:1::a00:1', '64:ff9b::a00:1', '3fff::1']) {
    expect(isPrivateAddress(address)).toBe(true);
  }
  for (const address of ['168.63.129.17', '8.8.8.8', '93.184.216.34', '2606:4700:4700::1111'])
    expect(isPrivateAddress(address)).toBe(false);
});

test('a refused connection was not sent', async () => {
  await using network = await startBrokenNetwork('refuse');
  expect(await getFailure(open.post(network.url, '{}'))).toMatchObject({ sent: 'no' });
});

test.each(['accept_and_hang', 'cut_after_request'] as const)('a request that met "%s" may have been sent', async (mode) => {
  await using network = await startBrokenNetwork(mode);
  expect(await getFailure(hasty.post(network.url, '{}'))).toMatchObject({ sent: 'maybe' });
});

test('a handshake that never ends was not sent', async () => {
  await using network = await startBrokenNetwork('accept_and_hang');
  expect(await getFailure(hasty.post(network.url.replace('http:', 'https:'), '{}'))).toMatchObject({ sent: 'no' });
});

test.each(['http', 'https'])(
  'a request over %s that never got a connection was not sent, however it ended',
  async (protocol) => {
    const lookup = () => {};
    const agents = { httpAgent: new http.Agent({ lookup }), httpsAgent: new https.Agent({ lookup }) };
    const post = (signal?: AbortSignal) =>
      hasty.post(`${protocol}://never.example/`, '{}', { ...agents, ...(signal && { signal }) });
    const failure = { sent: 'no', message: 'the connection was not made in time' };
    expect(await getFailure(post())).toEqual(failure);
    expect(await getFailure(post(AbortSignal.timeout(20)))).toEqual(failure);
    expect(await getFailure(post(AbortSignal.abort()))).toMatchObject({ sent: 'no' });
  },
);

test.each(['before', 'at the start of', 'in the middle of'])(
  'a request that is cancelled %s its response may have been sent',
  async (moment) => {
    let cancel = new AbortController();
    await using server = await serve((response) => {
      if (moment !== 'before')
        response.writeHead(200, { 'content-length': 10 }).write(moment === 'at the start of' ? '' : 'begin');
      cancel.abort();
    });
    const form = new FormData();
    form.set('a', 'b');
    for (const body of ['{}', form]) {
      cancel = new AbortController();
      expect(await getFailure(open.post(server.url, body, { signal: cancel.signal }))).toMatchObject({ sent: 'maybe' });
    }
  },
);

test('redirects are not followed: they could lead past the guard', async () => {
  const { url, close } = await listen((_request, response) => response.writeHead(302, { location: 'http://10.0.0.1/' }).end());
  expect((await open.get(url)).status).toBe(302);
  await close();
});

test.each([200, 400, 503])('of a body that is too long, the status %i and the beginning are read', async (status) => {
  await using server = await serve((response) => response.writeHead(status).end(`begin${'x'.repeat(2_000_000)}`));
  const response = await open.post(server.url, '{}');
  expect(response).toMatchObject({ status, isPartial: true });
  expect(response.data).toHaveLength(1024 * 1024);
  expect(response.data).toMatch(/^begin/);
});

test('a body that unpacks to too much is not read to its end', async () => {
  const packed = gzipSync(Buffer.alloc(50_000_000, 'a'));
  await using server = await serve((response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(packed));
  expect((await open.post(server.url, '{}')).data).toHaveLength(1024 * 1024);
});

test('a body that breaks off after an error status is that error; after a success it is a failure, as content may be missing', async () => {
  await using refusal = await startBrokenNetwork('cut_after_rejection');
  expect(await open.post(refusal.url, '{}')).toMatchObject({ status: 400, data: '{"error":', isPartial: true });
  await using success = await startBrokenNetwork('cut_after_headers');
  expect(await getFailure(open.post(success.url, '{}'))).toMatchObject({ sent: 'maybe' });
});

test('a whole body is read as it is, and its connection is used again', async () => {
  const ports = new Set<number | undefined>();
  await using server = await serve((response) => {
    ports.add(response.socket?.remotePort);
    response.end('\ufeffHéllo');
  });
  for (let n = 0; n < 3; n++)
    expect(await open.post(server.url, '{}')).toMatchObject({ status: 200, data: 'Héllo', isPartial: false });
  expect(ports.size).toBe(1);
});

/** Starts a server that responds alike to each request. */
async function serve(respond: (response: ServerResponse) => unknown) {
  const { url, server, close } = await listen();
  server.on('request', (request, response) => request.resume().once('end', () => respond(response)));
  return { url, [Symbol.asyncDispose]: close };
}
