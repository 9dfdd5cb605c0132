import { createSettler, type SettleDeps, type Settlement } from '../../src/messages/settlement/settle.ts';
import { createTestClock } from '../support/test-clock.ts';

/** Settles through a writer that fails with given errors, until the settlement ends or 2,000 seconds have passed. */
async function settling(
  error: (tries: number) => Error | null,
  more: Partial<Settlement> = {},
  signal = new AbortController().signal,
) {
  const clock = createTestClock();
  let tries = 0;
  const settleBatch = async () => {
    tries += 1;
    const thrown = error(tries);
    if (thrown) throw thrown;
  };
  const log = { warn() {}, error() {} };
  const settle = createSettler({ settleBatch, clock, log } as unknown as SettleDeps);
  const job = { queue: 'deliver', messageId: 'm', groupKey: 'l', workerId: 'w', claimNumber: 1, signal } as const;
  let ended: unknown = 'not yet';
  void settle({ job, ...more }).then(
    () => (ended = 'settled'),
    (thrown: unknown) => (ended = thrown),
  );
  for (let turn = 0; turn < 2_000 && ended === 'not yet'; turn++) await clock.tick(1_000);
  return { ended, tries, unwritten: settle.unwritten().length };
}

test('a vendor’s response is written however long the database is unavailable', async () => {
  const away = Object.assign(new Error('Can’t reach database server'), { code: 'P1001' });
  expect(await settling((tries) => (tries <= 300 ? away : null))).toEqual({ ended: 'settled', tries: 301, unwritten: 0 });
});

test('a result that can never be written is dropped, so that it does not occupy a worker’s slot without end', async () => {
  const defect = new Error('relation "messages" does not exist');
  expect(await settling(() => defect)).toEqual({ ended: defect, tries: 60, unwritten: 0 });
});

const responses: [string, Partial<Settlement>][] = [
  ['a vendor', { attempt: { id: 'a', connectionId: 'c', outcome: { kind: 'accepted', externalIds: ['x'] } } }],
  ['HighLevel', { report: { state: 'delivered', response: null, error: null } }],
];

test.each(responses)(
  'the response of %s is retried while the process lives, also when it stops, and for any error of the database',
  async (_who, response) => {
    const stopped = AbortSignal.abort();
    const defect = new Error('relation "messages" does not exist');
    const readOnly = Object.assign(new Error('read-only'), { code: '25006' });
    for (const error of [defect, readOnly]) {
      expect(await settling((tries) => (tries <= 70 ? error : null), response, stopped)).toEqual({
        ended: 'settled',
        tries: 71,
        unwritten: 0,
      });
    }
    const { ended, unwritten } = await settling(() => readOnly, response, stopped);
    expect([ended, unwritten]).toEqual(['not yet', 1]);
  },
);

test('what a response means for its connection is stored before the job ends, however long the database is unavailable', async () => {
  const away = Object.assign(new Error('Can’t reach database server'), { code: 'P1001' });
  let tries = 0;
  const prepare = async () => {
    tries += 1;
    if (tries <= 100) throw away;
  };
  expect(await settling(() => null, { prepare })).toEqual({ ended: 'settled', tries: 1, unwritten: 0 });
  expect(tries).toBe(101);
});

test('a response is settled although the database refuses what it means for its connection', async () => {
  const prepare = () => Promise.reject(new Error('relation "connections" does not exist'));
  expect(await settling(() => null, { prepare })).toEqual({ ended: 'settled', tries: 1, unwritten: 0 });
});

test('a job without a response is not awaited when the process stops', async () => {
  const away = Object.assign(new Error('away'), { code: '57P01' });
  expect(await settling(() => away, {}, AbortSignal.abort())).toEqual({ ended: away, tries: 1, unwritten: 0 });
});
