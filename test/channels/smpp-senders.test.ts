import { fromTyped } from '../../src/channels/smpp/addresses.ts';
import { openSmppSession } from '../../src/channels/smpp/session.ts';
import { normalizeAddress } from '../../src/core/address.ts';
import { startSmppWorld } from './smpp-world.ts';

test.each([0x0a, 0x48, 0x49])('status %i of a sender that the message has named is its own problem', async (code) => {
  await using world = await startSmppWorld({
    pickFault: ({ from }) => (from === 'NotApproved' ? { kind: 'status', status: code } : null),
  });
  const session = await world.open();
  expect(await session.send(world.createMessage({ from: 'NotApproved' }))).toMatchObject({
    kind: 'rejected',
    isAuthoritative: true,
  });
  expect(await session.send(world.createMessage())).toMatchObject({ kind: 'accepted' });
  await session.close();
  const verify = world.channel.setup?.verify(world.createContext()) as Promise<object>;
  expect(await world.world.settle(verify)).toMatchObject({ kind: 'verified' });
  const own = await world.open({ sourceAddress: 'NotApproved' });
  expect(await own.send(world.createMessage({ from: 'NotApproved' }))).toMatchObject({ kind: 'connection_error' });
  await own.close();
});

test.each([
  ['12025550143', '+12025550143'],
  ['+12025550143', '+12025550143'],
  ['0012025550143', '+12025550143'],
  ['07911123456', '+447911123456'],
  ['55123', '55123'],
])('a contact whom the carrier calls %s, an international number, is %s', (address, expected) => {
  expect(normalizeAddress(fromTyped({ ton: 1, npi: 1, address }), 'GB').address).toBe(expected);
});

test('a text that can be no sender is none', async () => {
  await using world = await startSmppWorld();
  const session = await world.open();
  for (const from of ['Maya from the front desk', 'x'.repeat(320), 'Ā', '0']) {
    expect(await session.send(world.createMessage({ from }))).toMatchObject({ kind: 'accepted' });
  }
  expect(new Set(world.smsc.state.messages.map(({ from }) => from))).toEqual(new Set(['12025550100']));
  await session.close();
});

test('a message that can’t be written is rejected, and keeps no place in the window', async () => {
  await using world = await startSmppWorld();
  const context = world.createContext({ window: 1 });
  // The form refuses it.
  const config = { ...context.connection.config, serviceType: 'x'.repeat(40) };
  const { send, close } = await openSmppSession({ ...context, connection: { ...context.connection, config } }, async () => {});
  for (let attempt = 0; attempt < 2; attempt++) {
    expect(await send?.(world.createMessage())).toMatchObject({ kind: 'rejected', code: 'unwritable' });
  }
  await close();
});
