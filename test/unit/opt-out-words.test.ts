import fc from 'fast-check';
import { isAmbiguousStart, parseOptOutWord } from '../../src/messages/opt-outs/words.ts';

const stops = [
  ...['STOP', 'STOPALL', 'STOP ALL', 'UNSUBSCRIBE', 'CANCEL', 'END', 'QUIT', 'REVOKE', 'OPTOUT', 'OPT OUT'],
  ...['ARRÊT', 'ARRETER', 'BAJA', 'ALTO', 'PARAR', 'SAIR', 'STOPP', 'ABMELDEN', 'ABBESTELLEN'],
  ...['DISISCRIVIMI', 'CANCELLAMI', 'AFMELDEN', 'UITSCHRIJVEN'],
];
const starts = ['START', 'UNSTOP', 'OPTIN', 'OPT IN', 'YES', 'ALTA'];

test.each([
  ['stop', 'stop'],
  [' Stop. ', 'stop'],
  ['STOP!!!', 'stop'],
  ['"STOP"', 'stop'],
  ['STOP 🛑', 'stop'],
  ['stop?', 'stop'],
  ['Stop\u200b', 'stop'],
  ['ＳＴＯＰ', 'stop'],
  ['opt-out', 'stop'],
  ['Opt  out', 'stop'],
  ['arrêt', 'stop'],
  ['ARRE\u0302T', 'stop'],
  ['start', 'start'],
  ['Unstop.', 'start'],
  ['Yes!', 'start'],
  ['yes?', null],
  ['', null],
  ['🛑', null],
  ['...', null],
  ['STOPP ALL', null],
  ['no', null],
  ['basta', null],
  ['cancelar', null],
  ['ende', null],
  ['please stop', null],
  ["don't stop", null],
  ['stop it', null],
  ['STOP STOP', null],
  ['cancel my order', null],
  ['the end', null],
  ['yes please', null],
  ['s t o p', null],
  ['stop\nHi, are you there?', null],
])('%j is %j', (text, expected) => {
  expect(parseOptOutWord(text)).toBe(expected);
});

const blank = fc.constantFrom('', ' ', '\n', '\t', '  ');
const mark = fc.constantFrom('', '.', '!', '!!', '…', '"', '🙏', ',');
const decorated = (words: readonly string[]) =>
  fc
    .tuple(fc.constantFrom(...words), blank, mark, mark, fc.array(fc.boolean(), { minLength: 20, maxLength: 20 }))
    .map(([word, space, before, after, isUpper]) => {
      const spelled = [...word].map((char, index) => (isUpper[index] ? char.toUpperCase() : char.toLowerCase())).join('');
      return `${space}${before}${spelled}${after}${space}`;
    });

test('a word counts in any case, with blanks, punctuation and emojis around it', () => {
  fc.assert(fc.property(decorated(stops), (text) => parseOptOutWord(text) === 'stop'));
  fc.assert(fc.property(decorated(starts), (text) => parseOptOutWord(text) === 'start'));
});

test('a word inside a sentence never counts', () => {
  const other = fc.constantFrom('please', 'now', 'my', 'order', 'no', 'die', 'ya', '24', 'non', 'não', 'the', 'ok');
  const sentence = fc
    .tuple(fc.array(other, { maxLength: 3 }), fc.constantFrom(...stops, ...starts), fc.array(other, { maxLength: 3 }))
    .filter(([before, , after]) => before.length + after.length > 0);
  fc.assert(fc.property(sentence, ([before, word, after]) => parseOptOutWord([...before, word, ...after].join(' ')) === null));
  const letters = fc.stringMatching(/^[a-z0-9]{1,5}$/);
  const glued = fc.tuple(fc.constantFrom(...stops, ...starts), letters).map(([word, more]) => `${word}${more}`);
  const isOtherWord = (text: string) => ![...stops, ...starts].includes(text.toUpperCase());
  fc.assert(fc.property(glued.filter(isOtherWord), (text) => parseOptOutWord(text) === null));
});

test('any text is read, however long or broken, and a long one is no word', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => void parseOptOutWord(text)));
  expect(parseOptOutWord(`STOP${'.'.repeat(100_000)}`)).toBeNull();
});

test('YES and ALTA mean an opt-in only where there is an opt-out; START always does', () => {
  expect(['yes', 'Alta!'].map(isAmbiguousStart)).toEqual([true, true]);
  expect(['start', 'unstop', 'stop', 'hello'].map(isAmbiguousStart)).toEqual([false, false, false, false]);
});
