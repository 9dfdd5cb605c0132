import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { isAppError } from '../../src/core/errors.ts';
import { type ForeignReader, foreignReaders } from '../support/foreign-readers.ts';

/** Every reader of JSON from outside: null, absent and empty are one; types may differ; rows are read one by one. */

const readers = Object.entries(foreignReaders);
const patient = readers.filter(([, { isStrict }]) => !isStrict);
const withLists = readers.filter(([, { lists = [] }]) => lists.length > 0);

type Path = readonly (string | number)[];

/** Returns every path of a document, to values and to the objects and lists that hold them. */
function pathsIn(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  const inside = Object.entries(value).flatMap(([name, inner]) =>
    pathsIn(inner, [...path, Array.isArray(value) ? Number(name) : name]),
  );
  return path.length > 0 ? [path, ...inside] : inside;
}

/** Copies a document with another value at a path; without the path where the value is undefined. */
function withValue(document: unknown, [name, ...rest]: Path, value: unknown): unknown {
  if (name === undefined) return value;
  const inner = (document as Record<string, unknown>)[name];
  const changed = rest.length > 0 ? withValue(inner, rest, value) : value;
  if (Array.isArray(document)) return document.with(Number(name), changed);
  return { ...(document as object), [name]: changed };
}

const isNeeded = ({ required }: ForeignReader, path: Path) => required.includes(path.join('.'));
const isRow = (path: Path) => typeof path.at(-1) === 'number';

/** Returns a reader's result for a document, or the code of its error. */
async function readDocument(reader: ForeignReader, document: unknown): Promise<unknown> {
  try {
    return await reader.read(JSON.stringify(document));
  } catch (error) {
    if (isAppError(error) && reader.errorCodes.includes(error.code)) return { error: error.code };
    throw error;
  }
}

test.each(readers)('%s: its document is read', async (_name, reader) => {
  expect(await readDocument(reader, reader.document)).not.toHaveProperty('error');
});

test.each(readers)('%s: null, absent and empty are one, at every depth', async (_name, reader) => {
  for (const path of pathsIn(reader.document).filter((path) => !isNeeded(reader, path) && !isRow(path))) {
    const absent = await readDocument(reader, withValue(reader.document, path, undefined));
    expect({ path, absent }).not.toHaveProperty('absent.error');
    for (const empty of [null, '']) {
      const read = await readDocument(reader, withValue(reader.document, path, empty));
      expect({ path, empty, read }).toEqual({ path, empty, read: absent });
    }
  }
});

test.each(patient)('%s: a number, or a flag, reads as the text of it', async (_name, reader) => {
  const leaves = pathsIn(reader.document).filter((path) => !isRow(path));
  for (const path of leaves) {
    const isFlag = typeof valueAt(reader.document, path) === 'boolean';
    for (const value of [12_345, 1_767_225_600, 0.5, ...(isFlag ? [true, false] : [])]) {
      const [bare, text] = [value, String(value)].map((one) => withValue(reader.document, path, one));
      expect({ path, value, read: await readDocument(reader, bare) }).toEqual({
        path,
        value,
        read: await readDocument(reader, text),
      });
    }
  }
});

test.each(readers)('%s: an unknown field changes no result, at every depth', async (_name, reader) => {
  const whole = await readDocument(reader, reader.document);
  const objects = pathsIn(reader.document).filter((path) => isObject(valueAt(reader.document, path)));
  // An upload's fields are found by name: each is known.
  for (const path of [[], ...objects].filter((one) => one[0] !== 'uploadedFiles')) {
    const inner = valueAt(reader.document, path) as object;
    const changed = withValue(reader.document, path, { ...inner, somethingNew: { deep: [1, null] }, __more: 'x' });
    expect({ path, read: await readDocument(reader, changed) }).toEqual({ path, read: whole });
  }
});

test.each(readers)('%s: any content is read or rejected as documented, and the result can be stored', async (_name, reader) => {
  const paths = fc.constantFrom<Path>([], ...pathsIn(reader.document));
  const values = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom('\u0000', '\ud800', 'x'.repeat(5_000), 1e300, -1, [[[]]], { url: {} }),
    fc.string({ unit: 'binary' }),
  );
  await fc.assert(
    fc.asyncProperty(paths, values, async (path, value) => {
      for (const text of textsIn(await readDocument(reader, withValue(reader.document, path, value)))) {
        expect(text.includes('\u0000') || !text.isWellFormed()).toBe(false);
      }
    }),
    { numRuns: 150 },
  );
});

