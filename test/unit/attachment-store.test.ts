import { createHash } from 'node:crypto';
import { existsSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { createDiskStore, removeStaleDownloads } from '../../src/attachments/disk-store.ts';
import { createAttachmentLinks, hashSecret } from '../../src/attachments/links.ts';
import { createS3Store } from '../../src/attachments/s3-store.ts';
import type { AttachmentStore } from '../../src/attachments/store.ts';
import { systemClock } from '../../src/core/clock.ts';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import { startBucket } from '../support/bucket.ts';
import { createTemporaryFolder } from '../support/program.ts';
import { png } from '../support/sample-files.ts';

const http = createHttpClient({ timeoutMs: 5_000, allowPrivateTargets: true });
const folder = createTemporaryFolder();
const bucket = await startBucket();
afterAll(async () => {
  folder[Symbol.dispose]();
  await bucket.close();
});

function createFile(data: Buffer) {
  const path = join(folder.path, 'incoming');
  writeFileSync(path, data);
  return { path, bytes: data.length, sha256: createHash('sha256').update(data).digest('hex'), contentType: 'image/png' };
}

const id = '01890000-0000-7000-8000-000000000001';
const readBytes = async (store: AttachmentStore, range?: { start: number; end: number }) => {
  const stream = await store.read(id, range);
  return stream && buffer(stream);
};

describe.each<[string, () => AttachmentStore, () => () => void]>([
  [
    'a folder',
    () => createDiskStore(join(folder.path, 'files')),
    () => {
      rmSync(join(folder.path, 'files'), { recursive: true, force: true });
      // A file where the folder should be.
      writeFileSync(join(folder.path, 'files'), '');
      return () => rmSync(join(folder.path, 'files'));
    },
  ],
  [
    'a bucket',
    () => createS3Store({ http, clock: systemClock }, bucket.settings),
    () => {
      bucket.state.isDown = true;
      return () => {
        bucket.state.isDown = false;
      };
    },
  ],
])('%s', (_name, open, breakIt) => {
  test('stores bytes, returns them whole or in part, also to another process, and removes them', async () => {
    const store = open();
    expect(await store.read(id)).toBeNull();
    const file = createFile(png);
    await store.put(id, file);
    expect(existsSync(file.path)).toBe(false);
    expect(await readBytes(open())).toEqual(png);
    expect(await readBytes(store, { start: 1, end: 3 })).toEqual(png.subarray(1, 4));
    const large = Buffer.alloc(3 * 1024 * 1024, 'x');
    await store.put(id, createFile(large));
    expect((await readBytes(store))?.equals(large)).toBe(true);
    await store.remove(id);
    await store.remove(id);
    expect(await store.read(id)).toBeNull();
  });

  test('reports its failure, and leaves no file behind', async () => {
    const repair = breakIt();
    const file = createFile(png);
    const unavailable = expect.objectContaining({ code: 'attachment_store_unavailable' });
    await expect(open().put(id, file)).rejects.toEqual(unavailable);
    expect(existsSync(file.path)).toBe(false);
    await expect(open().read(id)).rejects.toEqual(unavailable);
    repair();
    await open().put(id, createFile(png));
    await open().remove(id);
  });
});

test('a bucket’s secret is in no error, and a wrong one gives no access', async () => {
  const wrong = { ...bucket.settings, secretAccessKey: 'another-secret' };
  const error = await createS3Store({ http, clock: systemClock }, wrong)
    .put(id, createFile(png))
    .catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'attachment_store_unavailable', message: expect.stringContaining('403') });
  expect(JSON.stringify(error) + String(error)).not.toContain('another-secret');
  expect(bucket.objects.size).toBe(0);
});

test('downloads left by a killed process are removed after a while', async () => {
  const [old, fresh] = ['old', 'fresh'].map((name) => join(folder.path, name)) as [string, string];
  for (const path of [old, fresh]) writeFileSync(path, 'x');
  utimesSync(old, new Date(0), new Date(0));
  await removeStaleDownloads(folder.path, new Date(1_000));
  expect([existsSync(old), existsSync(fresh)]).toEqual([false, true]);
  await removeStaleDownloads(join(folder.path, 'not there'), new Date());
});

test('a URL can’t be derived without the key, and is the same each time', () => {
  const links = createAttachmentLinks(Buffer.alloc(32, 1), 'https://app.example.com');
  const other = createAttachmentLinks(Buffer.alloc(32, 2), 'https://app.example.com');
  expect(links.toUrl(id, 'a b.png')).toBe(`https://app.example.com/media/${links.deriveSecret(id)}/a%20b.png`);
  expect(links.deriveSecret(id)).toBe(createAttachmentLinks(Buffer.alloc(32, 1), '').deriveSecret(id));
  expect(other.deriveSecret(id)).not.toBe(links.deriveSecret(id));
  expect(Buffer.from(links.deriveSecret(id), 'base64url')).toHaveLength(32);
  expect(hashSecret(links.deriveSecret(id))).not.toContain(links.deriveSecret(id));
});
