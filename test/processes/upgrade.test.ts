import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { configAad } from '../../src/connections/sealed-config.ts';
import { systemClock } from '../../src/core/clock.ts';
import { createSecretBox } from '../../src/core/secret-box.ts';
import { openDatabase } from '../../src/database/client.ts';
import { openToken } from '../../src/installations/store.ts';
import { startOperator } from '../support/operator.ts';
import { signInOperator } from '../support/operator-session.ts';
import { createPageClient } from '../support/page-client.ts';
import { locations, startUpgraded } from '../support/upgraded-world.ts';
import { version030 } from '../support/version-0.3.0.ts';

/** A database that version 0.3.0 has left, one of its processes killed in the middle of its work, is upgraded and goes on. */

const minute = 60_000;
const { dental, gym, fitness, paused, revoked, left, napping } = locations;
const dentalContext = { companyId: 'HarbourAgency0000001', activeLocation: dental };

type Query = (sql: string, values?: unknown[]) => Promise<Record<string, unknown>[]>;

/** Every table with its columns in the order in which they were made, which a rename leaves as it is. */
async function readTables(query: Query) {
  const columns = await query(`
    SELECT c.relname AS "table", c.oid::int AS id, array_to_json(array_agg(a.attname ORDER BY a.attnum)) AS names
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND c.relname <> '_prisma_migrations' GROUP BY 1, 2`);
  const tables = new Map<number, { name: string; columns: string[]; rows: unknown[][] }>();
  for (const { table, id, names } of columns as { table: string; id: number; names: string[] }[]) {
    const rows = await query(`SELECT * FROM "${table}"`);
    tables.set(id, { name: table, columns: names, rows: rows.map((row) => names.map((name) => row[name])) });
  }
  return tables;
}

/** What the migrations write anew. */
const rewritten: Readonly<Record<string, readonly string[]>> = {
  // Asked for again, as the country comes with it.
  installations: ['described_at'],
  identities: ['address'],
};
/** Enum values that have another name now, and stored codes. A file of its own, as it consists of retired words. */
const renamed = JSON.parse(readFileSync(join(import.meta.dirname, 'renamed-since-0.3.0.json'), 'utf8')) as {
  outcomes: Readonly<Record<string, string>>;
  words: Readonly<Record<string, string>>;
};
const renamedOutcomes = renamed.outcomes;
const renamedWords: Readonly<Record<string, string>> = {
  ...renamed.words,
  [`budget_low/location/${gym}`]: `quota_low/location/${gym}`,
};

/** Brings a stored value into today's words, also inside of JSON. */
function rename(value: unknown, column = ''): unknown {
  if (typeof value === 'string') return (column === 'outcome' ? renamedOutcomes[value] : renamedWords[value]) ?? value;
  return JSON.parse(JSON.stringify(value), (_name, inner) =>
    typeof inner === 'string' ? (renamedWords[inner] ?? inner) : inner,
  );
}

test('every row is kept with all that it says', async () => {
  const { target, query, remove } = await version030.createDatabase();
  try {
    const before = await readTables(query);
    await (await openDatabase(target)).close();
    const after = await readTables(query);
    for (const [id, { name, columns, rows }] of before) {
      const isRewritten = columns.map((column) => rewritten[name]?.includes(column) ?? false);
      const kept = (row: unknown[]) => JSON.stringify(columns.map((_, n) => (isRewritten[n] ? '' : row[n])));
      const expected = rows.map((row) => kept(row.map((value, n) => rename(value, columns[n])))).toSorted();
      expect({ name, rows: (after.get(id)?.rows ?? []).map(kept).toSorted() }).toEqual({ name, rows: expected });
    }
    expect([...before.values()].filter(({ rows }) => rows.length === 0).map(({ name }) => name)).toEqual([]);
  } finally {
    await remove();
  }
});

test('tokens are the ones that HighLevel knows, and connections have every setting', async () => {
  const { target, remove } = await version030.createMigratedDatabase();
  const db = await openDatabase(target);
  try {
    const box = createSecretBox(version030.encryptionKeys, randomBytes, systemClock);
    const { accessTokens, refreshTokens } = version030.readHighLevel();
    const installations = await db.client.installation.findMany({ where: { accessToken: { not: null } } });
    expect(installations.map(({ resourceId }) => resourceId).toSorted()).toEqual(
      ['HarbourAgency0000001', dental, fitness, gym, paused, revoked, napping].toSorted(),
    );
    for (const row of installations) {
      expect(accessTokens[openToken(box, row, 'access_token')]).toMatchObject({ resourceId: row.resourceId });
      const refreshToken = openToken(box, row, 'refresh_token');
      if (row.resourceId !== revoked)
        expect(refreshTokens[refreshToken]).toMatchObject({ resourceId: row.resourceId, spentAt: null });
    }
    const connections = await db.client.connection.findMany({ orderBy: { id: 'asc' } });
    const configs = connections.map(({ id, locationId, providerKey, config }) => [
      `${locationId}/${providerKey}`,
      JSON.parse(box.open(config, configAad(id))),
    ]);
    const gateway = { url: expect.stringContaining('/send'), secret: version030.gatewaySecret };
    expect(Object.fromEntries(configs)).toEqual({
      [`${dental}/sms`]: {
        ...gateway,
        ...{ sender: '+12025550100', ratePerSecond: 2, concurrency: 4, dailyCap: 6, whenOver: 'wait', whenUnknown: 'ask' },
        ...{ giveUpAfterMinutes: 600, timeoutMs: 60_000 },
        sendingWindow: { from: '08:00', to: '20:00', days: ['mon', 'tue', 'wed', 'thu', 'fri'] },
      },
      [`${dental}/whatsapp`]: { ratePerSecond: 5 },
      [`${dental}/mail`]: { ...gateway, sender: 'front-desk@example.com', timeoutMs: 60_000 },
      [`${gym}/sms`]: { ...gateway, giveUpAfterMinutes: 1, whenUnknown: 'resend', whenOver: 'fail', timeoutMs: 10_000 },
      [`${fitness}/sms`]: { ...gateway, timeoutMs: 10_000 },
      [`${paused}/sms`]: { ...gateway, timeoutMs: 10_000 },
      [`${revoked}/sms`]: { ...gateway, timeoutMs: 10_000 },
      [`${left}/sms`]: { ...gateway, timeoutMs: 10_000 },
    });
  } finally {
    await db.close();
    await remove();
  }
});