test.each(withLists)('%s: an unreadable row hides no other row', async (_name, reader) => {
  for (const name of reader.lists ?? []) {
    const rows = reader.document[name] as unknown[];
    const whole = await readDocument(reader, reader.document);
    const readable = textsIn(whole);
    for (const garbage of [{}, { unknown: 'field' }, [], null, '', true, 7, [[1]]]) {
      for (const at of [0, 1, rows.length]) {
        const read = await readDocument(reader, { ...reader.document, [name]: rows.toSpliced(at, 0, garbage) });
        const joined = textsIn(read).join('\n');
        for (const text of readable) for (const part of text.split(', ')) expect(joined).toContain(part);
      }
    }
  }
});

test.each(withLists)('%s: a single value where a list was meant is a list of one', async (_name, reader) => {
  for (const name of reader.lists ?? []) {
    const [first] = reader.document[name] as unknown[];
    const [alone, listed] = [first, [first]].map((value) => ({ ...reader.document, [name]: value }));
    expect(await readDocument(reader, alone)).toEqual(await readDocument(reader, listed));
  }
});

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function valueAt(document: unknown, path: Path): unknown {
  return path.reduce((value, name) => (value as Record<string | number, unknown>)[name], document);
}

/** Returns every text in a result. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (value instanceof Date) return [value.toISOString()];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

/** Files that parse JSON of our own: files of ours, sealed values, settings, and forms of our own pages. */
const ownJson = [
  // A registered reader reads it.
  'highlevel/user-context-text.ts',
  'database/json-rows.ts',
  'database/directory-lock.ts',
  // Files and rows of our own export.
  'database/transfer/manifest.ts',
  'database/transfer/tables.ts',
  // A schema, which it copies.
  'http/api/openapi.ts',
  // A program of ours responds.
  'commands/doctor.ts',
  'checks/check-address.ts',
  'config/development-keys.ts',
  'http/pages/channels/config-form.ts',
  'http/pages/framework/texts.ts',
  'connections/channel-context.ts',
  'connections/connection.ts',
  'connections/limits.ts',
  'connections/sealed-config.ts',
  'messages/recovery/redrive.ts',
  'messages/opt-outs/reconcile.ts',
  // Filters and facts as they were stored.
  'workflows/match-filters.ts',
  'workflows/resume-pauses.ts',
  'workflows/trigger-payload.ts',
  'outgoing-webhooks/build-payload.ts',
  // Labels that it has written itself.
  'runtime/telemetry/metric-producer.ts',
  'config/setting-schemas.ts',
  'config/version.ts',
];
/** Building blocks of readers, which know no document. */
const machinery = [
  // A part of the reader of bounces, whose own property test mutates whole mails.
  'channels/email/bounces/read-ses-notification.ts',
  'core/foreign.ts',
  'core/json-body.ts',
  'runtime/outbound-http.ts',
  'highlevel/client.ts',
  // Clamps moments that readers have read.
  'messages/inbound/receive.ts',
  'messages/inbound/receive-call.ts',
  'messages/reporting/record-receipt.ts',
  'channels/mail/request.ts',
  // Pass the document on to registered readers.
  'channels/mailgun/webhooks.ts',
  'channels/resend/webhooks.ts',
  'http/webhooks/highlevel.ts',
  // Reads a number of a form that a registered reader has read.
  'workflows/reserve-send.ts',
];
const readsJson =
  /JSON\.parse\(|core\/(foreign|json-body)\.ts'|\btoJsonObject\(|\banswer\.body\b|\{[^{}]*\bbody\b[^{}]*\} = await highLevel\(/;

test('every reader of foreign JSON is registered, so that these rules hold for it', () => {
  const src = resolve(import.meta.dirname, '../../src');
  const registered = new Set(readers.map(([, { file }]) => file));
  const found = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.startsWith('sandbox/'))
    .filter((file) => readsJson.test(readFileSync(resolve(src, file), 'utf8')));
  expect(found.filter((file) => ![...ownJson, ...machinery].includes(file) && !registered.has(file))).toEqual([]);
  expect(
    [...registered, ...ownJson, ...machinery].filter(
      (file) => !readdirSync(resolve(src, file, '..')).includes(file.split('/').at(-1) ?? ''),
    ),
  ).toEqual([]);
});
