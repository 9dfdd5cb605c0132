import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppError, errorCodes } from '../../src/core/errors.ts';
import { unknownReasons } from '../../src/highlevel/classify-webhook.ts';
import { loadLanguages, toProblem, toReasonText } from '../../src/http/pages/framework/texts.ts';
import { reasons } from '../../src/messages/model/reasons.ts';

const folder = 'views/languages';
const languages = loadLanguages(folder);
type Entry = string | { [name: string]: Entry };
const readEntries = (name: string): Entry => JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));

/** Lists every text by its key with its placeholders; the forms of a plural are one text. */
function listKeys(entry: Entry, path: string[] = []): Map<string, string> {
  const placeholders = (words: string) => [...words.matchAll(/\{\w+\}/g)].map(String).sort().join();
  if (typeof entry === 'string') return new Map([[path.join('.'), placeholders(entry)]]);
  if ('other' in entry && path.join('.') !== 'problems') {
    return new Map([
      [path.join('.'), [...new Set(Object.values(entry).map((form) => placeholders(String(form))))].join(' / ')],
    ]);
  }
  return new Map(Object.entries(entry).flatMap(([name, child]) => [...listKeys(child, [...path, name])]));
}

function readFiles(folder: string, ending: string): [string, string][] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => [name, readFileSync(join(folder, name), 'utf8')]);
}

const english = listKeys(readEntries('en'));

test.each(languages.names.slice(1))('%s has exactly the texts of English, with the same placeholders', (name) => {
  expect(Object.fromEntries(listKeys(readEntries(name)))).toEqual(Object.fromEntries(english));
  const forms = new Intl.PluralRules(name).resolvedOptions().pluralCategories;
  const text = JSON.stringify(readEntries(name));
  for (const plural of text.match(/\{[^{}]*"other":(?:[^{}]|\{\w+\})*\}/g) ?? []) {
    for (const form of forms) expect(plural).toContain(`"${form}"`);
  }
});

/** Texts whose number is never one, or whose noun belongs to another number. */
const isAlwaysPlural = new Set([
  'channels.limits.many',
  'log.deadLetters.countLimit',
  'operator.limits.usedOf',
  'operator.limits.perSecond',
]);

test.each(languages.names)('%s: a text in which a noun follows the count has the forms of the plural', (name) => {
  const plain = (entry: Entry, path: string[] = []): [string, string][] =>
    typeof entry === 'string'
      ? [[path.join('.'), entry]]
      : Object.entries(entry).flatMap(([part, child]) =>
          path.length > 0 && 'other' in entry ? [] : plain(child, [...path, part]),
        );
  const wrong = plain(readEntries(name)).filter(([key, words]) => /\{count\} \p{L}/u.test(words) && !isAlwaysPlural.has(key));
  expect(wrong).toEqual([]);
});

test('every text that a view or a page uses exists', () => {
  const missing: string[] = [];
  for (const [file, source] of [...readFiles('views', '.ejs'), ...readFiles('src/http', '.ts')]) {
    for (const [, key] of source.matchAll(/\btext\('([^']+)'/g)) if (!english.has(String(key))) missing.push(`${file}: ${key}`);
    for (const [, before, after] of source.matchAll(/\btext\(`([^`$]*)\$\{[^}]+\}([^`$]*)`/g)) {
      const fits = [...english.keys()].some((key) => key.startsWith(String(before)) && key.endsWith(String(after)));
      if (!fits) missing.push(`${file}: ${before}…${after}`);
    }
    for (const [, key] of source.matchAll(/nav: \{ text: '([^']+)'/g))
      if (!english.has(String(key))) missing.push(`${file}: ${key}`);
  }
  expect(missing).toEqual([]);
});

test('every error and every reason of ours is translated, and a vendor’s reason keeps its own text', () => {
  const text = languages.text('en');
  expect(errorCodes.filter((code) => !english.has(`problems.${code}.title`))).toEqual([]);
  for (const [code, message] of Object.entries(reasons)) expect(text(`reasons.${code}`)).toBe(message);
  for (const why of unknownReasons) expect(text.has(`operator.unknownWebhooks.reasons.${why}`)).toBe(true);
  expect(toReasonText(languages.text('es'), { code: 'no_channel', message: reasons.no_channel })).toContain('ningún canal');
  expect(toReasonText(text, { code: '21610', message: 'opted out' })).toBe('opted out');
  const refused = new AppError('conflict', 'This message was sent meanwhile.', { details: ['twice'] });
  expect(toProblem(languages.text('es'), refused)).toMatchObject({ message: refused.message, details: ['twice'] });
});

test('plurals, numbers and values follow the language; a missing text is an error, not an empty string', () => {
  const [en, es] = [languages.text('en'), languages.text('es')];
  expect(en('locations.count', { count: 1 })).toBe('1 location has the app.');
  expect(en('locations.count', { count: 1_234 })).toBe('1,234 locations have the app.');
  expect(es('locations.count', { count: 12_345 })).toBe('12.345 ubicaciones tienen la aplicación.');
  expect(en('installed.location', { name: '<b>' })).toBe('<b> is connected');
  expect(() => en('no.such.text')).toThrow('no.such.text');
  expect(() => en('constructor')).toThrow('constructor');
});

test('the Spanish texts say usted throughout', () => {
  const informal =
    /(?<!\p{L})(tu|tus|tú|ti|tuyo)(?!\p{L})|(?<=^|[.:] )(Escribe|Vuelve|Introduce|Añade|Elige|Revisa|Usa|Inicia|Copia|Crea|Instala|Conecta|Comprueba|Pon|Corrige|Abre|Quita|Haz|Ejecuta|Permite) /u;
  const texts = readFileSync(join(folder, 'es.json'), 'utf8').split('\n');
  expect(texts.filter((line) => informal.test(line.replace(/^\s*"\w+": "/, '')))).toEqual([]);
});

test('one more file is one more language', () => {
  const copy = mkdtempSync(join(tmpdir(), 'languages-'));
  cpSync(folder, copy, { recursive: true });
  cpSync(join(folder, 'es.json'), join(copy, 'pt.json'));
  const more = loadLanguages(copy);
  expect(more.names).toEqual([...languages.names, 'pt']);
  expect(more.text('pt').language).toBe('pt');
  rmSync(copy, { recursive: true });
});
