import type { ChannelEvent, SendOutcome } from '../../../src/channels/channel.ts';
import { indexChannels } from '../../../src/channels/registry.ts';
import { createScriptedChannel } from '../../support/scripted-channel.ts';
import { startWorld, type World } from '../../support/world.ts';

const lost: SendOutcome = { kind: 'unknown', code: 'no_response', message: 'No response in time.' };

async function start(config: Record<string, unknown> = {}) {
  const { channel, script } = createScriptedChannel();
  const world = await startWorld({ channels: () => indexChannels([channel]) });
  const location = await world.install();
  const { body } = await world.api.put(`/locations/${location.id}/channels/sms`, { type: 'scripted', config }).expect(200);
  const post = (events: ChannelEvent[]) => world.client.post(`/channels/${body.connectionId}/events`).send(events).expect(200);
  const text = async () => {
    const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
    await world.waitFor(async () => (await world.db.attempt.count({ where: { endedAt: { not: null } } })) > 0);
    return { messageId, ...(await world.getMessage(messageId)) };
  };
  return { world, script, post, text };
}

const isHeld = async (world: World, messageId: string) => (await world.getMessage(messageId)).heldForReviewAt !== null;

test('a send whose response was lost is looked up until the vendor lists it, and is not sent again', async () => {
  const { world, script, post, text } = await start();
  await using _ = world;
  script.send = async () => lost;
  const { id, messageId } = await text();
  await world.waitFor(async () => (await world.getMessage(messageId)).reasonCode === 'confirming_send');
  await world.advanceUntil(() => script.lookUps.length === 1);
  script.lookUp = () => ({ kind: 'accepted', externalIds: ['vendor-9'] });
  await world.advanceUntil(async () => (await world.getMessage(messageId)).reasonCode === 'awaiting_receipt');
  await post([{ kind: 'receipt', receipt: { externalId: 'vendor-9', state: 'delivered' } }]);
  await world.advanceUntilReported(messageId);
  expect(script.sends).toHaveLength(1);
  expect(world.highlevel.listStatuses(messageId)).toEqual(['delivered']);
  expect(await world.db.attempt.findMany({ where: { messageId: id } })).toMatchObject([{ outcome: 'accepted' }]);
});

test('an equal message just before it is not taken for a send whose request was lost', async () => {
  const { world, script, text } = await start();
  await using _ = world;
  await text();
  script.send = async () => lost;
  const ids = ['vendor-1', 'vendor-2'];
  script.lookUp = async (_message, isOfAnother) => {
    const known = await Promise.all(ids.map((id) => isOfAnother?.(id)));
    const own = ids.filter((_id, index) => known[index] === false);
    return own.length > 0 ? { kind: 'accepted', externalIds: own } : null;
  };
  const { messageId } = await text();
  await world.advanceUntil(async () => (await world.getMessage(messageId)).reasonCode === 'awaiting_receipt');
  expect(await world.getMessage(messageId)).toMatchObject({ externalId: 'vendor-2' });
  expect(script.sends).toHaveLength(2);
});

test('a send that the vendor never lists is held for review after ten minutes, with the reason of the doubt', async () => {
  const { world, script, text } = await start();
  await using _ = world;
  script.send = async () => lost;
  const { messageId } = await text();
  await world.advance(9 * 60_000, 30_000);
  expect(await isHeld(world, messageId)).toBe(false);
  await world.advanceUntil(() => isHeld(world, messageId), 'held', 30_000);
  expect(await world.getMessage(messageId)).toMatchObject({ state: 'pending', reasonCode: 'no_response' });
  expect(script.lookUps.length).toBeGreaterThan(3);
  expect(script.sends).toHaveLength(1);
});

test('where the policy says so, a send that the vendor does not list is sent again, but only then', async () => {
  const { world, script, text } = await start({ whenUnknown: 'resend' });
  await using _ = world;
  script.send = async () => (script.sends.length === 1 ? lost : { kind: 'delivered', externalIds: ['vendor-2'] });
  const { messageId } = await text();
  await world.advance(9 * 60_000, 30_000);
  expect(script.sends).toHaveLength(1);
  await world.advanceUntilReported(messageId);
  expect(script.sends).toHaveLength(2);
  expect(world.highlevel.listStatuses(messageId)).toEqual(['delivered']);
});

test.each(['before it is held for review', 'when it is held for review'])(
  'a receipt that names our id proves a send of unknown outcome, %s',
  async (when) => {
    const { world, script, post, text } = await start();
    await using _ = world;
    script.send = async ({ acceptedParts }) =>
      script.sends.length === 1 ? lost : { kind: 'accepted', externalIds: acceptedParts };
    const { id, messageId } = await text();
    if (when.startsWith('when')) await world.advanceUntil(() => isHeld(world, messageId), 'held', 30_000);
    await post([{ kind: 'receipt', receipt: { messageId: id, externalId: 'vendor-7', state: 'accepted' } }]);
    await world.advanceUntil(async () => (await world.getMessage(messageId)).reasonCode === 'awaiting_receipt');
    expect(script.sends.at(-1)?.acceptedParts).toEqual(['vendor-7']);
    expect(await world.getMessage(messageId)).toMatchObject({ heldForReviewAt: null, externalId: 'vendor-7' });
    await post([{ kind: 'receipt', receipt: { externalId: 'vendor-7', state: 'delivered' } }]);
    await world.advanceUntilReported(messageId);
    expect(world.highlevel.listStatuses(messageId)).toEqual(['delivered']);
  },
);

