import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatCount } from '../../src/core/format-count.ts';

test('a number and its noun agree', () => {
  expect([0, 1, 2].map((count) => formatCount(count, 'message'))).toEqual(['0 messages', '1 message', '2 messages']);
  expect([1, 3].map((count) => formatCount(count, 'reply', 'replies'))).toEqual(['1 reply', '3 replies']);
});

/** Texts whose number is above a limit that is more than one. */
const isNeverOne = [
  /^core\/smpp\/write-pdu\.ts /,
  / (characters|recipients)\b/,
  // A message in one part has no such text.
  /\blook-up\.ts .* parts\b/,
];

test('texts of the program format counts with their noun', () => {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !file.startsWith('sandbox'),
  );
  const counted = /\$\{[^{}]*(?:[cC]ount|length|size|[tT]otal|[nN]umber|repeats|complaints)\} (?:of \$\{[^{}]+\} )?[a-z]+s\b/;
  const found = files.flatMap((file) =>
    readFileSync(join('src', file), 'utf8')
      .split('\n')
      .filter((line) => counted.test(line) && !/\b(is|was|has)\b/.test(counted.exec(line)?.[0] ?? ''))
      .map((line) => `${file} ${line.trim()}`)
      .filter((line) => !isNeverOne.some((exception) => exception.test(line))),
  );
  expect(found).toEqual([]);
});
