import type { ReceiptContent } from '../../../src/channels/channel.ts';
import { indexChannels } from '../../../src/channels/registry.ts';
import { runCleanup } from '../../../src/worker/cleanup.ts';
import { createNonIdempotentChannel } from '../../support/non-idempotent-channel.ts';
import { startWorld, type World } from '../../support/world.ts';

/** Vendors that send very many receipts. */

const sayAll = async (world: World, connectionId: string, receipts: ReceiptContent[]) => {
  for (let n = 0; n < receipts.length; n += 1_000) {
    await Promise.all(receipts.slice(n, n + 1_000).map((one) => world.services.recordReceipt({ id: connectionId }, one)));
  }
};

const many = (count: number, of: (n: number) => ReceiptContent) => Array.from({ length: count }, (_, n) => of(n));

async function awaiting(world: World) {
  const location = await world.setUpLocation();
  world.vendor.respondWith({ body: { externalId: 'x', status: 'accepted' } });
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.waitFor(async () => (await world.getMessage(messageId)).reasonCode === 'awaiting_receipt');
  const { connectionId, companyId } = location;
  return { connectionId, companyId, locationId: location.id, id: (await world.getMessage(messageId)).id };
}

test('a bounded number of the different receipts of one message is stored, and the newest still counts', async () => {
  await using world = await startWorld();
  const { connectionId, id } = await awaiting(world);
  const failures = many(3_000, (n) => ({ externalId: 'x', state: 'failed', error: { code: '1', message: `reason ${n}` } }));
  await sayAll(world, connectionId, failures);
  await sayAll(world, connectionId, [{ externalId: 'x', state: 'delivered' }]);
  expect(await world.db.message.findUnique({ where: { id } })).toMatchObject({ state: 'delivered' });
  const rows = await world.db.receipt.findMany({ where: { messageId: id }, select: { repeatCount: true } });
  expect(rows.length).toBeLessThanOrEqual(1_200);
  expect(rows.reduce((sum, { repeatCount: repeats }) => sum + 1 + repeats, 0)).toBe(3_001);
});

test('twenty thousand repeats of one receipt are one row, and the message’s page stays short', async () => {
  await using world = await startWorld();
  const { connectionId, companyId, locationId, id } = await awaiting(world);
  await sayAll(
    world,
    connectionId,
    many(20_000, () => ({ messageId: id, state: 'delivered' })),
  );
  expect(await world.db.receipt.findMany({ where: { messageId: id } })).toMatchObject([{ repeatCount: 19_999 }]);
  const token = await world.createUserToken({ companyId, activeLocation: locationId, role: 'admin' });
  const page = await world.client.get(`/embed/pages/messages/${id}`).set('authorization', `Bearer ${token}`).expect(200);
  expect(page.text.length).toBeLessThan(30_000);
});

test('of receipts that match no message the newest of each connection stay stored', async () => {
  await using world = await startWorld({ isIdle: true });
  const [mine, other] = [await world.setUpLocation(), await world.setUpLocation()];
  const named = (n: number): ReceiptContent => ({ externalId: `strange-${n}`, state: 'delivered' });
  await sayAll(world, other.connectionId, many(10, named));
  await sayAll(world, mine.connectionId, many(16_000, named));
  const countReceipts = ({ connectionId }: { connectionId: string }) => world.db.receipt.count({ where: { connectionId } });
  expect(await countReceipts(mine)).toBeLessThanOrEqual(15_000);
  await runCleanup(world.services);
  expect(await countReceipts(mine)).toBe(10_000);
  expect(await countReceipts(other)).toBe(10);
  expect(await world.db.receipt.count({ where: { externalId: 'strange-15999' } })).toBe(1);
  world.clock.jump(25 * 60 * 60 * 1_000);
  await runCleanup(world.services);
  expect(await world.db.receipt.count()).toBe(0);
});

test('an id of any length that a channel gives names its message in a receipt', async () => {
  const externalId = Array.from({ length: 2_000 }, (_, n) => (n * 7_919 ** 2).toString(36)).join('');
  const channel = createNonIdempotentChannel(async () => ({ kind: 'accepted', externalIds: [externalId] }));
  await using world = await startWorld({
    channels: () => indexChannels([{ ...channel, capabilities: { ...channel.capabilities, receipts: true } }]),
  });
  const location = await world.install();
  const { body } = await world.api.put(`/locations/${location.id}/channels/sms`, { type: 'non_idempotent' }).expect(200);
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.waitFor(async () => (await world.getMessage(messageId)).reasonCode === 'awaiting_receipt');
  await world.services.recordReceipt({ id: body.connectionId }, { externalId, state: 'delivered' });
  await world.services.recordReceipt({ id: body.connectionId }, { externalId: `${externalId}.`, state: 'failed' });
  expect(await world.getMessage(messageId)).toMatchObject({ state: 'delivered' });
});
