import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { systemClock } from '../../src/core/clock.ts';
import { createIdGenerator, systemRandom } from '../../src/core/ids.ts';
import { createFileFetcher, fetchAttachment } from '../../src/runtime/fetch-file.ts';
import { createHttpClient, type HttpClient } from '../../src/runtime/outbound-http.ts';
import { startBrokenNetwork } from '../support/broken-network.ts';
import { listen } from '../support/http.ts';
import { createTemporaryFolder } from '../support/program.ts';
import { pdf, png } from '../support/sample-files.ts';

const folder = createTemporaryFolder();
afterAll(() => folder[Symbol.dispose]());

const fetcher = (http: HttpClient, path = folder.path) =>
  createFileFetcher({
    http,
    clock: systemClock,
    newId: createIdGenerator(systemClock, systemRandom),
    folder: path,
    maxBytes: 10_000,
    hasRoom: async () => true,
  });
const open = createHttpClient({ timeoutMs: 1_000, allowPrivateTargets: true });
const guarded = createHttpClient({ timeoutMs: 1_000, allowPrivateTargets: false });

test('a redirect passes the guard like any address', async () => {
  for (const location of ['http://169.254.169.254/latest/meta-data/', 'http://localhost:9/']) {
    const redirected = { status: 302, headers: { location }, data: Readable.from([]) };
    const get = (url: string, options: object) =>
      url === 'https://files.example.com/' ? Promise.resolve(redirected) : guarded.get(url, options);
    const fetched = await fetcher({ get } as unknown as HttpClient)('https://files.example.com/');
    expect(fetched).toEqual({ kind: 'rejected', code: 'media_forbidden', reason: 'is not at a public address' });
  }
});

test.each(['refuse', 'cut_after_request', 'cut_after_headers'] as const)(
  'a network that breaks by "%s" is a temporary failure',
  async (breakage) => {
    await using network = await startBrokenNetwork(breakage);
    expect(await fetcher(open)(network.url)).toMatchObject({ kind: 'unavailable', code: 'attachment_unreachable' });
  },
);

test('a stopped fetch and a failing disk are no failures of the file', async () => {
  await using network = await startBrokenNetwork('accept_and_hang');
  const stopping = new AbortController();
  const fetching = fetcher(open)(network.url, stopping.signal);
  stopping.abort();
  expect(await fetching).toMatchObject({ kind: 'unavailable' });

  const { url, close } = await listen((_request, response) => response.end(png));
  writeFileSync(join(folder.path, 'file'), '');
  const broken = fetcher(open, join(folder.path, 'file', 'folder'));
  await expect(broken(url)).rejects.toMatchObject({ code: 'attachment_store_unavailable' });
  expect(await fetchAttachment(broken, url)).toMatchObject({ kind: 'unavailable', code: 'attachment_store_unavailable' });
  await close();
});

test('a channel receives bytes, or an outcome that it can return', async () => {
  const { url, close } = await listen((request, response) => {
    const name = request.url === '/bill' ? { 'content-disposition': 'attachment; filename="bill.exe"' } : {};
    if (request.url === '/secret-404') return response.writeHead(404).end();
    return response.writeHead(200, name).end(pdf);
  });
  const media = await fetchAttachment(fetcher(open), `${url}/bill`);
  expect(media).toEqual({ kind: 'fetched', data: pdf, contentType: 'application/pdf', extension: 'pdf', name: 'bill.pdf' });
  const message = 'An attachment could not be sent: it could not be fetched (404).';
  expect(await fetchAttachment(fetcher(open), `${url}/secret-404`)).toEqual({ kind: 'rejected', code: 'media_gone', message });
  const file = await fetcher(open)(`${url}/x`);
  expect(file).toMatchObject({
    kind: 'fetched',
    bytes: pdf.length,
    name: null,
    sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  expect(readFileSync(file.kind === 'fetched' ? file.path : '')).toEqual(pdf);
  await close();
});

test.each([
  [`x${'.'.repeat(15_000)}xxxxxxxxx`, 'x'],
  [`"...invoice 7 (final).pdf"`, 'invoice_7_final'],
  ['"___"', null],
])('any file name of a sender is made harmless in linear time', async (said, name) => {
  const { url, close } = await listen((_request, response) =>
    response.writeHead(200, { 'content-disposition': `attachment; filename=${said}` }).end(pdf),
  );
  expect(await fetcher(open)(url)).toMatchObject({ kind: 'fetched', name });
  await close();
});
