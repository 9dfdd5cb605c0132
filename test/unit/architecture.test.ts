import { readdirSync, readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');
const src = resolve(root, 'src');

/** Lower rows must not import higher rows, nor folders of one row each other. */
const rows = [
  ['core'],
  ['runtime'],
  ['database', 'channels', 'highlevel', 'attachments'],
  ['queue', 'audit'],
  ['connections'],
  ['installations'],
  ['messages'],
  ['alerts'],
  ['checks'],
  ['compose'],
  ['http', 'worker', 'sandbox'],
  ['config'],
  ['.'],
];

/** Reserved access to the outside world: pattern, allowed file, replacement. */
const reserved: [RegExp, RegExp, string][] = [
  [/process\.env\b/, /^config\/settings\.ts$/, 'a setting'],
  [/Date\.now\(|new Date\(\)|[^.\w]set(Timeout|Interval)\(/, /^core\/clock\.ts$/, 'the clock you were given'],
  [/Math\.random\(|randomUUID\(|randomBytes\(/, /^core\/ids\.ts$/, 'the random source you were given'],
  [/^import (?!type ).*from 'axios'/m, /^runtime\/outbound-http\.ts$/, 'the HTTP client you were given'],
  [/from 'nodemailer'/, /^runtime\/mail\.ts$/, 'runtime/mail.ts'],
  [/prisma\/generated/, /^database\/client\.ts$/, 'database/client.ts'],
];

const files = typescriptIn(src);
const text = new Map(files.map((file) => [file, readFileSync(resolve(src, file), 'utf8')]));
const toFolder = (file: string) => (file.includes('/') ? (file.split('/')[0] as string) : '.');
const row = (file: string) => rows.findIndex((folders) => folders.includes(toFolder(file)));
// Types count: a cycle of types is a cycle in the reader's head.
const imports = (file: string) =>
  [...(text.get(file) ?? '').matchAll(/(?:from|import)\s*\(?'(\.[^']+)'/g)]
    .map((match) => relative(src, resolve(src, dirname(file), match[1] as string)))
    .filter((target) => !target.startsWith('..'));

function typescriptIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !file.includes('node_modules'),
  );
}

test('imports point down, never sideways', () => {
  const wrong = files.flatMap((file) =>
    imports(file)
      .filter((target) => toFolder(target) !== toFolder(file) && row(target) >= row(file))
      .map((target) => `${file} -> ${target}`),
  );
  expect(wrong).toEqual([]);
});

test('the sandbox imports only the core, so that it can’t know more of the app than HighLevel does', () => {
  const wrong = files
    .filter((file) => toFolder(file) === 'sandbox')
    .flatMap((file) => imports(file).filter((target) => !['sandbox', 'core'].includes(toFolder(target))));
  expect(wrong).toEqual([]);
});

test('the queue is generic: it imports only the core, the runtime and the database', () => {
  const wrong = files
    .filter((file) => toFolder(file) === 'queue')
    .flatMap((file) => imports(file).filter((target) => !['queue', 'core', 'runtime', 'database'].includes(toFolder(target))));
  expect(wrong).toEqual([]);
});

test('only main loads the sandbox, and only on request', () => {
  const loaders = files.filter(
    (file) => toFolder(file) !== 'sandbox' && imports(file).some((target) => toFolder(target) === 'sandbox'),
  );
  expect(loaders).toEqual(['main.ts']);
  expect(text.get('main.ts')).toMatch(/import type \{ Sandbox \} from '\.\/sandbox\/server\.ts'/);
});

test('only the entry points import settings and the composition root', () => {
  const wrong = files
    .filter((file) => !['main.ts', 'compose.ts', 'rotate-keys.ts'].includes(file))
    .filter((file) => imports(file).some((target) => ['config/settings.ts', 'compose.ts'].includes(target)));
  expect(wrong).toEqual([]);
});

test('no file imports itself through others', () => {
  const state = new Map<string, 'open' | 'done'>();
  const cycles: string[] = [];
  const visit = (file: string, path: string[]): void => {
    if (state.get(file) === 'done' || !text.has(file)) return;
    if (state.get(file) === 'open') {
      cycles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
      return;
    }
    state.set(file, 'open');
    for (const target of imports(file)) visit(target, [...path, file]);
    state.set(file, 'done');
  };
  for (const file of files) visit(file, []);
  expect(cycles).toEqual([]);
});

test('each kind of access to the outside world has one file', () => {
  const wrong = files.flatMap((file) =>
    reserved
      .filter(([pattern, allowed]) => !allowed.test(file) && pattern.test(text.get(file) ?? ''))
      .map(([, , instead]) => `${file}: use ${instead}`),
  );
  expect(wrong).toEqual([]);
});

test('every folder has a row, and no file is longer than 300 lines', () => {
  expect(files.filter((file) => row(file) < 0)).toEqual([]);
  const long = ['src', 'test'].flatMap((folder) =>
    typescriptIn(resolve(root, folder))
      .map((file) => ({
        file: `${folder}/${file}`,
        lines: readFileSync(resolve(root, folder, file), 'utf8').split('\n').length,
      }))
      .filter(({ lines }) => lines > 300),
  );
  expect(long).toEqual([]);
});
