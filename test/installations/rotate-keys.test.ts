import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { createChannelContext } from '../../src/connections/channel-context.ts';
import { stateAad } from '../../src/connections/sealed-config.ts';
import { createSecretBox } from '../../src/core/secret-box.ts';
import { toLocationOwner } from '../../src/highlevel/client.ts';
import { createAccessTokens } from '../../src/installations/access-token.ts';
import { listKeyAges, toKeyRings } from '../../src/installations/key-inventory.ts';
import { reencryptAll } from '../../src/installations/reencrypt.ts';
import { noSockets } from '../support/channel-context.ts';
import { createDataFolder, createTestDatabase } from '../support/databases.ts';
import { startWorld } from '../support/world.ts';

const [old, newer] = [randomBytes(32), randomBytes(32)];

test('all secrets are sealed again with the newest key, a second run changes no row, and the old key can be removed', async () => {
  await using world = await startWorld({ isIdle: true, services: { encryptionKeys: [old] } });
  const locations = [await world.setUpLocation(), await world.setUpLocation(), await world.setUpLocation()];
  const box = createSecretBox([newer, old], randomBytes);
  const seen: number[] = [];
  const progress = await reencryptAll({ db: world.services.db, box }, ({ done }) => seen.push(done));
  expect(progress).toEqual({ done: 6, total: 6, unreadable: [] });
  expect(seen.at(-1)).toBe(6);

  const rows = () =>
    Promise.all([
      world.db.installation.findMany({ orderBy: { resourceId: 'asc' } }),
      world.db.connection.findMany({ orderBy: { id: 'asc' } }),
    ]);
  const after = await rows();
  await reencryptAll({ db: world.services.db, box }, () => {});
  expect(await rows()).toEqual(after);
  const alone = createAccessTokens({ ...world.services, box: createSecretBox([newer], randomBytes) });
  for (const { id } of locations) expect(await alone.getToken(toLocationOwner(id))).toMatch(/^access\./);
});

test('the state of a channel is counted until the newest key has sealed it, and still opens then', async () => {
  await using world = await startWorld({ isIdle: true, services: { encryptionKeys: [old] } });
  const { connectionId } = await world.setUpLocation();
  const { db, clock } = world.services;
  const open = async (keys: Buffer[]) => {
    const connection = await world.services.getConnection(connectionId);
    const box = createSecretBox(keys, randomBytes);
    return createChannelContext({ ...world.services, ...noSockets, box }, connection, new AbortController().signal).state;
  };
  await (await open([old])).set({ cursor: 7 });
  const box = createSecretBox([newer, old], randomBytes);
  const countOlder = async () => {
    const ages = await listKeyAges({ db, clock, box }, toKeyRings({ encryption: [newer, old], session: [] }));
    return ages[0]?.sealedWithOlder;
  };
  expect(await countOlder()).toBe(4);
  await reencryptAll({ db, box }, () => {});
  expect(await countOlder()).toBe(0);
  const { state } = await world.db.connection.findUniqueOrThrow({ where: { id: connectionId } });
  expect(createSecretBox([newer], randomBytes).open(state ?? '', stateAad(connectionId))).toBe('{"cursor":7}');
});

test('a token that is refreshed during the rotation is not overwritten, and a process with both keys continues', async () => {
  await using world = await startWorld({ isIdle: true, services: { encryptionKeys: [newer, old] } });
  const { id } = await world.install();
  const box = createSecretBox([newer, old], randomBytes);
  world.clock.jump(24 * 60 * 60_000);
  const [token] = await Promise.all([
    world.services.tokens.getToken(toLocationOwner(id)),
    reencryptAll({ db: world.services.db, box }, () => {}),
  ]);
  expect(await world.services.tokens.getToken(toLocationOwner(id))).toBe(token);
  expect(world.highlevel.calls.listByOperation('token:refresh_token')).toHaveLength(1);
});

test('secrets that no key can decrypt are listed and retained, and the others are sealed again', async () => {
  await using world = await startWorld({ isIdle: true, services: { encryptionKeys: [old] } });
  const [good, bad] = [await world.install(), await world.install()];
  const where = { kind_resourceId: { kind: 'location' as const, resourceId: bad.id } };
  const lost = createSecretBox([randomBytes(32)], randomBytes).seal('x', `installations/location/${bad.id}/access_token`);
  await world.db.installation.update({ where, data: { accessToken: lost } });
  const progress = await reencryptAll({ db: world.services.db, box: createSecretBox([newer, old], randomBytes) }, () => {});
  expect(progress).toMatchObject({ done: 2, unreadable: [`location ${bad.id}`] });
  expect(await world.db.installation.findUnique({ where })).toMatchObject({ accessToken: lost });
  expect(good.id).not.toBe(bad.id);
});

test('the command reports its result, and invalid settings', async () => {
  const { target, remove } = await createTestDatabase();
  using folder = createDataFolder();
  const run = (environment: Record<string, string>) =>
    spawnSync(process.execPath, [resolve('src/commands/rotate-keys.ts')], {
      env: { PATH: process.env.PATH ?? '', DATA_DIR: folder.path, ...environment },
      cwd: folder.path,
      encoding: 'utf8',
    });
  const url: Record<string, string> = target.kind === 'postgres' ? { DATABASE_URL: target.url } : {};
  const done = run({ ENCRYPTION_KEYS: newer.toString('base64'), ...url });
  expect({ status: done.status, said: done.stdout }).toEqual({ status: 0, said: expect.stringContaining('Done: 0 rows') });
  const wrong = run({ ENCRYPTION_KEYS: 'short', ...url });
  expect({ status: wrong.status, said: wrong.stderr }).toEqual({ status: 1, said: expect.stringContaining('ENCRYPTION_KEYS') });
  await remove();
});
