import { readdirSync, readFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');

/** Words that have a standard term in the glossary (docs/architecture.md). Common English words are left out, as they have other uses. */
const retired = [
  /\bfar[ -]?sides?\b/i,
  /\blanes?\b/i,
  /\bpaces?\b/i,
  /\btell(s|ing|ings)?\b/i,
  /\btold\b/i,
  /\bru?ngs\b/i,
  /\bailments?\b/i,
  /\bin hand\b/i,
  /\bstrays?\b/i,
  /\bbegun\b/i,
  /\blearnt\b/i,
  /\bmend(s|ed|ing)?\b/i,
  /\bputs? off\b/i,
  /\b(given|gives?|gave) up\b/i,
  /\bfor ever\b/i,
  /\bunhurried\b/i,
  /\bfarewell\b/i,
  /\breseal(ed|s)?\b/i,
  /\bsightings?\b/i,
  /\bguess(es|ed)?\b/i,
  /\banswer(s|ed|ing)?\b/i,
  /\b(jobs?|messages?|groups?) rests?\b/i,
  /\bisItsWord\b|\bdropsRepeats\b|\bsentElsewhere\b|\bsendingSince\b|\bpostingSince\b|\bunknownSince\b/,
];

const pronouns =
  /\b(nobody|somebody|someone|anyone|anybody|everybody|everyone|everything|something|anything|nothing|whoever|whatever|whichever)\b/gi;
const questionWord = /^(what|how|where|whether|who|whose|which|when|why|whom|that)\b/i;

/** Files that are about retired names, and third parties' texts. */
const exempt =
  /^(test\/unit\/language\.test\.ts|src\/config\/renamed-settings\.ts|test\/unit\/settings\.test\.ts|docs\/architecture\.md|docs\/decisions\/|test\/fixtures\/|prisma\/(migrations|generated)\/)/;

function listFiles(folder: string, extension: RegExp): string[] {
  return (
    readdirSync(resolve(root, folder), { recursive: true, encoding: 'utf8' })
      // `npm run bench` installs what its peers need there.
      .filter((name) => !name.includes('node_modules'))
      .map((file) => `${folder}/${file}`)
      .filter((file) => extension.test(file) && !exempt.test(file))
  );
}

const read = (file: string) => readFileSync(resolve(root, file), 'utf8');
const sources = listFiles('src', /\.ts$/);

/** Comments of TypeScript text: whole lines, blocks, and what follows code on a line after two blanks or more. */
function listComments(text: string): string[] {
  return [...text.matchAll(/\/\*[\s\S]*?\*\/|(?<=^|[\s;,{(])\/\/ .*$/gm)].map(([comment]) => comment);
}

function listTexts(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return Object.values(value as Record<string, unknown>).flatMap(listTexts);
}

function countPer1000(texts: readonly string[]): number {
  const text = texts.join('\n');
  return (1000 * (text.match(pronouns) ?? []).length) / (text.match(/[A-Za-z][A-Za-z'’-]*/g) ?? []).length;
}

test('retired words stay out of code, tables, pages, documents and tests', () => {
  const files = [
    ...sources,
    ...listFiles('test', /\.ts$/),
    ...listFiles('views', /\.(ejs|js|css|json)$/).filter((file) => !file.endsWith('es.json')),
    ...listFiles('docs', /\.md$/),
    'README.md',
    'prisma/schema.prisma',
  ];
  const found = files.flatMap((file) =>
    read(file)
      // HighLevel’s words for how a call ended.
      .replace(/(['"`])(no-answer|answered)\1/gi, '')
      .split('\n')
      .flatMap((line, index) => retired.filter((word) => word.test(line)).map((word) => `${file}:${index + 1} ${word}`)),
  );
  expect(found).toEqual([]);
});

test('comments, documents and page texts name the actor: less than one indefinite pronoun in 1,000 words', () => {
  expect(countPer1000(sources.flatMap((file) => listComments(read(file))))).toBeLessThan(1);
  expect(countPer1000([...listFiles('docs', /\.md$/), 'README.md', 'CONTRIBUTING.md', 'SECURITY.md'].map(read))).toBeLessThan(
    1,
  );
  expect(countPer1000(listTexts(JSON.parse(read('views/languages/en.json'))))).toBeLessThan(1);
});

test('less than a tenth of the docblocks open with a question word', () => {
  const blocks = sources.flatMap((file) =>
    [...read(file).matchAll(/\/\*\*[\s*]*([^\n]*)/g)].map(([, first = '']) => ({ file, first })),
  );
  const asking = blocks.filter(({ first }) => questionWord.test(first));
  expect(asking.length / blocks.length).toBeLessThan(0.1);
});

/** First words of exported functions that are verbs. A new verb is added here; a noun is a reason to find another name. */
const verbs = new Set(readFileSync(resolve(root, 'test/support/verbs.txt'), 'utf8').split(/\s+/));

test('at least four fifths of the exported functions start with a verb', () => {
  const names = sources.flatMap((file) =>
    [
      ...read(file).matchAll(
        /^export (?:async )?(?:function|const) (\w+)(?=\s*[(<]| = (?:async )?(?:\([^)]*\)|\w+)(?:: [^=]+)? =>)/gm,
      ),
    ].map(([, name = '']) => ({ file: relative('src', file), name })),
  );
  const nouns = names.filter(({ name }) => !verbs.has(/^[a-z]+/.exec(name)?.[0] ?? ''));
  expect(names.length).toBeGreaterThan(400);
  expect(nouns.length / names.length).toBeLessThan(0.2);
});
