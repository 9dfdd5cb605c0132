import type { ReceiptContent, SendOutcome } from '../../../src/channels/channel.ts';
import { indexChannels } from '../../../src/channels/registry.ts';
import { createScriptedChannel } from '../../support/scripted-channel.ts';
import { startWorld, type World } from '../../support/world.ts';

const minuteMs = 60_000;
const quietPeriodMs = 10 * minuteMs;

const maya = 'maya@example.com';
const ben = 'ben@example.com';
const to = [maya, ben];
const accepted: SendOutcome = { kind: 'accepted', externalIds: ['id'] };
const deferred = { kind: 'unavailable', code: 'deferred', message: 'Try later.' } as const;

/** A mailbox that the program reads as long as `isRead` says, and whose server does what a test sets. */
async function startMailbox() {
  const { channel, script } = createScriptedChannel({ quietPeriodMs });
  const { lookUpReceipt: _, ...withoutLookUp } = channel;
  const world = await startWorld({ channels: () => indexChannels([withoutLookUp]) });
  const location = await world.install();
  const { body } = await world.api.put(`/locations/${location.id}/channels/mail`, { type: 'scripted', config: {} });
  let isRead = true;
  withoutLookUp.receiptsReadUntil = async () => (isRead ? new Date(world.clock.now()) : new Date(0));
  return {
    ...{ world, script, connectionId: body.connectionId as string },
    /** Lets a time pass, and looks for quiet periods that have ended. */
    async pass(ms: number) {
      await world.advance(ms, ms);
      await world.services.endQuietPeriods();
      await world.advance(5_000, 5_000);
    },
    setRead(value: boolean) {
      isRead = value;
    },
    async send(emailTo: string[] = [maya]) {
      const fields = { contactId: location.contact.id, text: 'hi', providerKey: 'mail', emailTo };
      const before = script.sends.length;
      const { messageId } = await world.highlevel.sendMessage(location.id, fields);
      await world.advanceUntil(() => script.sends.length > before, 'it is sent');
      return { messageId, id: (await world.getMessage(messageId)).id };
    },
    async report(...receipts: ReceiptContent[]) {
      const events = receipts.map((receipt) => ({ kind: 'receipt', receipt }));
      const { status } = await world.postChannelWebhook(body.connectionId, 'events', events);
      expect(status).toBe(200);
    },
    async getStates(id: string) {
      const { body: detail } = await world.api.get(`/messages/${id}`);
      return Object.fromEntries(detail.recipients.map((one: { address: string; state: string }) => [one.address, one.state]));
    },
  };
}

const reports = (world: World) => world.highlevel.calls.listByOperation('updateEmailStatus').map(({ body }) => body);

test('an accepted email counts as delivered after a quiet period, and a later bounce is reported', async () => {
  const { world, send, report, script, pass } = await startMailbox();
  await using _ = world;
  script.send = async () => accepted;
  const { messageId, id } = await send();
  await pass(quietPeriodMs - minuteMs);
  expect(await world.getMessage(messageId)).toMatchObject({ state: 'pending', reasonCode: 'awaiting_receipt' });
  await pass(minuteMs);
  await world.advanceUntilReported(messageId);
  expect(reports(world)).toEqual([{ status: 'delivered', recipients: [{ emailId: maya, status: 'delivered' }] }]);
  expect((await world.api.get(`/messages/${id}`)).body.recipients).toEqual([
    { address: maya, state: 'delivered', reason: { code: 'no_bounce', message: expect.stringContaining('10 minutes') } },
  ]);
  await report({ messageId: id, state: 'failed', recipient: maya, error: { code: '5.1.1', message: 'No such user.' } });
  await world.advanceUntil(() => reports(world).length === 2);
  const failed = { emailId: maya, status: 'failed', failReason: 'No such user.' };
  expect(reports(world)[1]).toEqual({ status: 'failed', recipients: [failed] });
  expect(await world.db.quietPeriod.count()).toBe(0);
});

test('a quiet period proves no delivery while the mailbox is not read, and lasts as long as a server that reports a delay tries', async () => {
  const { world, send, report, setRead, script, pass } = await startMailbox();
  await using _ = world;
  script.send = async () => accepted;
  setRead(false);
  const unread = await send();
  for (const ms of [quietPeriodMs, minuteMs, quietPeriodMs]) {
    await pass(ms);
    expect((await world.getMessage(unread.messageId)).state).toBe('pending');
  }
  setRead(true);
  await pass(5 * minuteMs);
  expect((await world.getMessage(unread.messageId)).state).toBe('delivered');

  const late = await send();
  const triesUntil = new Date(world.clock.now() + 60 * minuteMs);
  await report({ messageId: late.id, state: 'delayed', recipient: maya, triesUntil });
  await pass(60 * minuteMs);
  expect(await world.getMessage(late.messageId)).toMatchObject({ state: 'pending' });
  const { timeline } = (await world.api.get(`/messages/${late.id}`)).body;
  expect(timeline.map(({ text }: { text: string }) => text)).toContainEqual(expect.stringContaining(`Delayed for ${maya}`));
  await pass(quietPeriodMs);
  expect(await world.getMessage(late.messageId)).toMatchObject({ state: 'delivered' });
});

