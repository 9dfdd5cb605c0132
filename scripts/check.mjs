// Every check that CI runs, one after the other: format and lint, types, migrations against the schema, tests on the embedded
// database, and the integration tests again on PostgreSQL when TEST_DATABASE_URL names one.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const results = mkdtempSync(join(tmpdir(), 'patchbay-check-'));
const counts = { passed: 0, failed: 0 };
let broken = '';

const bin = (name) => join(root, 'node_modules', '.bin', name);
check('Format and lint', bin('biome'), ['check', '--error-on-warnings']);
check('Types', bin('tsc'), ['--noEmit', '-p', '.']);
check('Migrations and schema agree', process.execPath, ['scripts/schema-diff.mjs']);
jest('Tests on the embedded database', 'embedded');
if (process.env.TEST_DATABASE_URL) jest('Integration tests on PostgreSQL', 'postgres');
else console.log('\nPostgreSQL: skipped, as TEST_DATABASE_URL is not set.');

rmSync(results, { recursive: true, force: true });
if (broken) console.log(`\n${broken} did not pass.`);
console.log(`\n${counts.passed} passed, ${counts.failed} failed`);
process.exit(broken ? 1 : 0);

function jest(title, database) {
  const output = join(results, `${database}.json`);
  const flags = [
    '--experimental-vm-modules',
    '--no-warnings',
    'node_modules/jest/bin/jest.js',
    '--json',
    `--outputFile=${output}`,
  ];
  check(title, process.execPath, flags, { TEST_DATABASE: database });
  if (broken && broken !== title) return;
  const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(output, 'utf8'));
  counts.passed += numPassedTests;
  counts.failed += numFailedTests;
}

function check(title, command, args, env = {}) {
  if (broken) return;
  console.log(`\n== ${title}`);
  // Jest prints its JSON to a file and its report to stderr; stdout would only repeat the JSON.
  const stdout = args.includes('--json') ? 'ignore' : 'inherit';
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', stdout, 'inherit'],
    env: { ...process.env, ...env },
  });
  if (status !== 0) broken = title;
}
