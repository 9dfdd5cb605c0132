import type { Connection } from '../../src/connections/connection.ts';
import { type ChooseDeps, chooseConnection } from '../../src/messages/routing/choose-connection.ts';

const ref = { locationId: 'location', providerKey: 'sms' };
const row = { ...ref, id: '01890000-0000-7000-8000-000000000000', hasOwnGroup: false };
const message = { ...ref, connectionId: null } as Parameters<typeof chooseConnection>[1];

/** Fails each access to a dependency that the test does not give: a database, a setup, a contact. */
function onlyWith(given: Partial<ChooseDeps>): ChooseDeps {
  return new Proxy(given, {
    get(target, name) {
      if (name in target) return target[name as keyof ChooseDeps];
      throw new Error(`It used ${String(name)}.`);
    },
  }) as ChooseDeps;
}

test('the only connection of a provider without rules is loaded by one call, and nothing else is asked', async () => {
  let loads = 0;
  const deps = onlyWith({
    async loadConnections() {
      loads += 1;
      return [row] as never;
    },
    decryptConnection: (found) => found as unknown as Connection,
  });
  expect(await chooseConnection(deps, message, 'sending/location/sms')).toEqual({ connection: row, sender: null });
  expect(loads).toBe(1);
});

test.each([
  ['a second connection', [row, { ...row, id: '01890000-0000-7000-8000-000000000001' }], 'sending/location/sms'],
  ['rules', [{ ...row, hasOwnGroup: true }], 'sending/location/sms'],
  ['a job in another group', [row], `sending/location/sms/${row.id}`],
])('with %s, the setup is asked', async (_name, rows, groupKey) => {
  const deps = onlyWith({
    loadConnections: async () => rows as never,
    decryptConnection: (found) => found as unknown as Connection,
  });
  await expect(chooseConnection(deps, message, groupKey)).rejects.toThrow('It used loadSetup.');
});
