import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { fillDatabase } from './fill-database.ts';

/**
 * `node test/bench/fill.ts URL 20000000` fills a migrated, empty database with so many messages of 10,000 locations, and 200,000 jobs that wait.
 * `ENCRYPTION_KEY` seals tokens and configs, as the setting `ENCRYPTION_KEYS` of the program that is to run on it.
 */
const [url, messages] = process.argv.slice(2);
if (!url || !messages) {
  console.error('node test/bench/fill.ts postgresql://user@host/database 20000000');
  process.exit(1);
}
const sessions = [new pg.Client({ connectionString: url }), new pg.Client({ connectionString: url })] as const;
await Promise.all(sessions.map((session) => session.connect()));
const startedAt = performance.now();
await fillDatabase(...sessions, {
  messages: Number(messages),
  locations: 10_000,
  waitingJobs: 200_000,
  encryptionKey: process.env.ENCRYPTION_KEY ? Buffer.from(process.env.ENCRYPTION_KEY, 'base64') : randomBytes(32),
  gatewayUrl: 'http://127.0.0.1:9/send',
  report: (text) => console.log(`${Math.round((performance.now() - startedAt) / 1000)} s: ${text}`),
});
await Promise.all(sessions.map((session) => session.end()));
