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

let world: World;
const { channel, script } = createScriptedChannel({ quietPeriodMs });
const { lookUpReceipt: _, ...withoutLookUp } = channel;
/** The program reads the mailbox, so that it knows the bounces until now. */
let isRead = true;
/** Those of the connections, by their config. */
let capabilitiesOf = () => channel.capabilities;
withoutLookUp.getCapabilities = () => capabilitiesOf();
withoutLookUp.receiptsReadUntil = async () => (isRead ? new Date(world.clock.now()) : new Date(0));

beforeAll(async () => {
  world = await startWorld({ channels: () => indexChannels([withoutLookUp]) });
});
afterAll(() => world[Symbol.asyncDispose]());
beforeEach(() => {
  script.send = async () => accepted;
});

/** Connects a mailbox in a location of its own. */
async function connect(config: object = {}) {
  const location = await world.install();
  const { body } = await world.api.put(`/locations/${location.id}/channels/mail`, { type: 'scripted', config });
  return {
    async send(emailTo: string[] = [maya], count = 1) {
      const fields = { contactId: location.contact.id, text: 'hi', providerKey: 'mail', emailTo };
      const expected = script.sends.length + count;
      const sent = await Promise.all(Array.from({ length: count }, () => world.highlevel.sendMessage(location.id, fields)));
      await world.advanceUntil(() => script.sends.length >= expected, 'they are sent');
      const ids = await Promise.all(sent.map(async ({ messageId }) => (await world.getMessage(messageId)).id));
      return sent.map(({ messageId }, at) => ({ messageId, id: ids[at] as string }));
    },
    async report(...receipts: ReceiptContent[]) {
      const events = receipts.map((receipt) => ({ kind: 'receipt', receipt }));
      const { status } = await world.postChannelWebhook(body.connectionId, 'events', events);
      expect(status).toBe(200);
    },
  };
}

async function sendOne({ send }: Awaited<ReturnType<typeof connect>>, emailTo?: string[]) {
  const [sent] = await send(emailTo);
  if (!sent) throw new Error('It was not sent.');
  return sent;
}

/** Lets a time pass, and looks for quiet periods that have ended. */
async function pass(ms: number) {
  await world.advance(ms, ms);
  await world.services.endQuietPeriods();
  await world.advance(5_000, 5_000);
}

async function getStates(id: string) {
  const { body } = await world.api.get(`/messages/${id}`);
  return Object.fromEntries(body.recipients.map((one: { address: string; state: string }) => [one.address, one.state]));
}

const listReports = (messageId: string) =>
  world.highlevel.calls
    .listByOperation('updateEmailStatus')
    .flatMap(({ path, body, status }) => (path.includes(messageId) && status === 200 ? [body] : []));

test('an accepted email counts as delivered after a quiet period, and a later bounce is reported', async () => {
  const mailbox = await connect();
  const { messageId, id } = await sendOne(mailbox);
  await pass(quietPeriodMs - minuteMs);
  expect(await world.getMessage(messageId)).toMatchObject({ state: 'pending', reasonCode: 'awaiting_receipt' });
  await pass(minuteMs);
  await world.advanceUntilReported(messageId);
  expect(listReports(messageId)).toEqual([{ status: 'delivered', recipients: [{ emailId: maya, status: 'delivered' }] }]);
  expect((await world.api.get(`/messages/${id}`)).body.recipients).toEqual([
    { address: maya, state: 'delivered', reason: { code: 'no_bounce', message: expect.stringContaining('10 minutes') } },
  ]);
  await mailbox.report({ messageId: id, state: 'failed', recipient: maya, error: { code: '5.1.1', message: 'No such user.' } });
  await world.advanceUntil(() => listReports(messageId).length === 2);
  const failed = { emailId: maya, status: 'failed', failReason: 'No such user.' };
  expect(listReports(messageId)[1]).toEqual({ status: 'failed', recipients: [failed] });
  expect(await world.db.quietPeriod.count({ where: { messageId: id } })).toBe(0);
});

test('a bounce that names an international domain in ASCII is of its recipient, and the other one’s quiet period ends', async () => {
  const mailbox = await connect();
  const [gone, there] = ['weg@bücher.example', 'Da@bücher.example'];
  script.send = async () => ({ ...accepted, reachedRecipients: [gone, there] });
  const { id } = await sendOne(mailbox, [gone, there]);
  const error = { code: '5.1.1', message: 'No such user.' };
  await mailbox.report({ messageId: id, state: 'failed', recipient: 'weg@xn--bcher-kva.example', error });
  await pass(quietPeriodMs);
  expect(await getStates(id)).toEqual({ [gone]: 'failed', [there]: 'delivered' });
});

test('a quiet period proves no delivery while the mailbox is not read, and lasts as long as a server that reports a delay tries', async () => {
  const mailbox = await connect();
  isRead = false;
  const unread = await sendOne(mailbox);
  for (const ms of [quietPeriodMs, minuteMs, quietPeriodMs]) {
    await pass(ms);
    expect((await world.getMessage(unread.messageId)).state).toBe('pending');
  }
  isRead = true;
  await pass(5 * minuteMs);
  expect((await world.getMessage(unread.messageId)).state).toBe('delivered');

  const late = await sendOne(mailbox);
  const triesUntil = new Date(world.clock.now() + 60 * minuteMs);
  await mailbox.report({ messageId: late.id, state: 'delayed', recipient: maya, triesUntil });
  await pass(60 * minuteMs);
  expect(await world.getMessage(late.messageId)).toMatchObject({ state: 'pending' });
  const { timeline } = (await world.api.get(`/messages/${late.id}`)).body;
  expect(timeline.map(({ text }: { text: string }) => text)).toContainEqual(expect.stringContaining(`Delayed for ${maya}`));
  await pass(quietPeriodMs);
  expect(await world.getMessage(late.messageId)).toMatchObject({ state: 'delivered' });
});

