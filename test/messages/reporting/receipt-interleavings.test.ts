import fc from 'fast-check';
import type { SendOutcome } from '../../../src/channels/channel.ts';
import { advance, type MessageState } from '../../../src/messages/model/state.ts';
import { startWorld, type World } from '../../support/world.ts';

/** All events of a few messages to which a vendor gives few ids, in any order. */

type Step =
  | { do: 'begin'; message: number }
  | { do: 'end'; message: number; how: 'accepted' | 'unknown' | 'unavailable'; id: number }
  | { do: 'receipt'; id: number; state: 'delivered' | 'read' | 'failed' };

const messageCount = 3;
const idCount = 2;
const message = fc.nat({ max: messageCount - 1 });
const id = fc.nat({ max: idCount - 1 });
const steps = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('begin' as const), message }),
    fc.record({
      do: fc.constant('end' as const),
      message,
      how: fc.constantFrom('accepted', 'accepted', 'unknown', 'unavailable'),
      id,
    }),
    fc.record({ do: fc.constant('receipt' as const), id, state: fc.constantFrom('delivered', 'read', 'failed') }),
  ),
  { minLength: 4, maxLength: 24 },
) as fc.Arbitrary<Step[]>;

interface Sent {
  readonly rowId: string;
  /** Start of each attempt that the vendor may have accepted. */
  startTimes: number[];
  open: string | null;
  /** The id that the vendor gave it. */
  given: number | null;
}

test('a receipt counts for the message whose attempt started last before it, and never for one that started after it', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = await world.setUpLocation();
  let round = 0;
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const run = ++round;
      const sent = await Promise.all(Array.from({ length: messageCount }, () => send(world, location)));
      const receipts: { at: number; id: number; state: 'delivered' | 'read' | 'failed' }[] = [];
      for (const [at, step] of all.entries()) {
        if (step.do === 'begin') await startAttempt(world, location.connectionId, sent[step.message] as Sent, at);
        if (step.do === 'end') await end(world, location.connectionId, sent[step.message] as Sent, step, `${run}-${step.id}`);
        if (step.do === 'receipt') {
          receipts.push({ at, id: step.id, state: step.state });
          await world.services.recordReceipt(
            { id: location.connectionId },
            { externalId: `${run}-${step.id}`, state: step.state },
          );
        }
      }
      for (const one of sent) {
        const lastStartedAt = ({ startTimes }: Sent, at: number) =>
          Math.max(-1, ...startTimes.filter((startedAt) => startedAt < at));
        const may = receipts.filter((receipt) => receipt.id === one.given && lastStartedAt(one, receipt.at) >= 0);
        const rivals = sent.filter((other) => other !== one && other.given === one.given);
        const must = may.filter(({ at }) => rivals.every((other) => lastStartedAt(other, at) < lastStartedAt(one, at)));
        const row = await world.db.message.findUniqueOrThrow({ where: { id: one.rowId }, include: { receipts: true } });
        const counted = row.receipts.map(({ state }) => state as MessageState);
        expect(may.map(({ state }) => state)).toEqual(expect.arrayContaining(counted));
        expect(counted).toEqual(expect.arrayContaining(must.map(({ state }) => state)));
        expect(row.state).toBe(counted.reduce<MessageState>((at, next) => advance(at, next), 'pending'));
      }
    }),
    { numRuns: Number(process.env.FUZZ_INPUTS ?? 0) > 0 ? 400 : 60, seed: 5 },
  );
}, 240_000);

async function send(world: World, location: { id: string; contact: { id: string } }): Promise<Sent> {
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  return { rowId: (await world.getMessage(messageId)).id, startTimes: [], open: null, given: null };
}

async function startAttempt(world: World, connectionId: string, one: Sent, at: number): Promise<void> {
  if (one.open !== null || one.given !== null) return;
  const connection = await world.db.connection.findUniqueOrThrow({ where: { id: connectionId } });
  const { id: workerId } = await world.db.worker.create({ data: { id: world.services.newId() } });
  const request = {
    messageId: one.rowId,
    workerId,
    connection,
    acceptedCount: 0,
    addresses: [],
    unknownOutcomePolicy: 'resend',
  } as const;
  const beginning = await world.services.startAttempt(request);
  if (typeof beginning !== 'object') throw new Error(`An attempt did not begin: ${beginning}`);
  one.open = beginning.attemptId;
  one.startTimes.push(at);
}

const outcomes: Record<'unknown' | 'unavailable', SendOutcome> = {
  unknown: { kind: 'unknown', code: 'no_response', message: 'no response' },
  unavailable: { kind: 'unavailable', code: 'http_503', message: 'busy' },
};

async function end(
  world: World,
  connectionId: string,
  one: Sent,
  { how, id }: Step & { do: 'end' },
  externalId: string,
): Promise<void> {
  if (one.open === null) return;
  const workerId = world.services.newId();
  await world.db.job.updateMany({ where: { messageId: one.rowId }, data: { workerId } });
  const job = {
    queue: 'deliver',
    messageId: one.rowId,
    groupKey: 'group',
    workerId,
    claimNumber: 0,
    signal: new AbortController().signal,
  } as const;
  const outcome: SendOutcome = how === 'accepted' ? { kind: 'accepted', externalIds: [externalId] } : outcomes[how];
  await world.services.settle({
    job,
    runAgainAt: how === 'accepted' ? null : new Date(world.clock.now()),
    attempt: { id: one.open, connectionId, outcome },
    change: () => ({ connectionId }),
  });
  one.open = null;
  if (how === 'accepted') one.given = id;
  if (how === 'unavailable') one.startTimes.pop();
}
