import type { PGlite } from '@electric-sql/pglite';
import { observeEmbedded } from '../../src/database/observe-embedded.ts';
import { createSlowStatementLog } from '../../src/database/slow-statements.ts';
import { createLog } from '../../src/runtime/log.ts';

/** A log of slow statements, from a second on, whose time the test moves. */
function createWorld() {
  const lines: { statement: string; count: number; durationMs: number; maxMs: number }[] = [];
  const world = { now: 0, counted: 0 };
  const log = createLog('info', {
    writableLength: 0,
    on() {},
    write(line, written) {
      lines.push(JSON.parse(line));
      return written();
    },
  });
  const clock = { elapsed: () => world.now };
  const count = () => {
    world.counted += 1;
  };
  return { world, lines, observe: createSlowStatementLog({ clock, log, count }, 1_000) };
}

test('a flood of one statement is one line a minute, with its count and its longest duration', () => {
  const { world, lines, observe } = createWorld();
  for (let index = 0; index < 500; index++) observe('SELECT *\n  FROM messages WHERE id = $1', 1_000 + index);
  world.now = 60_000;
  observe('SELECT * FROM messages WHERE id = $1', 1_200);
  observe('SELECT * FROM jobs', 5_000);
  observe('SELECT 1', 999);
  expect(lines).toEqual([
    expect.objectContaining({ statement: 'SELECT * FROM messages WHERE id = $1', count: 1, durationMs: 1_000 }),
    expect.objectContaining({ statement: 'SELECT * FROM messages WHERE id = $1', count: 500, durationMs: 1_200, maxMs: 1_499 }),
    expect.objectContaining({ statement: 'SELECT * FROM jobs', count: 1 }),
  ]);
  expect(world.counted).toBe(502);
});

test('very many different statements share a line, and memory stays bounded', () => {
  const { world, lines, observe } = createWorld();
  for (let index = 0; index < 1_000; index++) observe(`SELECT ${index}`, 2_000);
  expect(lines).toHaveLength(201);
  world.now = 60_000;
  observe('SELECT 5000', 2_000);
  expect(lines.at(-1)).toMatchObject({ statement: 'SELECT 5000', count: 1 });
});

test('what waits for the one session of an embedded database is not slow by that', async () => {
  let now = 0;
  let last: Promise<unknown> = Promise.resolve();
  /** One statement after the other; each takes as long as its text says. */
  const run = async (sql: string) => {
    now += Number(sql);
    if (sql === '1') throw new Error('refused');
  };
  const inTurn = (work: () => Promise<unknown>) => {
    const turn = last.then(work);
    last = turn.catch(() => {});
    return turn;
  };
  const embedded = {
    query: (sql: string) => inTurn(() => run(sql)),
    transaction: (work: (tx: unknown) => Promise<unknown>) => inTurn(() => work({ query: run })),
  } as unknown as PGlite;
  const observed: [string, number][] = [];
  const { query, transaction } = observeEmbedded(embedded, { elapsed: () => now }, (...one) => observed.push(one));
  await Promise.allSettled([
    query('5000'),
    query('2'),
    query('1'),
    transaction(async (tx) => {
      await tx.query('3000');
      now += 700;
      await tx.query('4');
      now += 700;
    }),
    query('3'),
  ]);
  expect(observed).toEqual([
    ['5000', 5_000],
    ['2', 2],
    ['1', 1],
    ['3000', 3_000],
    ['4', 4],
    ['3', 3],
  ]);
});
