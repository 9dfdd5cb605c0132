/** A row of a CSV file, with the line of the file on which it starts. */
export interface CsvRow {
  readonly line: number;
  readonly cells: readonly string[];
}

/** Characters with which a spreadsheet starts a formula; a blank may come before them. */
const formula = /^[=+\-@\t\r|%]/;
const escapedFormula = /^'(?=[=+\-@\t\r|%'])/;
const byteOrderMark = '\ufeff';

/**
 * Formats a row. A cell that a spreadsheet would run as a formula gets an apostrophe before it, which {@link readCsv} removes: phone numbers
 * start with a plus sign, and other texts come from outside.
 */
export function formatCsvRow(cells: readonly string[]): string {
  return `${cells.map(formatCell).join(',')}\r\n`;
}

function formatCell(cell: string): string {
  const safe = formula.test(cell) || escapedFormula.test(cell) ? `'${cell}` : cell;
  return /[",;\r\n']|^\s|\s$/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/**
 * Reads CSV from parts of text of any size, with commas or semicolons (which spreadsheets write in many countries), as the first line
 * suggests. Empty lines are skipped. Memory is bounded by the longest row.
 *
 * @param maxRowChars a longer row is cut off
 */
export async function* readCsv(parts: AsyncIterable<string>, maxRowChars = 10_000): AsyncGenerator<CsvRow> {
  const reader = createRowReader(maxRowChars);
  for await (const part of parts) yield* reader.read(part);
  yield* reader.end();
}

function createRowReader(maxRowChars: number) {
  let separator: string | null = null;
  let line = 1;
  let startLine = 1;
  let cells: string[] = [];
  let cell = '';
  let rowChars = 0;
  /** `quote_ended`: a quotation mark was read inside quotes, which ends them or is the first of two. */
  let place: 'start' | 'bare' | 'quoted' | 'quote_ended' = 'start';
  let isFirst = true;
  let hasReturned = false;
  let head = '';

  const endCell = () => {
    cells.push(cell.replace(escapedFormula, ''));
    cell = '';
    place = 'start';
  };
  const endRow = (): CsvRow[] => {
    endCell();
    const row = { line: startLine, cells };
    cells = [];
    rowChars = 0;
    startLine = line;
    return row.cells.every((one) => one.trim() === '') ? [] : [row];
  };
  const add = (character: string) => {
    rowChars++;
    if (rowChars <= maxRowChars) cell += character;
  };

  function* readCharacter(character: string): Generator<CsvRow> {
    const isAfterReturn = hasReturned;
    hasReturned = character === '\r';
    if (character === '\n' && isAfterReturn) {
      if (place === 'quoted') add(character);
      return;
    }
    const isLineEnd = character === '\n' || character === '\r';
    if (isLineEnd) line++;
    if (place === 'quoted') {
      if (character === '"') place = 'quote_ended';
      else add(character);
    } else if (character === '"' && place === 'quote_ended') {
      add(character);
      place = 'quoted';
    } else if (character === '"' && place === 'start') {
      place = 'quoted';
    } else if (character === separator) {
      if (cells.length < 100) endCell();
    } else if (isLineEnd) {
      yield* endRow();
    } else {
      place = place === 'quote_ended' ? place : 'bare';
      add(character);
    }
  }

  function* readText(text: string): Generator<CsvRow> {
    for (const character of text) yield* readCharacter(character);
  }

  return {
    *read(part: string): Generator<CsvRow> {
      if (separator !== null) return yield* readText(part);
      head += part;
      // The first line decides about the separator.
      if (!/[\r\n]/.test(head) && head.length <= maxRowChars) return;
      yield* this.start();
    },
    *start(): Generator<CsvRow> {
      const text = isFirst && head.startsWith(byteOrderMark) ? head.slice(1) : head;
      isFirst = false;
      head = '';
      const first = (text.split(/[\r\n]/, 1)[0] ?? '').replace(/"(?:[^"]|"")*"/g, '');
      separator = first.includes(';') && !first.includes(',') ? ';' : ',';
      yield* readText(text);
    },
    *end(): Generator<CsvRow> {
      if (separator === null) yield* this.start();
      if (cells.length > 0 || cell !== '') yield* endRow();
    },
  };
}

/** Decodes bytes of UTF-8 in parts; what is no UTF-8 becomes U+FFFD. @throws what `onBytes` throws, called with the bytes read so far */
export async function* decodeText(parts: AsyncIterable<Uint8Array>, onBytes: (total: number) => void): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let total = 0;
  for await (const part of parts) {
    total += part.byteLength;
    onBytes(total);
    yield decoder.decode(part, { stream: true });
  }
  yield decoder.decode();
}
