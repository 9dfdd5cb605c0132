/** A stream of log lines, such as `process.stdout`. */
export interface Output {
  readonly writableLength: number;
  write(line: string, written: (error?: Error | null) => void): unknown;
  on(event: 'error', listener: () => void): unknown;
}

/** Enough for a reader that is slow for a moment. */
const maxWaitingBytes = 4 * 1024 * 1024;

const guarded = new WeakSet<Output>();

/**
 * Keeps a standard stream from ending the program, on a full disk or behind a closed reader. The error is dropped, as this stream is the
 * one on which it would be reported.
 */
export function guardOutput(output: Output): void {
  if (guarded.has(output)) return;
  guarded.add(output);
  output.on('error', () => {});
}

/**
 * Creates a destination for log lines that never blocks and never throws. A line that can't be written, on a full disk or behind a stalled
 * reader, is dropped and counted; the next written line is preceded by the number of missing ones.
 *
 * `process.stdout` writes synchronously up to what fits into a pipe, and to files. pino's own destination was rejected: it waits for a full
 * pipe within the call, and blocks the whole program.
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

/** Formats a log line about missing lines, at the time of the line that follows it. */
function formatNotice(line: string, count: number): string {
  const [, time] = /"time":"([^"]+)"/.exec(line) ?? [];
  return `${JSON.stringify({ level: 'warn', time, dropped: count, msg: 'log lines could not be written and are missing here' })}\n`;
}
