import fc from 'fast-check';
import { type CsvRow, decodeText, formatCsvRow, readCsv } from '../../src/core/csv.ts';

async function* toParts(text: string, size: number): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size);
}

async function read(text: string, size = text.length || 1, maxRowChars?: number): Promise<CsvRow[]> {
  const rows: CsvRow[] = [];
  for await (const row of readCsv(toParts(text, size), maxRowChars)) rows.push(row);
  return rows;
}

const cell = fc.oneof(
  fc.string(),
  fc.stringMatching(/^[=+\-@|%'",;\r\n\t a1]{0,6}$/),
  fc.constantFrom('+12025550143', '=1+1', "'+1", 'a"b', ' x ', 'two\r\nlines'),
);
const rowsOfCells = fc.array(
  fc.array(cell, { minLength: 1, maxLength: 6 }).filter((cells) => cells.some((one) => one.trim() !== '')),
  { maxLength: 8 },
);

test('rows that were written are read again, whatever they hold and however the text is cut', async () => {
  await fc.assert(
    fc.asyncProperty(rowsOfCells, fc.integer({ min: 1, max: 40 }), async (rows, size) => {
      // A first row with a comma: a single column would leave the separator open.
      const all = [['first', 'row'], ...rows];
      const found = await read(all.map(formatCsvRow).join(''), size);
      expect(found.map(({ cells }) => cells)).toEqual(all);
    }),
    { numRuns: 300 },
  );
});

test('no cell that was written starts a formula in a spreadsheet', () => {
  fc.assert(
    fc.property(cell, (value) => {
      const written = formatCsvRow([value]).replace(/^"/, '');
      expect(written).not.toMatch(/^[=+\-@\t|%]/);
    }),
  );
});

test('any text is read without an error, in rows with rising lines and within the limit', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ maxLength: 300 }), fc.integer({ min: 1, max: 50 }), async (text, size) => {
      const rows = await read(text, size, 40);
      rows.reduce((line, row) => {
        expect(row.line).toBeGreaterThan(line);
        expect(row.cells.join('').length).toBeLessThanOrEqual(40);
        return row.line;
      }, 0);
    }),
  );
});

test.each([
  [
    '\ufeffaddress;reason\r\n+1202;"a;b"\r\n',
    [
      ['address', 'reason'],
      ['+1202', 'a;b'],
    ],
  ],
  [
    'a,b\rc,d\r',
    [
      ['a', 'b'],
      ['c', 'd'],
    ],
  ],
  ['\n\n a , b\n\n', [[' a ', ' b']]],
  ['"open', [['open']]],
  ['', []],
])('reads %j', async (text, expected) => {
  expect((await read(text)).map(({ cells }) => cells)).toEqual(expected);
});

test('a row knows the line on which it starts, also after a cell of several lines', async () => {
  expect((await read('a,"x\r\ny"\r\n\r\nb,c')).map(({ line }) => line)).toEqual([1, 4]);
});

test('bytes are decoded across parts, and their number is checked before they are read', async () => {
  async function* bytes() {
    for (const byte of Buffer.from('é€')) yield Buffer.from([byte]);
  }
  let text = '';
  for await (const part of decodeText(bytes(), () => {})) text += part;
  expect(text).toBe('é€');
  const limited = decodeText(bytes(), (total) => {
    if (total > 2) throw new Error('too many');
  });
  const readAll = async () => {
    for await (const part of limited) text += part;
  };
  await expect(readAll()).rejects.toThrow('too many');
});