test('a message that is sent again after a bounce has a quiet period of its own', async () => {
  const mailbox = await connect();
  const { messageId, id } = await sendOne(mailbox);
  await mailbox.report({ messageId: id, state: 'failed', recipient: maya, error: { code: '5.2.2', message: 'Full.' } });
  expect((await world.getMessage(messageId)).state).toBe('failed');
  script.send = async () => deferred;
  expect((await world.api.post(`/messages/${id}/retry`)).status).toBe(202);
  await pass(quietPeriodMs);
  expect((await world.getMessage(messageId)).state).toBe('pending');
});

test('an email that a person marks as sent waits for a quiet period of its connection, or is delivered where none can end', async () => {
  const mailbox = await connect();
  script.send = async () => ({ kind: 'unknown', code: 'timed_out', message: 'No reply.' });
  const markSent = async (emailTo: string[]) => {
    const { messageId, id } = await sendOne(mailbox, emailTo);
    const isHeld = async () => (await world.getMessage(messageId)).heldForReviewAt !== null;
    await world.advanceUntil(isHeld, 'it is held', 60_000);
    expect((await world.api.post(`/messages/${id}/mark-sent`)).status).toBe(202);
    return { messageId, id };
  };
  const one = await markSent([maya]);
  const several = await markSent(to);
  await mailbox.report({
    messageId: several.id,
    state: 'failed',
    recipient: ben,
    error: { code: '5.1.1', message: 'No user.' },
  });
  expect(await world.getMessage(one.messageId)).toMatchObject({ state: 'pending', reasonCode: 'awaiting_receipt' });
  await pass(quietPeriodMs);
  expect((await world.getMessage(one.messageId)).state).toBe('delivered');
  expect(await getStates(several.id)).toEqual({ [maya]: 'delivered', [ben]: 'failed' });
  expect(await world.db.quietPeriod.count({ where: { messageId: { in: [one.id, several.id] } } })).toBe(0);

  capabilitiesOf = () => ({ ...channel.capabilities, receipts: false });
  const unread = await markSent([maya]);
  capabilitiesOf = () => channel.capabilities;
  expect((await world.getMessage(unread.messageId)).state).toBe('delivered');
});

test('a deferred recipient is tried again alone, whatever is known of the others meanwhile', async () => {
  const mailbox = await connect();
  script.send = async () => ({ ...deferred, acceptedParts: ['id'], reachedRecipients: [maya] });
  const { messageId, id } = await sendOne(mailbox, to);
  await world.advanceUntil(async () => (await world.getMessage(messageId)).nextAttemptAt !== null, 'it waits');
  await mailbox.report({ messageId: id, state: 'delivered', recipient: maya });
  expect(await world.getMessage(messageId)).toMatchObject({ state: 'pending', reasonCode: 'deferred' });
  await world.advanceUntil(() => listReports(messageId).length === 1);
  expect(listReports(messageId)).toEqual([{ status: 'pending', recipients: [{ emailId: maya, status: 'delivered' }] }]);
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
  const mailbox = await connect({ giveUpAfterMinutes: 1 });
  script.send = async () => ({ ...deferred, acceptedParts: ['id'], reachedRecipients: [maya] });
  const { messageId, id } = await sendOne(mailbox, to);
  script.send = async () => outcome;
  await world.advanceUntil(async () => (await getStates(id))[ben] === 'failed', 'the last attempt has failed', 10_000);
  await pass(quietPeriodMs);
  expect((await world.getMessage(messageId)).state).toBe('delivered');
  expect(await getStates(id)).toEqual({ [maya]: 'delivered', [ben]: 'failed' });
  await world.advanceUntil(() => (listReports(messageId).at(-1) as { status?: string } | undefined)?.status === 'delivered');
  expect(listReports(messageId).at(-1)).toEqual({
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

test.each<[string, [string, Event][]]>([
  [
    'what is known of one, and silence of the other',
    [
      [maya, 'report'],
      [maya, 'bounce'],
      [maya, 'delay'],
      [ben, 'quiet'],
    ],
  ],
  [
    'bounces of both',
    [
      [maya, 'quiet'],
      [maya, 'bounce'],
      [ben, 'bounce'],
    ],
  ],
  [
    'a reply after a bounce',
    [
      [maya, 'bounce'],
      [maya, 'reply'],
      [ben, 'bounce'],
    ],
  ],
])('%s: every order ends in the same state, for each recipient and the email', async (_word, events) => {
  const mailbox = await connect();
  script.send = async () => ({ ...accepted, reachedRecipients: to });
  const orders = listOrders(events);
  const sent = await mailbox.send(to, orders.length);
  for (const step of events.keys()) {
    const receipts = orders.flatMap((order, at) => {
      const [recipient, event] = order[step] ?? [maya, 'delay'];
      return [{ messageId: sent[at]?.id, recipient, ...contents[event] }];
    });
    await mailbox.report(...receipts);
  }
  const rankOf = (address: string) =>
    Math.max(0, ...events.flatMap(([recipient, event]) => (recipient === address ? ranks[event] : [])));
  const expected = Object.fromEntries(to.map((address) => [address, stateOfRank[rankOf(address)]]));
  const best = ['read', 'delivered', 'failed'].find((state) => Object.values(expected).includes(state));
  for (const [at, order] of orders.entries()) {
    const { id, messageId } = sent[at] as { id: string; messageId: string };
    expect([order, await getStates(id), (await world.getMessage(messageId)).state]).toEqual([order, expected, best]);
  }
});
