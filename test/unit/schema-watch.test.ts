import { waitForOlderWorkers } from '../../src/database/older-workers.ts';
import { startSchemaWatch } from '../../src/database/schema-watch.ts';
import { createLog } from '../../src/runtime/log.ts';
import { createTestClock } from '../support/test-clock.ts';

const log = createLog('silent');

/** A watch over a database that `newer` has migrated. */
function startWatch() {
  const clock = createTestClock();
  const state = { newer: undefined as string | undefined, checks: 0, stops: [] as string[] };
  const watch = startSchemaWatch({
    clock,
    log,
    async findNewerMigration() {
      state.checks += 1;
      return state.newer;
    },
    onNewer: (migration) => state.stops.push(migration),
  });
  return { clock, state, watch };
}

test('a newer migration is noticed within ten seconds, once', async () => {
  const { clock, state } = startWatch();
  await clock.tick(25_000);
  expect([state.checks, state.stops]).toEqual([2, []]);
  state.newer = 'later';
  await clock.tick(10_000);
  expect(state.stops).toEqual(['later']);
  await clock.tick(60_000);
  expect([state.checks, state.stops]).toEqual([3, ['later']]);
});

test.each([
  ['a table', { code: '42P01', message: 'relation "jobs" does not exist' }],
  ['a column', { code: '42703', message: 'column "group_key" does not exist' }],
  ['a type', { code: '42704', message: 'type "job_kind" does not exist' }],
  ['an enum value', { code: '22P02', message: 'invalid input value for enum queue_name: "highlevel"' }],
])('a statement that misses %s makes it look at once, and many do not make it look often', async (_name, error) => {
  const { clock, state, watch } = startWatch();
  for (let n = 0; n < 100; n++) watch.onError(error);
  await clock.tick(500);
  for (let n = 0; n < 100; n++) watch.onError(error);
  await clock.tick(1);
  expect(state.checks).toBe(1);
  state.newer = 'later';
  await clock.tick(1_000);
  watch.onError(error);
  await clock.tick(1);
  expect(state.stops).toEqual(['later']);
});

test('other failed statements start no check', async () => {
  const { clock, state, watch } = startWatch();
  watch.onError({ code: '22P02', message: 'invalid input syntax for type uuid: "x"' });
  watch.onError({ code: '23505', message: 'duplicate key value violates unique constraint' });
  watch.onError(new Error('Connection terminated'));
  await clock.tick(1);
  expect(state.checks).toBe(0);
  watch.stop();
  await clock.tick(60_000);
  expect(state.checks).toBe(0);
});

/** Waits for workers whose rows `read` gives, second by second. @returns after how many seconds the wait ended */
async function secondsWaited(read: (second: number) => string | null, isNeeded = async () => true): Promise<number> {
  const clock = createTestClock(0);
  const query = async (sql: string) =>
    sql.includes('to_regclass') ? [{ exists: true }] : [{ text: read(Math.floor(clock.now() / 1_000)) }];
  let isDone = false;
  const waiting = waitForOlderWorkers({ query, log, clock }, isNeeded).then(() => {
    isDone = true;
  });
  while (!isDone && clock.now() < 300_000) {
    await clock.tick(1_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (isDone) await waiting;
  return Math.floor(clock.now() / 1_000);
}

test('a migration does not wait without workers, waits ten seconds for a killed one, and as long as one runs', async () => {
  expect(await secondsWaited(() => null)).toBeLessThan(2);
  const killed = await secondsWaited(() => '(a,41,0)');
  expect(killed).toBeGreaterThanOrEqual(10);
  expect(killed).toBeLessThan(13);
  // It beats every two seconds and stops after a minute.
  const stopped = await secondsWaited((second) => (second < 60 ? `(a,${Math.floor(second / 2)},0)` : null));
  expect(stopped).toBeGreaterThanOrEqual(60);
  expect(stopped).toBeLessThan(63);
  // Another process of the new version has migrated, and works.
  expect(
    await secondsWaited(
      (second) => `(b,${second},0)`,
      async () => false,
    ),
  ).toBeLessThan(3);
});
