import * as z from 'zod';
import { type Check, toCheck, toEnglishCheck } from '../checks/check.ts';
import { createProgramCheck } from '../checks/check-program.ts';
import type { InspectedDatabase } from '../checks/environment.ts';
import { createEnvironment, inspectTarget } from '../compose/checks.ts';
import { toCheckedSettings } from '../config/checked-settings.ts';
import { resolveKeys } from '../config/development-keys.ts';
import { loadSettings, type Settings, SettingsError, toDatabaseTarget } from '../config/settings.ts';
import { systemClock } from '../core/clock.ts';
import { formatCount } from '../core/format-count.ts';
import { createIdGenerator, systemRandom } from '../core/ids.ts';
import { type Database, openDatabase } from '../database/client.ts';
import { inspectEmbedded } from '../database/inspect-embedded.ts';
import { restrictNewFiles } from '../runtime/file-permissions.ts';
import { createHttpClient } from '../runtime/outbound-http.ts';

restrictNewFiles();

type Line = ReturnType<typeof toEnglishCheck>;

const checksOfProgram = z.object({
  checks: z.array(
    z.object({
      name: z.string(),
      status: z.enum(['ok', 'warning', 'failed']),
      message: z.string(),
      fix: z.string().optional(),
    }),
  ),
});

const timeoutMs = 60_000;
const marks = { ok: 'ok     ', warning: 'warning', failed: 'FAILED ' } as const;

/** Runs `npm run doctor`: checks all that the program depends on, also while it runs, and changes nothing. Exit code 1 when a check failed. */
const lines = await runChecks();
print(lines, process.argv.includes('--json'));
process.exitCode = lines.some(({ status }) => status === 'failed') ? 1 : 0;

async function runChecks(): Promise<Line[]> {
  let settings: Settings;
  try {
    settings = loadSettings();
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return describeProblems(error).map(toEnglishCheck);
  }
  const database = inspectDatabase(settings);
  const first = toCheck('settings', 'ok', 'settings_good');
  const isInUse = database.kind === 'embedded' && (await database.inspect()).kind === 'in_use';
  const asked = isInUse ? await askProgram(settings) : null;
  if (asked && 'lines' in asked) return [toEnglishCheck(first), ...asked.lines];
  const silent = asked ? [toCheck('program', 'failed', 'program_silent', { message: asked.problem }, 'see_program')] : [];
  return [first, ...silent, ...(await checkFromHere(settings, database))].map(toEnglishCheck);
}

function describeProblems({ problems }: SettingsError): Check[] {
  return [
    ...problems.map((problem) => {
      const [name = ''] = problem.split(' ');
      return toCheck(`settings:${name}`, 'failed', 'setting', { message: problem }, 'correct_setting');
    }),
    toCheck('skipped', 'warning', 'checks_skipped'),
  ];
}

function inspectDatabase(settings: Settings): InspectedDatabase {
  const target = toDatabaseTarget(settings);
  if (target.kind === 'postgres') return inspectTarget(target, systemClock);
  // Once: it locks the folder for a moment, and loads a whole PostgreSQL.
  const facts = inspectEmbedded(settings.dataDir);
  return { kind: 'embedded', inspect: () => facts };
}

/** Returns the address at which a program with these settings listens. */
function toLocalUrl({ host = '127.0.0.1', port }: Settings): string {
  const local = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `http://${local.includes(':') ? `[${local}]` : local}:${port}`;
}

/** Asks the program that uses the embedded database for its check. */
async function askProgram(settings: Settings): Promise<{ lines: Line[] } | { problem: string }> {
  const http = createHttpClient({ baseURL: toLocalUrl(settings), timeoutMs, allowPrivateTargets: true });
  const { adminToken } = resolveKeys(settings, systemRandom);
  if (adminToken === undefined) return { problem: 'ADMIN_TOKEN is not set.' };
  try {
    const { status, data } = await http.get('/api/check', { headers: { authorization: `Bearer ${adminToken}` } });
    if (status !== 200) return { problem: `${toLocalUrl(settings)}/api/check responds with ${status}.` };
    const { checks } = checksOfProgram.parse(JSON.parse(String(data)));
    return { lines: [toEnglishCheck(toCheck('program', 'ok', 'program_asked')), ...(checks as Line[])] };
  } catch {
    return { problem: `${toLocalUrl(settings)} does not respond as this program does.` };
  }
}

async function isRunning(settings: Settings): Promise<boolean> {
  const http = createHttpClient({ baseURL: toLocalUrl(settings), timeoutMs: 5_000, allowPrivateTargets: true });
  const response = await http.get('/healthz').catch(() => null);
  return response?.status === 200;
}

async function checkFromHere(settings: Settings, database: InspectedDatabase): Promise<Check[]> {
  const checked = toCheckedSettings(settings);
  const environment = createEnvironment(checked, {
    clock: systemClock,
    newId: createIdGenerator(systemClock, systemRandom),
    database,
    isSandbox: settings.isSandbox,
    isHighLevelReachable: !settings.isSandbox,
    isRunning: () => isRunning(settings),
  });
  const check = createProgramCheck(systemClock);
  const db = await openWithoutMigrating(settings, database);
  try {
    const { appUrl, providers } = checked;
    const found = await check(environment, db && { db, appUrl, providers });
    return db ? found : [...found, toCheck('records', 'warning', 'records_skipped')];
  } finally {
    await db?.close();
  }
}

/** Opens the database where that applies no migration: another version may run on it. */
async function openWithoutMigrating(settings: Settings, database: InspectedDatabase): Promise<Database | null> {
  try {
    const facts = await database.inspect();
    if (!('migrations' in facts)) return null;
    const { missingCount, problem, isEmpty } = facts.migrations;
    if (missingCount > 0 || problem !== null || isEmpty) return null;
    return await openDatabase(toDatabaseTarget(settings));
  } catch {
    // The check of the database says why.
    return null;
  }
}

function print(all: readonly Line[], isJson: boolean): void {
  if (isJson) {
    console.log(JSON.stringify({ checks: all }, null, 2));
    return;
  }
  for (const { name, status, message, fix } of all) {
    console.log(`${marks[status]}  ${name}: ${message}`);
    if (fix && status !== 'ok') console.log(`         → ${fix}`);
  }
  const count = all.filter(({ status }) => status === 'failed').length;
  console.log(count === 0 ? '\nNo check failed.' : `\nFailed: ${count} of ${formatCount(all.length, 'check')}.`);
}
