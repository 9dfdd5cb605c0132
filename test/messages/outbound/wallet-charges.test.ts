import fc from 'fast-check';
import { treatRestore } from '../../../src/compose/restore.ts';
import { markRestored } from '../../../src/database/identity.ts';
import { allScopes } from '../../../src/highlevel/operations.ts';
import { chargeSend } from '../../../src/messages/billing/charge-send.ts';
import { startWorld, type World } from '../../support/world.ts';

const billed = { scopes: allScopes, services: { walletMeterId: 'meter-1' } };
const minuteMs = 60_000;
const listCharges = (world: World, messageId?: string) =>
  world.highlevel.world.charges.filter(({ eventId }) => messageId === undefined || eventId.startsWith(messageId));

async function send(world: World, location: { id: string; contact: { id: string } }, text = 'x') {
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text });
  return { messageId, id: (await world.getMessage(messageId)).id };
}

test('each message is charged once before it is sent, a failed one is refunded, and one that is sent again is charged again', async () => {
  await using world = await startWorld(billed);
  const location = await world.setUpLocation();
  world.vendor.respondWith({ body: { status: 'delivered' } });
  const sent = await send(world, location);
  await world.advanceUntilReported(sent.messageId);
  expect(listCharges(world)).toMatchObject([{ eventId: sent.id, meterId: 'meter-1', refunded: false }]);

  world.vendor.respondWith({ status: 422, body: { error: { code: '30003', message: 'off' } } });
  const failed = await send(world, location);
  await world.advanceUntilReported(failed.messageId);
  world.highlevel.faults.add({ operation: 'deleteCharge', times: 1, effect: { cut: 'after_handling' } });
  world.clock.jump(11 * minuteMs);
  await world.advanceUntil(
    async () => {
      await world.services.refundFailedMessages();
      return (await world.db.walletChargeRow.count({ where: { status: 'refunded' } })) === 1;
    },
    'it is refunded',
    10_000,
  );
  expect(listCharges(world).map(({ refunded }) => refunded)).toEqual([false, true]);

  world.vendor.respondWith({ body: { status: 'delivered' } });
  await world.api.post(`/messages/${failed.id}/retry`, {}).expect(202);
  await world.advanceUntil(async () => (await world.getMessage(failed.messageId)).state === 'delivered');
  expect(listCharges(world, failed.id)).toMatchObject([{ refunded: true }, { eventId: `${failed.id}-1`, refunded: false }]);

  // Without funds, and where the charge is refused, it fails with the reason and nothing is sent.
  const requests = world.vendor.requests.length;
  world.highlevel.faults.add({ operation: 'createCharge', times: 1, effect: { status: 400, body: { message: 'daily cap' } } });
  const refused = await send(world, location);
  await world.advanceUntilReported(refused.messageId);
  world.highlevel.behaviour.hasFunds = false;
  world.clock.jump(2 * minuteMs);
  const poor = await send(world, location);
  await world.advanceUntilReported(poor.messageId);
  expect(await world.getMessage(refused.messageId)).toMatchObject({ state: 'failed', reasonCode: 'charge_refused' });
  expect((await world.getMessage(refused.messageId)).reason).toContain('daily cap');
  expect(await world.getMessage(poor.messageId)).toMatchObject({ state: 'failed', reasonCode: 'no_funds' });
  expect(world.vendor.requests).toHaveLength(requests);
  expect(await world.db.walletChargeRow.count()).toBe(2);
});

test.each([
  ['stands, and the message is sent again under it', false, 400],
  ['was refunded by a person is charged again with the message', true, 400],
  ['stands while HighLevel’s refund fails for days, and the message is sent again under it', false, 500],
])('a charge whose refund HighLevel keeps refusing and that %s', async (_what, isRefunded, status) => {
  await using world = await startWorld(billed);
  const location = await world.setUpLocation();
  world.vendor.respondWith({ status: 422, body: { error: { code: '30003', message: 'off' } } });
  const failed = await send(world, location);
  await world.advanceUntilReported(failed.messageId);
  const startedAt = world.clock.now();
  world.highlevel.faults.add({ operation: 'deleteCharge', times: 1_000, effect: { status, body: { message: 'not now' } } });
  for (const charge of listCharges(world)) charge.refunded = isRefunded;
  world.clock.jump(11 * minuteMs);
  world.vendor.respondWith({ body: { status: 'delivered' } });
  await world.services.refundFailedMessages();
  await world.api.post(`/messages/${failed.id}/retry`, {}).expect(202);
  await world.advanceUntil(
    async () => {
      await world.services.refundFailedMessages();
      return (await world.getMessage(failed.messageId)).state === 'delivered';
    },
    'it is sent',
    status === 400 ? minuteMs : 60 * minuteMs,
  );
  const calls = world.highlevel.calls.listByOperation('deleteCharge');
  if (status === 400) expect(calls.length).toBe(isRefunded ? 9 : 10);
  else expect(world.clock.now()).toBeGreaterThan(startedAt + 3 * 24 * 60 * minuteMs);
  expect(listCharges(world).map(({ refunded }) => refunded)).toEqual(isRefunded ? [true, false] : [false]);
});

