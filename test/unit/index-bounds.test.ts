import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { fitId, indexedText, maxChars } from '../../src/core/bounds.ts';

const schema = readFileSync(resolve(import.meta.dirname, '../../prisma/schema.prisma'), 'utf8');

/** PostgreSQL's limit of a B-tree entry, less its header. */
const maxEntryBytes = 2_690;
/** A UTF-16 unit has at most three bytes in UTF-8. */
const maxCharBytes = 3;
/** Longest other value of an index, text of the program included. */
const otherBytes = 64;

interface Index {
  model: string;
  columns: string[];
}

const models = [...schema.matchAll(/^model (\w+) \{\n([\s\S]*?)^\}/gm)].map(([, model = '', body = '']) => {
  const texts = [...body.matchAll(/^ {2}(\w+) +String\??(?!.*@db\.Uuid)(?!\[)/gm)].map(([, name]) => name as string);
  const single = [...body.matchAll(/^ {2}(\w+) .*@(?:id|unique)\b/gm)].map(([, name]) => [name as string]);
  const lists = [...body.matchAll(/@@(?:id|unique|index)\(\[([^\]]*)\]/g)].map(([, names = '']) =>
    names.split(',').map((name) => name.trim().replace(/\(.*$/, '')),
  );
  return { texts: new Set(texts), indexes: [...single, ...lists].map((columns): Index => ({ model, columns })) };
});

test('every indexed text has a bound, and there is no bound without an index', () => {
  const indexed = models.flatMap(({ texts, indexes }) =>
    indexes.flatMap(({ model, columns }) => columns.filter((name) => texts.has(name)).map((name) => `${model}.${name}`)),
  );
  expect([...new Set(indexed)].sort()).toEqual(Object.keys(indexedText).sort());
});

test('text within the bounds fits each index entry, in any language', () => {
  const tooLong = models
    .flatMap(({ indexes }) => indexes)
    .filter(({ model, columns }) => {
      const bytes = columns.map((name) => (indexedText[`${model}.${name}`] ?? 0) * maxCharBytes || otherBytes);
      return bytes.reduce((sum, each) => sum + each, 0) > maxEntryBytes;
    });
  expect(tooLong).toEqual([]);
});

test('a shortened id is short, storable and the same each time, and two ids stay different', () => {
  const long = fc.string({ unit: 'binary', minLength: 0, maxLength: 1_500 });
  fc.assert(
    fc.property(long, long, (one, other) => {
      const fitted = fitId(one);
      expect(fitted.length).toBeLessThanOrEqual(maxChars.externalId);
      if (one.isWellFormed()) expect(fitted.isWellFormed()).toBe(true);
      expect(fitId(fitted)).toBe(fitted);
      expect(fitId(other) === fitted).toBe(other === one);
    }),
  );
});
