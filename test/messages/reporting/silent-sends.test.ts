import { defineChannel } from '../../../src/channels/channel.ts';
import { createGatewayChannel } from '../../../src/channels/gateway/gateway.ts';
import { indexChannels } from '../../../src/channels/registry.ts';
import { startWorld } from '../../support/world.ts';

/** A channel whose first receipts come within two minutes, and that proposes its own rate and cap. */
async function start() {
  let verifications = 0;
  const gateway = createGatewayChannel({ allowPrivateTargets: true });
  const channel = defineChannel({
    ...gateway,
    capabilities: { ...gateway.capabilities, receiptWithinMs: 120_000 },
    defaultDelivery: { ratePerSecond: 0.5, concurrency: 1, dailyCap: 3 },
    setup: {
      async verify() {
        verifications += 1;
        return { kind: 'verified', account: 'Acme' };
      },
    },
  });
  const world = await startWorld({ channels: () => indexChannels([channel]) });
  world.vendor.respondWith(({ body }) => ({ body: { status: 'accepted', externalId: `v-${body.id}` } }));
  const place = await world.setUpLocation();
  const send = (text: string) => world.highlevel.sendMessage(place.id, { contactId: place.contact.id, text });
  const readMetric = async () => {
    const { text } = await world.client.get('/metrics');
    return Number(/patchbay_silent_sends_total\{channel="gateway"\} (\d+)/.exec(text)?.[1] ?? 0);
  };
  return { world, place, send, readMetric, countVerifications: () => verifications };
}

test('messages without a receipt for too long are counted once, and have their connection checked', async () => {
  const { world, place, send, readMetric, countVerifications } = await start();
  await using _ = world;
  const { messageId: silent } = await send('silent');
  const { messageId: heard } = await send('heard');
  await world.advanceUntil(async () => (await world.getMessage(heard)).reasonCode === 'awaiting_receipt');
  await world.advanceUntil(async () => (await world.getMessage(silent)).reasonCode === 'awaiting_receipt');
  const { externalId } = await world.getMessage(heard);
  await world.postChannelWebhook(place.connectionId, 'status', { externalId, status: 'delivered' }).expect(202);
  await world.services.watchSilence();
  expect(await readMetric()).toBe(0);
  const before = countVerifications();
  for (let minute = 0; minute < 5; minute++) {
    await world.clock.tick(61_000);
    await world.services.watchSilence();
  }
  expect(await readMetric()).toBe(1);
  await world.advanceUntil(() => countVerifications() > before);
});

test('the channel’s own rate and cap count where a connection sets none, and its settings come first', async () => {
  const { world, place, send } = await start();
  await using _ = world;
  const key = `sending/${place.id}/sms`;
  expect(await world.db.rateLimitRow.findUnique({ where: { key } })).toMatchObject({ intervalMs: 2_000, concurrency: 1 });
  const sent = [];
  for (const text of ['one', 'two', 'three', 'four']) sent.push((await send(text)).messageId);
  const last = sent.at(-1) as string;
  await world.advanceUntil(async () => (await world.db.rateLimitRow.findUnique({ where: { key } }))?.pauseCode === 'daily_cap');
  expect((await world.getMessage(last)).state).toBe('pending');
  await world.connect(place.id, 'sms', { ratePerSecond: 5, dailyCap: 100 });
  expect(await world.db.rateLimitRow.findUnique({ where: { key } })).toMatchObject({ intervalMs: 200, concurrency: 1 });
  await world.advanceUntil(async () => (await world.getMessage(last)).reasonCode === 'awaiting_receipt');
});
