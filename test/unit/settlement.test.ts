import type { LockedMessage } from '../../src/messages/model/transitions.ts';
import { lockedColumns, mutableColumns } from '../../src/messages/model/transitions.ts';
import { decide, type MatchedReceipts } from '../../src/messages/settlement/decide.ts';
import type { EarlyReceipt } from '../../src/messages/settlement/receipt-rows.ts';
import { type SettlementRows, updateMessagesCte } from '../../src/messages/settlement/settle-sql.ts';
import type { Settlement } from '../../src/messages/settlement/settlement.ts';
import type { Job, NewJob } from '../../src/queue/job.ts';
import { createTestClock } from '../support/test-clock.ts';

const clock = createTestClock();
const now = new Date(clock.now());
const later = new Date(clock.now() + 60_000);
const reportDelay = { currentMs: () => 0, recordTooEarly() {}, recordAccepted() {} };
const job: Job = {
  queue: 'deliver',
  messageId: 'm',
  groupKey: 'g',
  workerId: 'w',
  claimNumber: 1,
  signal: new AbortController().signal,
};
const message: LockedMessage = {
  ...(Object.fromEntries(lockedColumns.map((name) => [name, null])) as unknown as LockedMessage),
  id: 'm',
  direction: 'outbound',
  locationId: 'l',
  createdAt: now,
  messageType: 'sms',
  state: 'pending',
  retryCount: 0,
  reportRetryCount: 0,
  highlevelMessageId: 'h',
};
const receipt = (more: Partial<EarlyReceipt> = {}): EarlyReceipt => ({
  id: 'r',
  messageId: 'm',
  isOfAnother: false,
  recipient: null,
  part: null,
  partCount: null,
  state: 'delivered',
  code: null,
  reason: null,
  ...more,
});
const attempt = { id: 'a', connectionId: 'c', outcome: { kind: 'accepted', externalIds: ['x'] } } as const;
const externalIds = [{ messageId: 'm', connectionId: 'c', externalId: 'x', part: 0, partCount: 1 }];
const toDelivered = () => ({ state: 'delivered' }) as const;
const report = { state: 'delivered', response: null, error: null } as const;
const prerequisiteJob: NewJob = { ...job, queue: 'fetch', orderingKey: 'k', priority: 0, dueAt: now };

interface Row {
  when: string;
  item?: Partial<Settlement>;
  locked?: Partial<LockedMessage> | 'deleted';
  receipts?: Partial<MatchedReceipts>;
  writes: Partial<Record<keyof SettlementRows, unknown>>;
}

/** What a case does not name is written as this. */
const defaults = {
  changed: [],
  attempts: [],
  reportAttempts: [],
  contactAddresses: [],
  jobResults: [{ job, runAgainAt: null, releasesOrderingKey: false }],
  newJobs: [],
  matchedReceipts: [],
};

const reportJob = { queue: 'highlevel', messageId: 'm', orderingKey: 'm' };
const attempts = [{ id: 'a', outcome: 'accepted' }];