test('whatever fails and wherever the program stops, a message is never charged twice, and is sent only when charged', async () => {
  await using world = await startWorld({ ...billed, isIdle: true });
  const location = await world.setUpLocation();
  const effects = [
    { status: 500 },
    { status: 429 },
    { cut: 'before_handling' },
    { cut: 'after_handling' },
    'crash_before_note',
    'none',
  ] as const;
  const deps = world.services.billing;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(...effects), { maxLength: 4 }), async (faults) => {
      const { id } = await send(world, location);
      const message = await world.services.findMessage(id);
      if (!message) throw new Error('It is stored.');
      let isCharged = false;
      for (const fault of [...faults, 'none' as const, 'none' as const, 'none' as const]) {
        world.highlevel.faults.clear();
        if (typeof fault === 'object') world.highlevel.faults.add({ operation: 'createCharge', times: 1, effect: fault });
        const highLevel: typeof deps.highLevel = async (call) => {
          const response = await deps.highLevel(call);
          if (fault === 'crash_before_note' && call.operation === 'createCharge') throw new Error('The process stops here.');
          return response;
        };
        const decision = await chargeSend({ ...deps, highLevel }, message).catch(() => 'crashed');
        isCharged = decision === null;
        const charges = listCharges(world, id);
        expect(charges.length).toBeLessThanOrEqual(1);
        if (isCharged) expect(charges).toHaveLength(1);
        // Longer than the pause of the location after an outage.
        world.clock.jump(10 * minuteMs);
      }
      expect(isCharged).toBe(true);
    }),
    { numRuns: 15, endOnFailure: true },
  );
});

test('a message that may be the echo of a reply which is being posted is charged only once it is known to be none', async () => {
  await using world = await startWorld(billed);
  const location = await world.setUpLocation();
  world.vendor.respondWith({ body: { status: 'delivered' } });
  const posted = Promise.withResolvers<void>();
  world.highlevel.faults.add({ operation: 'addInboundMessage', times: 1, effect: { until: posted.promise } });
  const reply = { externalId: 'in-1', from: location.contact.phone, text: 'x' };
  await world.postChannelWebhook(location.connectionId, 'inbound', reply).expect(202);
  await world.advanceUntil(async () => (await world.db.message.count({ where: { postStartedAt: { not: null } } })) === 1);
  const { messageId } = await send(world, location);
  await world.advanceUntil(async () => (await world.getMessage(messageId)).reasonCode === 'inbound_in_progress');
  expect(listCharges(world)).toEqual([]);
  posted.resolve();
  await world.advanceUntilReported(messageId);
  expect(listCharges(world)).toHaveLength(1);
});

test('a message that was charged after the backup which is restored is not charged again, and one that was not is charged once', async () => {
  await using world = await startWorld(billed);
  const location = await world.setUpLocation();
  world.vendor.respondWith({ status: 422, body: { error: { code: '30003', message: 'off' } } });
  const refunded = await send(world, location);
  await world.advanceUntilReported(refunded.messageId);
  world.clock.jump(11 * minuteMs);
  await world.services.refundFailedMessages();
  // The backup has its refund, and that it is to be sent again.
  const before = await world.db.walletChargeRow.findUniqueOrThrow({ where: { messageId: refunded.id } });
  world.vendor.respondWith({ status: 503 });
  await world.api.post(`/messages/${refunded.id}/retry`, {}).expect(202);
  const toOther = (phone: string) =>
    send(world, { id: location.id, contact: world.highlevel.addContact(location.id, { phone }) });
  const [charged, uncharged] = [await toOther('+12025550144'), await toOther('+12025550155')];
  const all = [refunded, charged, uncharged];
  const isTried = async ({ messageId }: { messageId: string }) => (await world.getMessage(messageId)).reasonCode === 'http_503';
  await world.advanceUntil(async () => (await Promise.all(all.map(isTried))).every(Boolean));
  await world.db.walletChargeRow.deleteMany();
  await world.db.walletChargeRow.create({ data: before });
  world.highlevel.world.charges = world.highlevel.world.charges.filter(({ eventId }) => eventId !== uncharged.id);

  await markRestored(world.db, new Date(world.clock.now()));
  await treatRestore(world.services, { walletMeterId: 'meter-1' });
  world.vendor.respondWith({ body: { status: 'delivered' } });
  for (const { messageId } of all) {
    await world.advanceUntil(async () => (await world.getMessage(messageId)).state === 'delivered', 'it is sent', minuteMs);
  }
  const ids = listCharges(world).map(({ eventId }) => eventId);
  expect(ids.toSorted()).toEqual([refunded.id, `${refunded.id}-1`, charged.id, uncharged.id].toSorted());
});

test('without the setting no call is made', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.vendor.respondWith({ body: { status: 'delivered' } });
  await world.advanceUntilReported((await send(world, location)).messageId);
  expect(world.highlevel.calls.all.filter(({ path }) => path.includes('billing'))).toEqual([]);
});
