import { randomBytes } from 'node:crypto';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { startProduction } from '../support/production.ts';
import { createTemporaryFolder, pollUntil } from '../support/program.ts';

test('a move from the embedded database to PostgreSQL in the middle of a bulk send loses and doubles no message', async () => {
  await using world = await startProduction();
  using folder = createTemporaryFolder();
  const exported = join(folder.path, 'export');
  const oldKey = randomBytes(32).toString('base64');
  const newKey = randomBytes(32).toString('base64');
  const embedded = { DATABASE_URL: '', ENCRYPTION_KEYS: oldKey };
  const run = async (by: 'export' | 'import' | 'node', changes: Record<string, string>, args: string[] = []) => {
    await using program = await world.start(changes, { isReady: false, by, args });
    return { code: program.child.exitCode, output: program.output() };
  };
  const acknowledged: string[] = [];
  const text = 'lines\u2028and 😀 "quotes" \\u0041\nsecond line';
  {
    await using program = await world.start(embedded);
    await world.setUpLocation(program);
    world.vendor.respondWith('hang');
    for (let round = 0; round < 4; round++) {
      const sent = await Promise.all(world.contacts.map((_, index) => world.sendMessage(5 * round + index)));
      acknowledged.push(...sent.map(({ messageId }) => messageId));
    }
    const contact = world.highlevel.addContact(world.location.id, { phone: '+12025559999' });
    acknowledged.push((await world.highlevel.sendMessage(world.location.id, { contactId: contact.id, text })).messageId);
    await pollUntil(() => world.vendor.requests.length > 0, 'a send is under way');
    await program.end('SIGKILL');
  }

  expect(await run('export', embedded)).toMatchObject({ code: 1, output: expect.stringContaining('Name a folder') });
  expect(await run('export', embedded, [exported])).toMatchObject({ code: 0, output: expect.stringContaining('messages: 21') });
  // What has moved does not start again by mistake; the export itself may be run again.
  expect(await run('node', embedded)).toMatchObject({ code: 1, output: expect.stringContaining('This database was exported') });
  expect(await run('export', embedded, [exported])).toMatchObject({ code: 0 });

  const messages = join(exported, 'messages.ndjson.gz');
  const whole = readFileSync(messages);
  truncateSync(messages, whole.length - 200);
  const withNewKeys = { ENCRYPTION_KEYS: newKey };
  expect(await run('import', withNewKeys, [exported])).toMatchObject({ code: 1 });
  expect(await run('node', withNewKeys)).toMatchObject({ code: 1, output: expect.stringContaining('a part of an import') });
  writeFileSync(messages, whole);
  expect(await run('import', withNewKeys, [exported])).toMatchObject({
    code: 1,
    output: expect.stringContaining('No key opens'),
  });
  const withBothKeys = { ENCRYPTION_KEYS: `${newKey},${oldKey}` };
  expect(await run('import', withBothKeys, [exported])).toMatchObject({ code: 0, output: expect.stringContaining('Done') });
  expect(await run('import', withBothKeys, [exported])).toMatchObject({
    code: 1,
    output: expect.stringContaining('not empty'),
  });

  world.vendor.respondWith({ body: { status: 'delivered' } });
  await using program = await world.start(withNewKeys);
  const isReported = (id: string) => world.highlevel.listStatuses(id).includes('delivered');
  await pollUntil(() => acknowledged.every(isReported), 'every acknowledged message is reported');
  expect(world.vendor.listReceived()).toHaveLength(21);
  expect(world.vendor.listReceived().map((message) => message.text)).toContain(text);
  for (const contact of world.contacts) expect(world.listReceivedNumbers(contact)).toHaveLength(4);
  expect(await program.end('SIGTERM')).toBe(0);
});

test('a PostgreSQL database that is exported refuses what comes in, so that it is repeated, and can be used again', async () => {
  await using world = await startProduction();
  using folder = createTemporaryFolder();
  await using program = await world.start();
  await world.setUpLocation(program);
  await using exporting = await world.start({}, { isReady: false, by: 'export', args: [folder.path] });
  expect(exporting.child.exitCode).toBe(0);
  expect(exporting.output()).toContain('Stop all workers now');
  expect((await world.sendMessage(0)).httpStatus).toBe(503);

  await using undoing = await world.start({}, { isReady: false, by: 'export', args: ['--undo'] });
  expect(undoing.child.exitCode).toBe(0);
  const { messageId, httpStatus } = await world.sendMessage(1);
  expect(httpStatus).toBe(202);
  world.vendor.respondWith({ body: { status: 'delivered' } });
  await pollUntil(() => world.highlevel.listStatuses(messageId).includes('delivered'), 'it is delivered');
  const session = new pg.Client({ connectionString: world.databaseUrl });
  await session.connect();
  const { rows } = await session.query(`SELECT tgname FROM pg_trigger WHERE tgname = 'transfer_frozen'`);
  await session.end();
  expect(rows).toEqual([]);
});
