/** A stream to which lines go, as `process.stdout` is. */
export interface Output {
  readonly writableLength: number;
  write(line: string, written: (error?: Error | null) => void): unknown;
  on(event: 'error', listener: () => void): unknown;
}

/** Enough for a reader that is slow for a moment. */
const maxWaitingBytes = 4 * 1024 * 1024;

const guarded = new WeakSet<Output>();

/**
 * Keeps a standard stream from ending the program: a full disk, a reader that has gone. Whoever writes there learns nothing of it, as the
 * stream is where it would be said.
 */
export function guardOutput(output: Output): void {
  if (guarded.has(output)) return;
  guarded.add(output);
  output.on('error', () => {});
}

/**
 * Creates a destination for log lines that never blocks and never throws. A line that can't be written, on a full disk or behind a reader
 * that has stopped reading, is dropped and counted; the first line that is written afterwards says how many are missing.
 *
 * `process.stdout` takes what fits into a pipe at once and the rest later, and writes files at once. pino's own destination waits for a
 * full pipe within the call, and with it the whole program.
 */
export function createLogOutput(output: Output): { write(line: string): void } {
  guardOutput(output);
  let dropped = 0;

  function write(line: string): void {
    if (output.writableLength > maxWaitingBytes) {
      dropped += 1;
      return;
    }
    const missing = dropped;
    dropped = 0;
    const text = missing > 0 ? `${formatNotice(line, missing)}${line}` : line;
    try {
      output.write(text, (error) => {
        if (error) dropped += missing + 1;
      });
    } catch {
      dropped += missing + 1;
    }
  }

  return { write };
}

/** A line of the form that all have, at the time of the line that it stands before. */
function formatNotice(line: string, count: number): string {
  const [, time] = /"time":"([^"]+)"/.exec(line) ?? [];
  return `${JSON.stringify({ level: 'warn', time, dropped: count, msg: 'log lines could not be written and are missing here' })}\n`;
}
