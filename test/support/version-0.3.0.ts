import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { configAad } from '../../src/connections/sealed-config.ts';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { createSecretBox } from '../../src/core/secret-box.ts';
import { migrate } from '../../src/database/migrate.ts';
import { createState } from '../../src/sandbox/highlevel/state.ts';
import { createDatabaseFrom } from './databases.ts';
import type { EarlierState } from './earlier-state.ts';

/** Database, keys and HighLevel's state that version 0.3.0 has left: `test/fixtures/version-0.3.0.sql` describes how it was made. */

const fixture = (name: string) => readFileSync(resolve(import.meta.dirname, '../fixtures', name), 'utf8');

const leftAt = '2026-11-26T16:15:39.000Z';
/** Newest first: on the second day the process was started with a new key. */
const encryptionKeys = ['YQuzk/2G1Hbi/3UQLm9Wv9/jBqduFrDPzyA5XNUg81U=', 'kacr8ekQd+1hWCvLJnxJrDNo8RUbywCKjzneUULI0Jc='].map(
  (key) => Buffer.from(key, 'base64'),
);
const gatewaySecret = 'whsec_aRSFx+XWSP3Qy+Cz7iPpisztHKbLnKDu8ztQh5zJvdU=';

/** The database as it was left. */
const createDatabase = () => createDatabaseFrom(fixture('version-0.3.0.sql'));

/** Ten seconds, for which a migration waits for the killed process, are a tenth of one. */
const hurriedClock: Clock = {
  ...systemClock,
  elapsed: () => systemClock.elapsed() * 100,
  setTimeout: (run, ms) => systemClock.setTimeout(run, ms / 100),
};

/** The same, migrated. */
async function createMigratedDatabase() {
  const database = await createDatabase();
  const execute = async (sql: string) => void (await database.query(sql));
  await migrate({ execute, query: database.query }, undefined, { clock: hurriedClock });
  return database;
}

export const version030 = {
  leftAt,
  encryptionKeys,
  gatewaySecret,
  phoneSecret: 'whsec_x0oWOocGykXnh+ZQ+pKSoHYQmC/SO6jSiY3hcgc3atE=',
  createDatabase,
  createMigratedDatabase,
  readHighLevel: () => createState(JSON.parse(fixture('version-0.3.0.highlevel.json'))),
};

/** The same for a world, whose gateway has another address than the one that is sealed in the connections. */
export function earlierState(): EarlierState {
  return {
    leftAt,
    gatewaySecret,
    highlevel: version030.readHighLevel(),
    async createDatabase(gateway) {
      const database = await createMigratedDatabase();
      const box = createSecretBox(encryptionKeys, randomBytes, systemClock);
      for (const { id, config } of await database.query(
        "SELECT id, config FROM connections WHERE type = 'gateway' AND config <> ''",
      )) {
        const opened = JSON.parse(box.open(String(config), configAad(String(id))));
        const moved = box.seal(JSON.stringify({ ...opened, url: gateway.url }), configAad(String(id)));
        await database.query('UPDATE connections SET config = $1 WHERE id = $2', [moved, id]);
      }
      return database;
    },
  };
}
