import { join } from 'node:path';
import { startProduction } from '../support/production.ts';
import { adminToken } from '../support/production-settings.ts';
import { createTemporaryFolder, type Program, pollUntil } from '../support/program.ts';
import { findBackupPrograms } from '../support/restored-dump.ts';

const headers = { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' };

test('an operator checks, starts, moves to PostgreSQL, restores a backup and erases a contact, by the commands of the documents', async () => {
  const backups = findBackupPrograms();
  if (backups === null) return;
  await using world = await startProduction({}, { key: 'sms', id: '681630446243877ebda60373', kind: 'sms' });
  using folder = createTemporaryFolder();
  const settings = { HIGHLEVEL_SHARED_SECRETS: 'a-shared-secret' };
  const embedded = { ...settings, DATABASE_URL: '' };
  const run = async (by: 'doctor' | 'export' | 'import', changes: Record<string, string>, args: string[] = []) => {
    await using command = await world.start(changes, { isReady: false, by, args });
    return { code: command.child.exitCode, output: command.output() };
  };
  let sentCount = 0;
  const deliver = async () => {
    const { messageId } = await world.sendMessage(sentCount);
    sentCount += 1;
    await pollUntil(() => world.highlevel.listStatuses(messageId).includes('delivered'), 'the message is delivered');
  };
  const callApi = async (program: Program, path: string, body?: object) => {
    const init = body ? { method: 'POST', headers, body: JSON.stringify(body) } : { headers };
    return (await fetch(`${program.url}/api/locations/${world.location.id}${path}`, init)).json() as Promise<
      Record<string, unknown>
    >;
  };

  // Check, start, deliver.
  expect((await run('doctor', embedded)).output).toContain('Start the program');
  world.vendor.respondWith({ body: { status: 'delivered' } });
  {
    await using program = await world.start(embedded);
    await world.setUpLocation(program);
    await deliver();
    expect(await run('doctor', embedded)).toMatchObject({ code: 0 });
    expect(await program.end('SIGTERM')).toBe(0);
  }
  // Move.
  const exported = join(folder.path, 'export');
  expect(await run('export', embedded, [exported])).toMatchObject({ code: 0 });
  expect(await run('import', settings, [exported])).toMatchObject({ code: 0 });
  {
    await using program = await world.start(settings);
    await deliver();
    expect(program.output()).not.toContain('restored from a backup');
    // One message waits when the backup is made, and goes out after it.
    world.vendor.respondWith({ status: 503 });
    const { messageId } = await world.sendMessage(sentCount);
    sentCount += 1;
    await pollUntil(() => world.vendor.requests.length > sentCount - 1, 'it was tried');
    const dump = backups.dump(world.databaseUrl);
    world.vendor.respondWith({ body: { status: 'delivered' } });
    await pollUntil(() => world.highlevel.listStatuses(messageId).includes('delivered'), 'it is delivered');
    expect(await program.end('SIGTERM')).toBe(0);
    // Restore.
    const copy = backups.restore(world.databaseUrl, dump);
    try {
      await using restored = await world.start({ ...settings, DATABASE_URL: copy.url });
      expect(restored.output()).toContain('restored from a backup');
      await deliver();
      expect(world.vendor.listReceived()).toHaveLength(sentCount);
      expect(await run('doctor', { ...settings, DATABASE_URL: copy.url })).toMatchObject({ code: 0 });
      // Erase.
      const contactId = world.contacts[0]?.id;
      const { id } = await callApi(restored, '/erasures', { contactId });
      await pollUntil(async () => (await callApi(restored, `/erasures/${id}`)).contentErasedAt, 'the content is erased');
      expect(await callApi(restored, `/contacts/${contactId}/export`)).toMatchObject({ addresses: [], messages: [] });
      expect(await restored.end('SIGTERM')).toBe(0);
    } finally {
      copy.remove();
    }
  }
});
