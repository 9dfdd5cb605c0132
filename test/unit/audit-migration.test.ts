import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { PGlite } from '@electric-sql/pglite';

const folder = resolve(import.meta.dirname, '../../prisma/migrations');
const name = '20261127110200_audit_provider_key';

test('audit entries of earlier versions get their provider from the sentence, once', async () => {
  const database = await PGlite.create();
  const migrations = readdirSync(folder)
    .filter((entry) => /^\d/.test(entry) && entry <= name)
    .sort();
  const run = (entry: string) => database.exec(readFileSync(resolve(folder, entry, 'migration.sql'), 'utf8'));
  for (const entry of migrations.slice(0, -1)) await run(entry);
  const stored = [
    ['channel_connected', 'L', 'sms: gateway.'],
    ['channel_changed', 'L', 'whatsapp-2: sandbox.'],
    ['channel_disconnected', 'L', 'sms.'],
    ['redrive_started', 'L', '12 messages.'],
    ['channel_disconnected', 'L', null],
  ] as const;
  for (const [n, [action, locationId, details]] of stored.entries()) {
    await database.query(
      'INSERT INTO audit_entries (id, at, actor, action, location_id, details) VALUES ($1, now(), $2, $3, $4, $5)',
      [`00000000-0000-7000-8000-00000000000${n}`, 'operator', action, locationId, details],
    );
  }
  await run(name);
  const { rows } = await database.query<{ provider_key: string | null; details: string | null }>(
    'SELECT provider_key, details FROM audit_entries ORDER BY id',
  );
  expect(rows.map(({ provider_key }) => provider_key)).toEqual(['sms', 'whatsapp-2', 'sms', null, null]);
  expect(rows.map(({ details }) => details)).toEqual(stored.map(([, , details]) => details));
  await database.close();
});