const rows: Row[] = [
  { when: 'a job without a result', writes: {} },
  {
    when: 'a change of state, which HighLevel does not have yet',
    item: { change: toDelivered },
    writes: { changed: [{ id: 'm', state: 'delivered' }], newJobs: [{ ...reportJob, priority: 1 }] },
  },
  {
    when: 'a change of state of a message that HighLevel does not know',
    item: { change: toDelivered },
    locked: { highlevelMessageId: null },
    writes: { changed: [{ state: 'delivered' }] },
  },
  {
    when: 'a change of state of an inbound message, which is reported by its post',
    item: { change: toDelivered },
    locked: { direction: 'inbound' },
    writes: { changed: [{ state: 'delivered' }] },
  },
  {
    when: 'an empty change',
    item: { change: () => ({}), report },
    writes: { reportAttempts: [{ messageId: 'm', state: 'delivered', accepted: true }] },
  },
  {
    when: 'fields on top of a change',
    item: { change: () => ({ contactId: 'before', externalId: 'x' }), patch: { contactId: 'after' } },
    writes: { changed: [{ contactId: 'after', externalId: 'x' }] },
  },
  {
    when: 'a message that was deleted: its job is finished, its jobs and reports are dropped',
    item: { change: toDelivered, runAgainAt: later, report, prerequisiteJob },
    locked: 'deleted',
    writes: { jobResults: [{ job, runAgainAt: null }] },
  },
  {
    when: 'a message that was resent meanwhile: the change and its receipt are void, the attempt is stored, the job runs again',
    item: { basedOn: { resentAt: null }, change: toDelivered, attempt },
    locked: { resentAt: now },
    receipts: { externalIds, early: [receipt()], messageLevel: [receipt()] },
    writes: { attempts, jobResults: [{ job, runAgainAt: now }] },
  },
  {
    when: 'a message that was resent before the job',
    item: { basedOn: { resentAt: new Date(now) }, change: toDelivered },
    locked: { resentAt: now },
    writes: { changed: [{ state: 'delivered' }], newJobs: [reportJob] },
  },
  {
    when: 'the vendor’s id, without a change',
    item: { attempt },
    receipts: { externalIds },
    writes: { changed: [{ externalId: 'x', state: 'pending' }], attempts },
  },
  {
    when: 'a receipt that came before the response: it wins over the change, and the job’s time is decided after it',
    item: {
      attempt,
      change: () => ({ reasonCode: 'awaiting_receipt', nextAttemptAt: later }),
      runAgainAt: (current) => (current.state === 'pending' ? later : null),
    },
    receipts: { externalIds, early: [receipt()], messageLevel: [receipt()] },
    writes: {
      changed: [{ state: 'delivered', externalId: 'x', reasonCode: null, nextAttemptAt: null }],
      attempts,
      newJobs: [reportJob],
      matchedReceipts: [receipt()],
    },
  },
  {
    when: 'a receipt of one recipient, which leaves the state of the whole message: a coalesced report of the recipients',
    item: { attempt },
    receipts: { externalIds, early: [receipt({ recipient: 'a@b.c', state: 'failed' })] },
    writes: {
      changed: [{ state: 'pending', externalId: 'x' }],
      attempts,
      newJobs: [{ ...reportJob, dueAt: new Date(now.getTime() + 2_000) }],
      matchedReceipts: [receipt({ recipient: 'a@b.c', state: 'failed' })],
    },
  },
  {
    when: 'a receipt of one recipient that changes the whole message: one report',
    item: { attempt },
    receipts: {
      externalIds,
      early: [receipt({ recipient: 'a@b.c' })],
      messageLevel: [receipt({ recipient: 'a@b.c' })],
    },
    writes: {
      changed: [{ state: 'delivered' }],
      attempts,
      newJobs: [reportJob],
      matchedReceipts: [receipt({ recipient: 'a@b.c' })],
    },
  },
  {
    when: 'a vendor’s id and a receipt of another message of the batch',
    item: { attempt: { ...attempt, outcome: { kind: 'accepted', externalIds: [] } } },
    receipts: {
      externalIds: [{ ...externalIds[0], messageId: 'other' } as (typeof externalIds)[0]],
      early: [receipt({ messageId: 'other' })],
      messageLevel: [receipt({ messageId: 'other' })],
    },
    writes: { attempts },
  },
  {
    when: 'a retry that lets later jobs pass',
    item: { runAgainAt: later, letsOthersPass: true },
    writes: {
      changed: [{ outOfOrderAt: now }],
      jobResults: [{ job, runAgainAt: later, releasesOrderingKey: true }],
    },
  },
  {
    when: 'a second retry that lets later jobs pass: the first time counts',
    item: { runAgainAt: later, letsOthersPass: true },
    locked: { outOfOrderAt: new Date(0) },
    writes: {
      changed: [{ outOfOrderAt: new Date(0) }],
      jobResults: [{ job, runAgainAt: later, releasesOrderingKey: true }],
    },
  },
  { when: 'a job that is done and would let others pass', item: { letsOthersPass: true }, writes: {} },
  {
    when: 'a job that must be done first',
    item: { prerequisiteJob, runAgainAt: later },
    writes: { newJobs: [prerequisiteJob], jobResults: [{ job, runAgainAt: later, releasesOrderingKey: false }] },
  },
];

test.each(rows)('decide: $when', ({ item, locked, receipts, writes }) => {
  const written = decide(
    { now, clock, reportDelay },
    [{ job, ...item }],
    locked === 'deleted' ? [] : [{ ...message, ...locked }],
    { externalIds: [], early: [], messageLevel: [], ...receipts },
  );
  expect(written).toMatchObject({ ...defaults, ...writes });
});

test('decide writes one job result a settlement, each address once with its newest contact, sorted', () => {
  const address = (name: string, contactId: string) => ({ locationId: 'l', address: name, contactId });
  const items: Settlement[] = [address('b', '1'), address('a', '2'), address('b', '3')].map((contactAddress, index) => ({
    job: { ...job, messageId: `m${index}` },
    contactAddress,
  }));
  const { contactAddresses, jobResults } = decide({ now, clock, reportDelay }, items, [], {
    externalIds: [],
    early: [],
    messageLevel: [],
  });
  expect(contactAddresses).toEqual([address('a', '2'), address('b', '3')]);
  expect(jobResults.map((result) => result.job.messageId)).toEqual(['m0', 'm1', 'm2']);
});

test('the statement that writes messages sets each column that can change, once, from a column of its own', () => {
  const toSnakeCase = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const assigned = [...updateMessagesCte.matchAll(/(\w+) = c\."?(\w+)"?/g)].map(([, column, name]) => [column, name]);
  expect(assigned.slice(0, -1).sort()).toEqual(mutableColumns.map((name) => [toSnakeCase(name), name]).sort());
  expect(assigned.at(-1)).toEqual(['id', 'id']);
  const recordset = /AS c \(([^)]*)\)/.exec(updateMessagesCte)?.[1] ?? '';
  const declared = recordset.split(',').map((column) => column.trim().split(' ')[0]?.replaceAll('"', ''));
  expect(declared.sort()).toEqual(['id', ...mutableColumns].sort());
});
