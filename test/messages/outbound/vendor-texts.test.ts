import type { SendOutcome } from '../../../src/channels/channel.ts';
import { indexChannels } from '../../../src/channels/registry.ts';
import { createNonIdempotentChannel } from '../../support/non-idempotent-channel.ts';
import { startWorld, type World } from '../../support/world.ts';

const text = (world: World, location: { id: string; contact: { id: string } }) =>
  world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });

/** A character of two code units at the position where texts are truncated. */
const cutInTwo = `${'x'.repeat(499)}😀`;
const withNul = 'no\u0000thing';

test.each([
  ['truncated within a character', cutInTwo],
  ['with a NUL', withNul],
])('any text of a vendor’s response can be stored: %s', async (_, words) => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.vendor.respondWith({ status: 400, body: { error: { code: words, message: words } } });
  const refused = await text(world, location);
  await world.advanceUntilReported(refused.messageId);
  expect(world.highlevel.listStatuses(refused.messageId)).toEqual(['failed']);
  expect((await world.getMessage(refused.messageId)).reason).toMatch(/^(x{499}\ufffd…|nothing)$/);

  world.vendor.respondWith({ body: { status: 'accepted' } });
  const accepted = await text(world, location);
  await world.advanceUntil(async () => (await world.getMessage(accepted.messageId)).reasonCode === 'awaiting_receipt');
  const { id } = await world.getMessage(accepted.messageId);
  const failed = { id, status: 'failed', error: { code: words, message: words } };
  await world.postChannelWebhook(location.connectionId, 'status', failed).expect(202);
  await world.advanceUntilReported(accepted.messageId);
  expect(world.highlevel.listStatuses(accepted.messageId)).toEqual(['failed']);
  expect(world.vendor.requests).toHaveLength(2);
});

test('a response that still can’t be stored does not cause a second send', async () => {
  let sends = 0;
  const send = async (): Promise<SendOutcome> => {
    sends += 1;
    // Longer than an index entry allows, and incompressible.
    return {
      kind: 'delivered',
      externalIds: [Array.from({ length: 2_000 }, (_, i) => (i * 7_919 ** 2).toString(36)).join('')],
    };
  };
  await using world = await startWorld({ channels: () => indexChannels([createNonIdempotentChannel(send)]) });
  const location = await world.install();
  await world.api.put(`/locations/${location.id}/channels/sms`, { type: 'non_idempotent' }).expect(200);
  const { messageId } = await text(world, location);
  await world.advanceUntilReported(messageId);
  await world.advance(600_000, 60_000);
  expect(sends).toBe(1);
  expect(world.highlevel.listStatuses(messageId)).toEqual(['delivered']);
  expect(await world.db.attempt.findFirst()).toMatchObject({ outcome: 'delivered', code: null });
});
