import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { sleep, systemClock } from '../../src/core/clock.ts';
import { startBalancer } from '../faults/balancer.ts';
import { startProduction } from '../support/production.ts';
import { createTemporaryFolder, type Program, pollUntil } from '../support/program.ts';

const root = resolve(import.meta.dirname, '../..');
const lastMigration = readdirSync(join(root, 'prisma/migrations'))
  .filter((name) => /^\d/.test(name))
  .toSorted()
  .at(-1);

/** The next release: this program with one more migration, after which processes of both share the database. */
function createNextRelease() {
  const folder = createTemporaryFolder();
  for (const part of ['src', 'views', 'prisma', 'package.json'])
    cpSync(join(root, part), join(folder.path, part), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder.path, 'node_modules'));
  const migration = join(folder.path, 'prisma/migrations/29990101000000_expand');
  mkdirSync(migration);
  writeFileSync(
    join(migration, 'migration.sql'),
    `-- compatible since ${lastMigration}
ALTER TABLE messages ADD COLUMN note TEXT, ADD COLUMN is_new BOOLEAN NOT NULL DEFAULT true;
-- step
ALTER TABLE jobs ADD COLUMN note TEXT;
CREATE TABLE notes (id INT PRIMARY KEY);`,
  );
  const by = { command: process.execPath, args: [join(folder.path, 'src/main.ts')], cwd: folder.path };
  return { by, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

const sendIntervalMs = 120;

const portOf = ({ url }: Program) => Number(new URL(url).port);

test('web and worker processes are updated one by one under load: no webhook is refused, each message is sent once and in order', async () => {
  using next = createNextRelease();
  await using production = await startProduction();
  production.vendor.respondWith({ body: { status: 'delivered' } });
  await using oldWeb = await production.start({ ROLE: 'web' });
  await using oldWorker = await production.startAnother({ ROLE: 'worker' });
  await production.setUpLocation(oldWeb);
  let webPorts = [portOf(oldWeb)];
  const balancer = await startBalancer(() => webPorts.map((port) => ({ host: '127.0.0.1', port })));
  production.postWebhooksTo(balancer.url);

  const sent: { messageId: string; httpStatus: number }[] = [];
  let isUpdating = true;
  // One after the other, no faster than HighLevel takes the reports of a location, and no slower than a stopping process lets its connections drain.
  const load = (async () => {
    for (let index = 0; isUpdating; index++) {
      sent.push(await production.sendMessage(index));
      await sleep(systemClock, sendIntervalMs);
    }
  })();
  const countAtLeast = (count: number) => pollUntil(() => production.vendor.requests.length >= count, `${count} are sent`);
  const sentMore = async () => countAtLeast(production.vendor.requests.length + 10);

  await sentMore();
  await using newWorker = await production.startAnother({ ROLE: 'worker' }, { by: next.by });
  // Both versions work beside each other, on the new tables.
  await sentMore();
  await using newWeb = await production.startAnother({ ROLE: 'web' }, { by: next.by });
  webPorts = [portOf(oldWeb), portOf(newWeb)];
  await sentMore();
  // A process of the version before still starts: a supervisor may restart one, or an operator go back.
  await using restarted = await production.startAnother({ ROLE: 'worker' });
  await sentMore();
  expect(await restarted.end('SIGTERM')).toBe(0);
  expect(await oldWorker.end('SIGTERM')).toBe(0);
  await sentMore();
  webPorts = [portOf(newWeb)];
  expect(await oldWeb.end('SIGTERM')).toBe(0);
  await sentMore();
  isUpdating = false;
  await load;
  await balancer.close();

  expect(new Set(sent.map(({ httpStatus }) => httpStatus))).toEqual(new Set([202]));
  const isReported = ({ messageId }: { messageId: string }) =>
    production.highlevel.listStatuses(messageId).includes('delivered');
  await pollUntil(() => sent.every(isReported), 'all are reported');
  expect(production.vendor.listReceived()).toHaveLength(sent.length);
  for (const contact of production.contacts) {
    const numbers = production.listReceivedNumbers(contact);
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
  }
  for (const program of [oldWeb, oldWorker, restarted]) {
    expect(program.output()).not.toContain('a newer version of the program has migrated the database');
  }
  expect(await newWorker.end('SIGTERM')).toBe(0);
});