test('a message that is sent again after a bounce has a quiet period of its own', async () => {
  const { world, send, report, script, pass } = await startMailbox();
  await using _ = world;
  script.send = async () => accepted;
  const { messageId, id } = await send();
  await report({ messageId: id, state: 'failed', recipient: maya, error: { code: '5.2.2', message: 'Full.' } });
  await world.advanceUntilReported(messageId);
  script.send = async () => deferred;
  expect((await world.api.post(`/messages/${id}/retry`)).status).toBe(202);
  await pass(quietPeriodMs);
  expect((await world.getMessage(messageId)).state).toBe('pending');
});

test('a deferred recipient is tried again alone, whatever is known of the others meanwhile', async () => {
  const { world, send, report, script, getStates, pass } = await startMailbox();
  await using _ = world;
  script.send = async () => ({ ...deferred, acceptedParts: ['id'], reachedRecipients: [maya] });
  const { messageId, id } = await send(to);
  await world.advanceUntil(async () => (await world.getMessage(messageId)).nextAttemptAt !== null, 'it waits');
  await report({ messageId: id, state: 'delivered', recipient: maya });
  expect(await world.getMessage(messageId)).toMatchObject({ state: 'pending', reasonCode: 'deferred' });
  await world.advanceUntil(() => reports(world).length === 1);
  expect(reports(world)).toEqual([{ status: 'pending', recipients: [{ emailId: maya, status: 'delivered' }] }]);
  script.send = async () => ({ ...accepted, reachedRecipients: [ben] });
  await world.advanceUntil(async () => (await world.getMessage(messageId)).state === 'delivered', 'it is sent to both');
  expect(script.sends.at(-1)?.settledRecipients).toEqual([{ address: maya, refusal: null }]);
  expect(await getStates(id)).toEqual({ [maya]: 'delivered', [ben]: 'pending' });
  await pass(quietPeriodMs);
  expect(await getStates(id)).toEqual({ [maya]: 'delivered', [ben]: 'delivered' });
});

test.each([
  ['refused', { kind: 'rejected', code: 'unknown_address', message: 'No such user.' } as const],
  ['deferred until the last attempt', deferred],
])('an email whose last recipient is %s fails for that one alone', async (_word, outcome) => {
  const { world, send, script, getStates, pass } = await startMailbox();
  await using _ = world;
  script.send = async () => ({ ...deferred, acceptedParts: ['id'], reachedRecipients: [maya] });
  const { messageId, id } = await send(to);
  script.send = async () => outcome;
  const isSettled = async () => (await getStates(id))[ben] === 'failed';
  await world.advanceUntil(isSettled, 'the last attempt has failed', 60 * minuteMs);
  await pass(quietPeriodMs);
  expect((await world.getMessage(messageId)).state).toBe('delivered');
  expect(await getStates(id)).toEqual({ [maya]: 'delivered', [ben]: 'failed' });
  await world.advance(minuteMs);
  expect(reports(world).at(-1)).toEqual({
    status: 'delivered',
    recipients: [
      { emailId: maya, status: 'delivered' },
      { emailId: ben, status: 'failed', failReason: outcome.message },
    ],
  });
});

type Event = 'report' | 'bounce' | 'delay' | 'reply' | 'quiet';

/** How far each event brings a recipient, whatever came before or comes after it. */
const ranks: Record<Event, number> = { delay: 0, report: 1, quiet: 1, bounce: 2, reply: 3 };
const stateOfRank = ['pending', 'delivered', 'failed', 'read'];

const contents: Record<Event, Pick<ReceiptContent, 'state' | 'error' | 'evidence'>> = {
  report: { state: 'delivered' },
  bounce: { state: 'failed', error: { code: '5.1.1', message: 'No such user.' } },
  delay: { state: 'delayed' },
  reply: { state: 'read' },
  quiet: { state: 'delivered', evidence: { code: 'no_bounce', message: 'No bounce.' } },
};

function listOrders<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, at) => listOrders(items.toSpliced(at, 1)).map((rest) => [item, ...rest]));
}

test('report, bounce, delay, reply and quiet period end in the same state in every order, for each recipient and the email', async () => {
  const { world, send, report, script, getStates } = await startMailbox();
  await using _ = world;
  script.send = async () => ({ ...accepted, reachedRecipients: to });
  const sets: [string, Event][][] = [
    [
      [maya, 'report'],
      [maya, 'bounce'],
      [maya, 'delay'],
      [ben, 'quiet'],
    ],
    [
      [maya, 'quiet'],
      [maya, 'bounce'],
      [ben, 'bounce'],
    ],
    [
      [maya, 'bounce'],
      [maya, 'reply'],
      [ben, 'bounce'],
    ],
  ];
  for (const order of sets.flatMap(listOrders)) {
    const { messageId, id } = await send(to);
    for (const [recipient, event] of order) await report({ messageId: id, recipient, ...contents[event] });
    const rankOf = (address: string) =>
      Math.max(0, ...order.flatMap(([recipient, event]) => (recipient === address ? ranks[event] : [])));
    const expected = Object.fromEntries(to.map((address) => [address, stateOfRank[rankOf(address)]]));
    expect([order, await getStates(id)]).toEqual([order, expected]);
    const all = Object.values(expected);
    const best = ['read', 'delivered', 'failed'].find((state) => all.includes(state));
    expect([order, (await world.getMessage(messageId)).state]).toEqual([order, best]);
  }
});