test('a message in three parts that broke off continues after the parts that were sent, and is delivered when all are', async () => {
  const { world, script, post, text } = await start();
  await using _ = world;
  script.send = async () => {
    if (script.sends.length === 1) return { kind: 'unavailable', code: 'busy', message: 'Busy.', acceptedParts: ['p1'] };
    if (script.sends.length === 2) return { ...lost, acceptedParts: ['p1'] };
    return { kind: 'accepted', externalIds: ['p1', 'p2', 'p3'] };
  };
  const { id, messageId } = await text();
  await post([
    { kind: 'receipt', receipt: { messageId: id, externalId: 'p1', part: { index: 0, count: 3 }, state: 'delivered' } },
  ]);
  await world.advanceUntil(() => script.sends.length === 2);
  expect(script.sends[1]?.acceptedParts).toEqual(['p1']);
  await world.waitFor(async () => (await world.getMessage(messageId)).reasonCode === 'confirming_send');
  await post([
    { kind: 'receipt', receipt: { messageId: id, externalId: 'p2', part: { index: 1, count: 3 }, state: 'accepted' } },
  ]);
  await world.advanceUntil(() => script.sends.length === 3);
  expect(script.sends[2]?.acceptedParts).toEqual(['p1', 'p2']);
  await world.waitFor(async () => (await world.getMessage(messageId)).reasonCode === 'awaiting_receipt');
  // The vendor's ids alone name the parts, too.
  await post([{ kind: 'receipt', receipt: { externalId: 'p3', state: 'delivered' } }]);
  expect(await world.getMessage(messageId)).toMatchObject({ state: 'pending' });
  await post([{ kind: 'receipt', receipt: { externalId: 'p2', state: 'read' } }]);
  expect(await world.getMessage(messageId)).toMatchObject({ state: 'delivered' });
  await post([{ kind: 'receipt', receipt: { externalId: 'p3', state: 'read' } }]);
  await world.advanceUntil(() => world.highlevel.listStatuses(messageId).includes('read'));
});

test('receipts of all parts that come before the response to the send count when it names them', async () => {
  const { world, script, post } = await start();
  await using _ = world;
  const [locationId] = (await world.db.installation.findMany()).map(({ resourceId }) => resourceId);
  const contact = Object.values(world.highlevel.state.contacts)[0];
  script.send = async () => {
    for (const externalId of ['p1', 'p2']) await post([{ kind: 'receipt', receipt: { externalId, state: 'delivered' } }]);
    return { kind: 'accepted', externalIds: ['p1', 'p2'] };
  };
  const { messageId } = await world.highlevel.sendMessage(locationId ?? '', { contactId: contact?.id ?? '', text: 'hi' });
  await world.advanceUntilReported(messageId);
  expect(world.highlevel.listStatuses(messageId)).toEqual(['delivered']);
});

test('a failed part fails the message, and the reason names it', async () => {
  const { world, script, post, text } = await start();
  await using _ = world;
  script.send = async () => ({ kind: 'accepted', externalIds: ['p1', 'p2'] });
  const { messageId } = await text();
  await post([
    { kind: 'receipt', receipt: { externalId: 'p1', state: 'delivered' } },
    { kind: 'receipt', receipt: { externalId: 'p2', state: 'failed', error: { code: '131053', message: 'Too large.' } } },
  ]);
  expect(await world.getMessage(messageId)).toMatchObject({
    state: 'failed',
    reasonCode: '131053',
    reason: 'Part 2 of 2: Too large.',
  });
});

test('a message that the vendor accepted and never reported is looked up after an hour', async () => {
  const { world, text } = await start();
  await using _ = world;
  const { messageId } = await text();
  await world.waitFor(async () => (await world.getMessage(messageId)).reasonCode === 'awaiting_receipt');
  await world.services.pollReceipts();
  expect(await world.getMessage(messageId)).toMatchObject({ state: 'pending' });
  await world.advance(61 * 60_000, 20 * 60_000);
  await world.services.pollReceipts();
  await world.advanceUntilReported(messageId);
  expect(world.highlevel.listStatuses(messageId)).toEqual(['delivered']);
});

test('a failure that the vendor reports late, of a send before a person had it sent again, does not fail the new one', async () => {
  const { world, script, post, text } = await start();
  await using _ = world;
  script.send = async () => ({ kind: 'accepted', externalIds: [`vendor-${script.sends.length}`] });
  const { id, messageId } = await text();
  const fail = (externalId: string) =>
    post([
      {
        kind: 'receipt',
        receipt: { messageId: id, externalId, state: 'failed', error: { code: '30003', message: 'Unreachable.' } },
      },
    ]);
  await fail('vendor-1');
  expect(await world.getMessage(messageId)).toMatchObject({ state: 'failed' });
  await world.advance(1_000);
  await world.api.post(`/messages/${id}/retry`).expect(202);
  await world.advanceUntil(async () => (await world.getMessage(messageId)).externalId === 'vendor-2');
  await world.advance(1_000);
  await fail('vendor-1');
  expect(await world.getMessage(messageId)).toMatchObject({ state: 'pending', reasonCode: 'awaiting_receipt' });
  await fail('vendor-2');
  expect(await world.getMessage(messageId)).toMatchObject({ state: 'failed' });
});
