import { readdirSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { resolve } from 'node:path';
import { parse, tokTypes } from 'acorn';

// Its other back ends are separate programs.
process.env.RECHECK_BACKEND = 'pure';
const { checkSync } = await import('recheck');

/** Enough on a machine that does other work: an expression whose check takes longer counts as slow. */
const checkTimeoutMs = 60_000;

const src = resolve(import.meta.dirname, '../../src');

/** Lists every regular expression of the program, with the first file that contains it. */
function listExpressions(folder: string): Map<string, { file: string; pattern: string; flags: string }> {
  const found = new Map<string, { file: string; pattern: string; flags: string }>();
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))) {
    parse(stripTypeScriptTypes(readFileSync(resolve(folder, file), 'utf8')), {
      ecmaVersion: 'latest',
      sourceType: 'module',
      onToken(token) {
        if (token.type !== tokTypes.regexp) return;
        const { pattern, flags } = (token as unknown as { value: unknown }).value as { pattern: string; flags: string };
        if (!found.has(`/${pattern}/${flags}`)) found.set(`/${pattern}/${flags}`, { file, pattern, flags });
      },
    });
  }
  return found;
}

test('no input makes a regular expression of the program take more than linear time', () => {
  const expressions = listExpressions(src);
  expect(expressions.size).toBeGreaterThan(50);
  const slow = [...expressions].flatMap(([expression, { file, pattern, flags }]) => {
    const { status } = checkSync(pattern, flags, { timeout: checkTimeoutMs });
    return status === 'safe' ? [] : [`${file}: ${expression} is ${status}`];
  });
  expect(slow).toEqual([]);
}, 600_000);

test('the check finds a quadratic expression', () => {
  expect(checkSync('^[._]+|[._]+$', 'g').status).toBe('vulnerable');
});
