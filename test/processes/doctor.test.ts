import { startProduction } from '../support/production.ts';
import { adminToken } from '../support/production-settings.ts';
import { createTemporaryFolder, type Program, startProgram } from '../support/program.ts';

interface Line {
  name: string;
  status: 'ok' | 'warning' | 'failed';
  message: string;
  fix?: string;
}

/** Reads what the command has printed: no other line may stand beside it. */
function readLines(doctor: Program): Map<string, Line> {
  const { checks } = JSON.parse(doctor.output()) as { checks: Line[] };
  return new Map(checks.map((line) => [line.name, line]));
}

const command = { isReady: false, by: 'doctor' } as const;

async function listChecks(program: Program): Promise<Line[]> {
  const response = await fetch(`${program.url}/api/check`, { headers: { authorization: `Bearer ${adminToken}` } });
  return ((await response.json()) as { checks: Line[] }).checks;
}

test('beside a running program the command shows the same lines as the API, and what is wrong from outside', async () => {
  await using world = await startProduction({}, { key: 'sms', id: '681630446243877ebda60373', kind: 'sms' });
  await using program = await world.start();
  await world.setUpLocation(program);
  const expected = (await listChecks(program)).map(({ name, status }) => [name, status]);
  await using doctor = await world.start({}, command);
  const lines = readLines(doctor);
  const found = [...lines.values()].filter(({ name }) => name !== 'settings' && name !== 'program');
  expect(found.map(({ name, status }) => [name, status])).toEqual(expected);
  expect(lines.get('keys')).toMatchObject({ status: 'ok' });
  expect(lines.get('address')).toMatchObject({ status: 'ok' });
  // The shared secret is not set.
  expect(found.filter(({ status }) => status === 'failed').map(({ name }) => name)).toEqual(['shared_secret']);
  expect(doctor.child.exitCode).toBe(1);
  await using good = await world.start({ HIGHLEVEL_SHARED_SECRETS: 'a-shared-secret' }, command);
  if (world.databaseUrl) expect(good.child.exitCode).toBe(0);

  // The embedded database is the program's alone: it has to be asked.
  await using refused = await world.start({ ADMIN_TOKEN: 'another-token-of-the-tests' }, command);
  expect(readLines(refused).get('program')).toEqual(
    world.databaseUrl ? undefined : expect.objectContaining({ status: 'failed', message: expect.stringContaining('401') }),
  );
  expect(program.child.exitCode).toBeNull();
});

test('without a running program the command finds wrong keys and a database that is away, and says what to do', async () => {
  await using world = await startProduction();
  const wrong = { HIGHLEVEL_CLIENT_SECRET: 'wrong', HIGHLEVEL_SHARED_SECRETS: 'a-shared-secret' };
  await using doctor = await world.start({ ...wrong, DATABASE_URL: 'postgresql://root@127.0.0.1:1/none' }, command);
  const lines = readLines(doctor);
  expect(lines.get('keys')).toMatchObject({ status: 'failed', fix: expect.stringContaining('HIGHLEVEL_CLIENT_SECRET') });
  expect(lines.get('database')).toMatchObject({ status: 'failed', fix: expect.stringContaining('DATABASE_URL') });
  expect(lines.get('address')).toMatchObject({ status: 'warning', fix: expect.stringContaining('Start the program') });
  expect(lines.get('records')).toMatchObject({ status: 'warning' });
  expect(doctor.child.exitCode).toBe(1);
});

test('bad settings are listed, all of them, and nothing is created', async () => {
  using folder = createTemporaryFolder();
  await using doctor = await startProgram(
    { NODE_ENV: 'production', PORT: 'many', DATA_DIR: `${folder.path}/data`, SENDS_AT_ONCE: '5' },
    command,
  );
  const lines = [...readLines(doctor).values()];
  const names = lines.filter(({ status }) => status === 'failed').map(({ name }) => name);
  expect(names).toEqual(
    expect.arrayContaining([
      'settings:PORT',
      'settings:ENCRYPTION_KEYS',
      'settings:HIGHLEVEL_CLIENT_ID',
      'settings:SENDS_AT_ONCE',
    ]),
  );
  expect(lines.at(-1)).toMatchObject({ name: 'skipped' });
  expect(doctor.child.exitCode).toBe(1);
});