test('open alerts stay the same ones, are not notified twice, and end when their condition is over', async () => {
  await using operator = await startOperator();
  await using upgraded = await startUpgraded({ watchesAlerts: true, services: operator.options });
  const { world } = upgraded;
  const openOf = () => world.db.alert.findMany({ where: { endedAt: null }, orderBy: { id: 'asc' } });
  const [before, count] = [await openOf(), await world.db.alert.count()];
  expect(before).toHaveLength(8);
  await world.advance(3 * minute, 20_000);
  // One that was looked at anew has the same row: its key is the one under which it would be raised again.
  expect(await world.db.alert.count()).toBe(count);
  const seenAgain = (await openOf()).filter(({ lastSeenAt }) => lastSeenAt > new Date(version030.leftAt));
  for (const { id, kind, subject, dedupKey } of seenAgain) {
    expect(before.map((alert) => alert.id)).toContain(id);
    expect(dedupKey).toBe(`${kind}/${subject}`);
  }
  // The jobs are done, five good sends in a row have left, HighLevel has reported a new day, and no more wrong signatures come.
  const lasting = ['channel_disconnected', 'location_silent', 'reauth_required'];
  await world.advanceUntil(async () => (await openOf()).length === lasting.length, 'what is over ends', 20_000);
  expect((await openOf()).map(({ kind }) => kind).toSorted()).toEqual(lasting);
  await world.finishInstall(world.highlevel.approveInstall(revoked));
  await world.advanceUntil(async () => (await openOf()).length === lasting.length - 1, 'reconnected', 20_000);
  await world.advance(5 * minute, 20_000);
  expect(await world.db.alert.count()).toBe(count);

  const notified = operator.webhooks.map(({ id }) => id);
  expect(notified.length).toBeGreaterThan(5);
  expect(new Set(notified).size).toBe(notified.length);
  // Version 0.3.0 had sent the notifications of this one.
  const silent = before.find(({ kind }) => kind === 'location_silent');
  expect(notified.filter((id) => id.startsWith(silent?.id ?? '?'))).toEqual([]);
});

test('statistics and pages show what was before', async () => {
  await using upgraded = await startUpgraded({ isIdle: true });
  const { world, getMessageByText } = upgraded;
  const user = await createPageClient(world, dentalContext);
  const messages = await user.get('messages').expect(200);
  for (const text of ['Your appointment is tomorrow', 'read me', 'fails later', 'A picture'])
    expect(messages.text).toContain(text);
  const all = await world.db.message.findMany();
  const operator = await signInOperator(world);
  for (const { id, locationId } of all) {
    await world.api.get(`/messages/${id}`).expect(200);
    if (locationId === dental) await user.get(`messages/${id}`).expect(200);
  }
  const email = await user.get(
    `messages/${(await world.db.message.findFirstOrThrow({ where: { html: { contains: 'all of you' } } })).id}`,
  );
  for (const part of ['maya@example.com', 'tom@example.com', 'No such mailbox']) expect(email.text).toContain(part);
  expect((await user.get(`messages/${(await getMessageByText('fails later')).id}`)).text).toContain('Unreachable handset');
  const overview = await user.get('overview').expect(200);
  for (const part of ['Unreachable handset', 'No channel is connected']) expect(overview.text).toContain(part);
  for (const path of ['', 'channels', 'dead-letters', 'alerts']) await user.get(path).expect(200);
  for (const path of [
    '',
    '/locations',
    '/agencies',
    '/dead-letters',
    '/audit',
    '/limits',
    '/keys',
    '/alerts',
    '/overview',
    `/locations/${gym}`,
  ]) {
    expect([path, (await operator.get(path)).status]).toEqual([path, 200]);
  }
  const { body } = await world.api.get('/audit').expect(200);
  expect(body.items.length).toBeGreaterThan(30);
  const { text: metrics } = await world.client.get('/metrics').expect(200);
  expect(metrics).toContain('channel_failing');
});
