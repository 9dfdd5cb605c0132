import { Writable } from 'node:stream';
import { createLog } from '../../src/runtime/log.ts';

/** A stream that writes, fails or blocks on request. */
function output() {
  const lines: { msg: string; dropped?: number; level: string }[] = [];
  const world = { mode: 'writes' as 'writes' | 'fails' | 'waits', go: () => {} };
  const stream = new Writable({
    autoDestroy: false,
    decodeStrings: false,
    write(text: string, _encoding, done) {
      if (world.mode === 'fails') return done(Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }));
      for (const line of text.trim().split('\n')) lines.push(JSON.parse(line));
      if (world.mode === 'writes') return done();
      world.go = done;
    },
  });
  return { stream, lines, world };
}

test('lines that a full disk refuses are counted, and the next written line has the number', async () => {
  // As `process.stdout` does, which stays open after an error.
  let mode: 'writes' | 'fails' = 'fails';
  const lines: string[] = [];
  const log = createLog('info', {
    writableLength: 0,
    on() {},
    write(line, written) {
      if (mode === 'fails') return written(new Error('ENOSPC'));
      lines.push(...line.trim().split('\n'));
      return written();
    },
  });
  for (let index = 0; index < 3; index++) log.info('lost');
  mode = 'writes';
  log.info('kept');
  log.info('kept too');
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    expect.objectContaining({ level: 'warn', dropped: 3, msg: expect.stringContaining('missing') }),
    expect.objectContaining({ level: 'info', msg: 'kept' }),
    expect.objectContaining({ level: 'info', msg: 'kept too' }),
  ]);
});

test('behind a stalled reader a limited number of bytes waits; the rest is dropped, and counted when it reads again', async () => {
  const { stream, lines, world } = output();
  const log = createLog('info', stream);
  world.mode = 'waits';
  const text = 'x'.repeat(1024 * 1024);
  for (let index = 0; index < 20; index++) log.info(text);
  expect(stream.writableLength).toBeLessThan(6 * 1024 * 1024);
  world.mode = 'writes';
  world.go();
  while (stream.writableLength > 0) await new Promise((done) => setImmediate(done));
  log.info('again');
  const dropped = lines.find((line) => line.dropped)?.dropped ?? 0;
  expect(dropped).toBeGreaterThan(0);
  expect(lines.filter(({ msg }) => msg === text)).toHaveLength(20 - dropped);
  expect(lines.at(-1)?.msg).toBe('again');
});

test('a line that names a message has the id of its trace', () => {
  const lines: string[] = [];
  const log = createLog('info', {
    writableLength: 0,
    on() {},
    write(line, written) {
      lines.push(line);
      return written();
    },
  });
  log.info({ messageId: '0190a5b4-7c1e-7d3a-9f00-0123456789ab' }, 'about a message');
  log.info({ other: 1 }, 'about none');
  expect(lines.map((line) => JSON.parse(line).traceId)).toEqual(['0190a5b47c1e7d3a9f000123456789ab', undefined]);
});
