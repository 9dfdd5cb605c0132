import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { PGlite } from '@electric-sql/pglite';

const folder = resolve(import.meta.dirname, '../../prisma/migrations');
const name = '20261127100900_addresses';

test('contact addresses of earlier versions are normalized; of two for one address the newer counts', async () => {
  const database = await PGlite.create();
  const migrations = readdirSync(folder)
    .filter((entry) => /^\d/.test(entry))
    .sort();
  const run = (entry: string) => database.exec(readFileSync(resolve(folder, entry, 'migration.sql'), 'utf8'));
  for (const entry of migrations.filter((entry) => entry < name)) await run(entry);
  const stored = [
    ['+1 586-460-3999', 'older', 1],
    ['+15864603999', 'newer', 2],
    ['+91 81231 33382', 'india', 1],
    ['12025550143', 'bare', 1],
    ['MAYA@Example.com', 'maya', 3],
    ['maya@example.com', 'old maya', 2],
    ['whatsapp:+4915112345678', 'wa', 1],
    ['68849', 'short', 1],
    ['SUPPORT', 'sender', 1],
  ] as const;
  for (const [address, contactId, second] of stored) {
    await database.query('INSERT INTO identities VALUES ($1, $2, $3, $4)', ['L', address, contactId, new Date(second * 1000)]);
  }
  await run(name);
  const { rows } = await database.query<{ address: string; contact_id: string }>('SELECT address, contact_id FROM identities');
  expect(Object.fromEntries(rows.map((row) => [row.address, row.contact_id]))).toEqual({
    '+15864603999': 'newer',
    '+918123133382': 'india',
    '+12025550143': 'bare',
    'maya@example.com': 'maya',
    '+4915112345678': 'wa',
    '68849': 'short',
    SUPPORT: 'sender',
  });
  await database.close();
});
