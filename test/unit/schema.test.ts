import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');

/** Returns the result of the project's own check of a copy of prisma/ whose schema is `text`. */
function runDiff(text: string): { code: number; sql: string } {
  const copy = mkdtempSync(join(realpathSync(join(root, 'node_modules')), '.schema-test-'));
  try {
    cpSync(join(root, 'scripts/schema-diff.mjs'), join(copy, 'scripts/schema-diff.mjs'));
    cpSync(join(root, 'prisma/migrations'), join(copy, 'prisma/migrations'), { recursive: true });
    writeFileSync(join(copy, 'prisma/schema.prisma'), text);
    return { code: 0, sql: execFileSync(process.execPath, [join(copy, 'scripts/schema-diff.mjs')], { encoding: 'utf8' }) };
  } catch (error) {
    const { status, stdout } = error as { status: number; stdout: string };
    return { code: status, sql: stdout };
  } finally {
    rmSync(copy, { recursive: true });
  }
}

const schema = readFileSync(join(root, 'prisma/schema.prisma'), 'utf8');

test('a column that only the schema file has is found', () => {
  const { code, sql } = runDiff(schema.replace('model AppEvent {', 'model AppEvent {\n  note String?'));
  expect(code).toBe(2);
  expect(sql).toMatch(/ALTER TABLE "app_events" ADD COLUMN\s+"note" TEXT/);
});
