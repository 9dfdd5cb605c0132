import { readdirSync, readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { foreignTables, passedOnDeps, tableOwners } from './architecture-exceptions.ts';

const root = resolve(import.meta.dirname, '../..');
const src = resolve(root, 'src');

/** Lower rows must not import higher rows, nor folders of one row each other. */
const rows = [
  ['core'],
  ['runtime'],
  ['database', 'channels', 'highlevel', 'attachments'],
  ['queue', 'audit'],
  ['outbox'],
  ['connections'],
  ['installations'],
  ['messages'],
  ['workflows', 'outgoing-webhooks'],
  ['alerts'],
  ['checks'],
  ['compose'],
  ['http', 'worker', 'sandbox'],
  ['config'],
  ['.', 'commands'],
];

/** The same inside messages/. A folder imports only folders of lower rows. */
const messageRows = [
  ['model'],
  ['settlement', 'stats', 'opt-outs', 'billing', 'routing'],
  ['outbound'],
  ['inbound', 'reporting', 'log'],
  ['recovery'],
  ['privacy'],
];

/** Reserved access to the outside world: pattern, allowed file, replacement. */
const reserved: [RegExp, RegExp, string][] = [
  [/process\.env\b/, /^config\/settings\.ts$/, 'a setting'],
  [/Date\.now\(|new Date\(\)|[^.\w]set(Timeout|Interval)\(/, /^core\/clock\.ts$/, 'the clock you were given'],
  [/Math\.random\(|randomUUID\(|randomBytes\(/, /^core\/ids\.ts$/, 'the random source you were given'],
  [/^import (?!type ).*from 'axios'/m, /^runtime\/(outbound-http|short-request)\.ts$/, 'the HTTP client you were given'],
  [/from '(nodemailer|imapflow)/, /^(runtime\/mail\.ts$|channels\/email\/)/, 'runtime/mail.ts'],
  [/prisma\/generated/, /^database\/(client|driver-statements)\.ts$/, 'database/client.ts'],
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

/** Tables by the name of their model. */
const tableOf = new Map(
  [
    ...readFileSync(resolve(root, 'prisma/schema.prisma'), 'utf8').matchAll(
      /^model (\w+) \{[\s\S]*?@@map\("(\w+)"\)[\s\S]*?^\}/gm,
    ),
  ].map((match) => [match[1] as string, match[2] as string]),
);

/** Matches a table in SQL, and its model's accessor of Prisma. */
function nameOf(model: string): RegExp {
  const accessor = `${model[0]?.toLowerCase()}${model.slice(1)}`;
  return new RegExp(
    `\\.${accessor}\\.(find|create|update|delete|count|group|upsert|aggregate)|\\b(FROM|JOIN|INTO|UPDATE)\\s+${tableOf.get(model)}\\b`,
  );
}

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

test('inside messages/ imports point down, never sideways', () => {
  const folderOf = (file: string) => (file.startsWith('messages/') ? (file.split('/')[1] as string) : null);
  const rowOf = (file: string) => messageRows.findIndex((folders) => folders.includes(folderOf(file) ?? ''));
  const own = files.filter((file) => folderOf(file) !== null);
  expect(own.filter((file) => rowOf(file) < 0)).toEqual([]);
  const wrong = own.flatMap((file) =>
    imports(file)
      .filter((target) => folderOf(target) !== null && folderOf(target) !== folderOf(file) && rowOf(target) >= rowOf(file))
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

test('only main loads OpenTelemetry, and only with a collector: otherwise a start loads none of it', () => {
  const isTelemetry = (file: string) => file.startsWith('runtime/telemetry/');
  const loaders = files.filter(
    (file) => !isTelemetry(file) && /^import (?!type ).*telemetry\/|import\('.*telemetry\//m.test(text.get(file) ?? ''),
  );
  expect(loaders).toEqual(['main.ts']);
  expect(text.get('main.ts')).toMatch(/import type \{[^}]*\} from '\.\/runtime\/telemetry\/start-telemetry\.ts'/);
  const users = files.filter((file) => !isTelemetry(file) && /from '@opentelemetry/.test(text.get(file) ?? ''));
  expect(users).toEqual([]);
});

const isEntryPoint = (file: string) =>
  ['main.ts', 'compose.ts', 'config/checked-settings.ts'].includes(file) || file.startsWith('commands/');

test('only the entry points import settings and the composition root', () => {
  const wrong = files
    .filter((file) => !isEntryPoint(file))
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

test('every member of a Deps type is used in the file that declares it', () => {
  const unused = files.flatMap((file) => {
    const whole = (text.get(file) ?? '').replace(/^import [^;]*;$/gm, '');
    return [...whole.matchAll(/(?:interface|type) (\w*Deps)\b[^{;]*\{\n([\s\S]*?)\n\}/g)].flatMap(
      ([declaration, name, body]) => {
        const rest = whole.replace(declaration, '');
        const members = [...(body as string).matchAll(/^ {2}(?:readonly )?(\w+)\??[:(<]/gm)].map((match) => match[1] as string);
        return members
          .filter((member) => !new RegExp(`(?<!')\\b${member}\\b(?!')`).test(rest))
          .map((member) => `${file}: ${name}.${member}`);
      },
    );
  });
  expect(unused.sort()).toEqual([...passedOnDeps].sort());
});

test('each table is named only by the folder that owns it', () => {
  const owned = Object.entries(tableOwners).flatMap(([folder, models]) => models.map((model) => ({ folder, model })));
  expect(owned.map(({ model }) => model).sort()).toEqual([...tableOf.keys()].sort());
  const foreign = files.flatMap((file) =>
    owned
      .filter(({ folder, model }) => folder !== toFolder(file) && nameOf(model).test(text.get(file) ?? ''))
      .map(({ model }) => `${file}: ${model}`),
  );
  const excepted = foreignTables.flatMap(({ files: listed }) =>
    Object.entries(listed).flatMap(([file, models]) => models.map((model) => `${file}: ${model}`)),
  );
  expect(foreign.sort()).toEqual(excepted.sort());
});
