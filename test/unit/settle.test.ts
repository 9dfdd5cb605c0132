import type { Database } from '../../src/database/client.ts';
import { type SettleDeps, settler } from '../../src/messages/settle.ts';
import { testClock } from '../support/test-clock.ts';

/** A database whose transactions end as they are told, and a settlement that waits for them. */
async function settling(error: (tries: number) => Error | null) {
  const clock = testClock();
  let tries = 0;
  const transaction = async () => {
    tries += 1;
    const thrown = error(tries);
    if (thrown) throw thrown;
  };
  const log = { warn() {} };
  const settle = settler({ db: { transaction } as unknown as Database, clock, log } as unknown as SettleDeps);
  const job = { kind: 'deliver', messageId: 'm', lane: 'l', workerId: 'w', signal: new AbortController().signal } as const;
  let ended: unknown = 'not yet';
  void settle({ job }).then(
    () => (ended = 'settled'),
    (thrown: unknown) => (ended = thrown),
  );
  for (let turn = 0; turn < 2_000 && ended === 'not yet'; turn++) await clock.tick(1_000);
  return { ended, tries };
}

test('what a far side has answered is written however long the database is away', async () => {
  const away = Object.assign(new Error('Can’t reach database server'), { code: 'P1001' });
  expect(await settling((tries) => (tries <= 300 ? away : null))).toEqual({ ended: 'settled', tries: 301 });
});

test('what can never be written is given up, so that it does not hold a hand for ever', async () => {
  const defect = new Error('relation "messages" does not exist');
  expect(await settling(() => defect)).toEqual({ ended: defect, tries: 60 });
});
