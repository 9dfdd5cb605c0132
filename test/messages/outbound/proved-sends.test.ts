import type { ChannelEvent, SendOutcome } from '../../../src/channels/channel.ts';
import { indexChannels } from '../../../src/channels/registry.ts';
import { createAttemptStarter } from '../../../src/messages/outbound/attempts.ts';
import { createHookedDatabase } from '../../support/hooked-database.ts';
import { createScriptedChannel } from '../../support/scripted-channel.ts';
import { startWorld, type World } from '../../support/world.ts';

const lost: SendOutcome = { kind: 'unknown', code: 'no_response', message: 'No response in time.' };

async function start(config: Record<string, unknown> = {}) {
  const { channel, script } = createScriptedChannel();
  const world = await startWorld({ channels: () => indexChannels([channel]) });
  const location = await world.install();
  const { body } = await world.api.put(`/locations/${location.id}/channels/sms`, { type: 'scripted', config }).expect(200);
  const connectionId: string = body.connectionId;
  const post = (events: ChannelEvent[]) => world.client.post(`/channels/${connectionId}/events`).send(events).expect(200);
  const prove = (messageId: string, externalId: string, index = 0) =>
    post([{ kind: 'receipt', receipt: { messageId, externalId, part: { index, count: 2 }, state: 'accepted' } }]);
  const send = async () =>
    (await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' })).messageId;
  const isAwaitingReceipt = async (messageId: string) => (await world.getMessage(messageId)).reasonCode === 'awaiting_receipt';
  /** A vendor that takes both parts, or the second one where it has the first. */
  const acceptRest = async () => ({ kind: 'accepted', externalIds: ['p1', 'p2'] }) as const;
  return { world, script, connectionId, prove, send, isAwaitingReceipt, acceptRest };
}

const isHeld = async (world: World, messageId: string) => (await world.getMessage(messageId)).heldForReviewAt !== null;

test('a receipt of a part that the vendor is known to have proves nothing about the part whose response was lost', async () => {
  const { world, script, prove, send } = await start();
  await using _ = world;
  script.send = async () => ({ ...lost, acceptedParts: ['p1'] });
  const messageId = await send();
  await world.waitFor(async () => (await world.getMessage(messageId)).reasonCode === 'confirming_send');
  const { id } = await world.getMessage(messageId);
  await prove(id, 'p1');
  // A vendor that gives a part another id in its receipts.
  await prove(id, 'p1-of-the-carrier');
  await world.advanceUntil(() => isHeld(world, messageId), 'held', 30_000);
  await prove(id, 'p1');
  await world.advance(60_000, 5_000);
  expect(await isHeld(world, messageId)).toBe(true);
  expect(script.sends).toHaveLength(1);
});

test.each(['its response is lost', 'its process stops'])(
  'a receipt that comes while the attempt runs proves it, where then %s',
  async (what) => {
    const { world, script, prove, send, isAwaitingReceipt, acceptRest } = await start();
    await using _ = world;
    script.send = async ({ id }) => {
      if (script.sends.length > 1) return acceptRest();
      await prove(id, 'p1');
      if (what === 'its process stops') throw new Error('killed');
      return lost;
    };
    const messageId = await send();
    await world.advanceUntil(() => isAwaitingReceipt(messageId));
    expect(script.sends.map(({ acceptedParts }) => acceptedParts)).toEqual([[], ['p1']]);
    expect(script.lookUps).toEqual([]);
    const attempts = await world.db.attempt.findMany({ orderBy: { startedAt: 'asc' } });
    expect(attempts.map(({ outcome }) => outcome)).toEqual(['accepted', 'accepted']);
  },
);

test('a receipt of the second part that comes while the attempt runs counts beside the first part of its response', async () => {
  const { world, script, prove, send, isAwaitingReceipt, acceptRest } = await start();
  await using _ = world;
  script.send = async ({ id }) => {
    if (script.sends.length > 1) return acceptRest();
    await prove(id, 'p1');
    await prove(id, 'p2', 1);
    return { ...lost, acceptedParts: ['p1'] };
  };
  const messageId = await send();
  await world.advanceUntil(() => isAwaitingReceipt(messageId));
  expect(script.sends.map(({ acceptedParts }) => acceptedParts)).toEqual([[], ['p1', 'p2']]);
});

test.each(['ask', 'resend'])(
  'a receipt that comes during the last look-up proves the send, whatever the policy is (%s)',
  async (whenUnknown) => {
    const { world, script, prove, send, isAwaitingReceipt, acceptRest } = await start({ whenUnknown });
    await using _ = world;
    script.send = async () => (script.sends.length > 1 ? acceptRest() : lost);
    const messageId = await send();
    await world.waitFor(async () => (await world.getMessage(messageId)).reasonCode === 'confirming_send');
    const { id } = await world.getMessage(messageId);
    await world.advance(9 * 60_000, 30_000);
    script.lookUp = async () => {
      await prove(id, 'p1');
      return null;
    };
    await world.advanceUntil(() => isAwaitingReceipt(messageId), 'accepted', 30_000);
    expect(script.sends.map(({ acceptedParts }) => acceptedParts)).toEqual([[], ['p1']]);
  },
);

test('a message of which a receipt has proved a part since it was prepared is prepared anew', async () => {
  const { world, script, connectionId, prove, send, isAwaitingReceipt, acceptRest } = await start();
  await using _ = world;
  script.send = async () => (script.sends.length > 1 ? acceptRest() : lost);
  const messageId = await send();
  const { id } = await world.getMessage(messageId);
  await world.waitFor(async () => (await world.db.attempt.count({ where: { outcome: 'unknown' } })) === 1);
  await prove(id, 'p1');
  await world.advanceUntil(() => isAwaitingReceipt(messageId));
  const connection = await world.db.connection.findUniqueOrThrow({ where: { id: connectionId } });
  const { id: workerId } = await world.db.worker.create({ data: { id: world.services.newId() } });
  const request = { messageId: id, workerId, connection, addresses: [], unknownOutcomePolicy: 'resend' } as const;
  expect(await world.services.startAttempt({ ...request, acceptedCount: 1 })).toBe('route_changed');
  expect(await world.services.startAttempt({ ...request, acceptedCount: 2 })).toHaveProperty('attemptId');
});

test('an attempt whose start is committed, but whose response from the database is lost, is started once and made', async () => {
  const { world, script, connectionId, send } = await start();
  await using _ = world;
  script.send = async () => lost;
  const { id } = await world.getMessage(await send());
  await world.waitFor(async () => (await world.db.attempt.count({ where: { outcome: 'unknown' } })) === 1);
  await world.db.attempt.deleteMany();
  const connection = await world.db.connection.findUniqueOrThrow({ where: { id: connectionId } });
  const { id: workerId } = await world.db.worker.create({ data: { id: world.services.newId() } });
  const request = {
    messageId: id,
    workerId,
    connection,
    acceptedCount: 0,
    addresses: [],
    unknownOutcomePolicy: 'ask',
  } as const;

  let tries = 0;
  let meanwhile = async () => {};
  const db = createHookedDatabase(world.services.db, '$queryRawUnsafe', async () => {
    tries += 1;
    if (tries % 2 === 0) return;
    await meanwhile();
    throw new Error('Connection terminated unexpectedly');
  });
  const startAttempt = createAttemptStarter({ ...world.services, db });
  const starting = startAttempt(request);
  await world.advanceUntil(() => tries === 2);
  const started = await starting;
  expect(await world.db.attempt.findMany({ select: { id: true, endedAt: true } })).toEqual([
    { id: typeof started === 'object' && started.attemptId, endedAt: null },
  ]);

  // What has changed meanwhile stops it as ever, and leaves no attempt that may have been sent.
  await world.db.attempt.deleteMany();
  meanwhile = async () => {
    await world.db.connection.update({ where: { id: connectionId }, data: { updatedAt: new Date(0) } });
  };
  const stopped = startAttempt(request);
  await world.advanceUntil(() => tries === 4);
  expect(await stopped).toBe('route_changed');
  expect(await world.db.attempt.count()).toBe(0);
});
