import pg from 'pg';
import { openDatabase } from '../../src/database/client.ts';
import { createAdministeredDatabase } from '../support/database-admin.ts';
import { startWorld } from '../support/world.ts';

const messages = 200;

test('with four connections of eleven, every webhook is acknowledged and every message is reported', async () => {
  await using admin = await createAdministeredDatabase();
  const url = await admin.addRole(4);
  await using world = await startWorld({ services: { database: { kind: 'postgres', url } } });
  const location = await world.setUpLocation();
  const contacts = Array.from({ length: messages }, (_, index) =>
    world.highlevel.addContact(location.id, { phone: `+1202555${4000 + index}` }),
  );
  const sent = await Promise.all(
    contacts.map((contact) => world.highlevel.sendMessage(location.id, { contactId: contact.id, text: 'hi' })),
  );
  expect(sent.filter(({ httpStatus }) => httpStatus >= 300)).toEqual([]);
  await world.advanceUntil(
    () => sent.every(({ messageId }) => world.highlevel.listStatuses(messageId).length > 0),
    'all reported',
  );
  expect(world.vendor.requests).toHaveLength(messages);
});

test('where other sessions hold every connection, statements wait for one and LISTEN comes later', async () => {
  await using admin = await createAdministeredDatabase();
  const url = await admin.addRole(2);
  const db = await openDatabase({ kind: 'postgres', url });
  await db.client.worker.count();
  const other = new pg.Client({ connectionString: url });
  await other.connect();
  // One connection is the pool's, one the other session's: LISTEN gets no connection, nor does a second statement at once.
  const received: (string | null)[] = [];
  const stop = await db.listen('observations', (payload) => received.push(payload));
  expect(await Promise.all(Array.from({ length: 30 }, () => db.client.worker.count()))).toEqual(Array(30).fill(0));
  const inTransactions = Array.from({ length: 10 }, () => db.transaction((tx) => tx.worker.count()));
  expect(await Promise.all(inTransactions)).toEqual(Array(10).fill(0));
  expect(received).toEqual([]);

  await other.end();
  while (received.length === 0) await new Promise((done) => setTimeout(done, 50));
  await db.client.$queryRaw`SELECT pg_notify('observations', 'hello')::text`;
  while (received.length === 1) await new Promise((done) => setTimeout(done, 50));
  expect(received).toEqual([null, 'hello']);
  await stop();
  await db.close();
});
