import { openDatabase } from '../../src/database/client.ts';
import { recordset, toRecordsetJson } from '../../src/database/recordset.ts';
import { createTestDatabase } from '../support/databases.ts';

const columns = {
  id: 'uuid',
  groupKey: 'text',
  order: 'int',
  isHead: 'boolean',
  dueAt: 'timestamptz',
  tags: 'text[]',
  payload: 'jsonb',
  state: 'message_state',
} as const;

const row = {
  id: '01a00000-0000-7000-8000-000000000001',
  groupKey: `it's "a" group`,
  order: 3,
  isHead: true,
  dueAt: new Date('2026-11-27T10:00:00.123Z'),
  tags: ['a', 'b'],
  payload: { nested: [1] },
  state: 'failed',
};

test('quotes each column name, so that camel case and reserved words stay', () => {
  expect(recordset('$2', { id: 'uuid', groupKey: 'text', order: 'int' }, 'job')).toBe(
    'json_to_recordset($2::json) AS job ("id" uuid, "groupKey" text, "order" int)',
  );
});

test('rows that go in as JSON come out of a statement with the types of their columns', async () => {
  const { target, remove } = await createTestDatabase();
  const db = await openDatabase(target);
  const empty = {
    id: row.id,
    groupKey: null,
    order: null,
    isHead: null,
    dueAt: undefined,
    tags: null,
    payload: null,
    state: null,
  };
  const rows = await db.client.$queryRawUnsafe(
    `SELECT * FROM ${recordset('$1', columns)}`,
    toRecordsetJson(columns, [row, empty]),
  );
  await db.close();
  await remove();
  expect(rows).toEqual([row, { ...empty, dueAt: null }]);
});

test('a row with a missing, an unknown or a wrongly typed field does not compile', () => {
  const only = { id: 'uuid', order: 'int' } as const;
  // @ts-expect-error the row has no order
  toRecordsetJson(only, [{ id: row.id }]);
  // @ts-expect-error the map has no such column
  toRecordsetJson(only, [{ id: row.id, order: 1, priority: 2 }]);
  // @ts-expect-error an int takes no text
  toRecordsetJson(only, [{ id: row.id, order: '1' }]);
  expect(toRecordsetJson(only, [{ id: row.id, order: 1 }])).toBe(`[{"id":"${row.id}","order":1}]`);
});
