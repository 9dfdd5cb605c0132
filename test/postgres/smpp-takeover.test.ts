import { systemClock } from '../../src/core/clock.ts';
import { systemRandom } from '../../src/core/ids.ts';
import { createSmsc } from '../../src/sandbox/vendors/smpp.ts';
import { startProduction } from '../support/production.ts';
import { adminToken } from '../support/production-settings.ts';
import { type Program, pollUntil } from '../support/program.ts';

/** The lease, a pass, and the time to bind. */
const takeoverLimitMs = 15_000;
const headers = { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' };
const sender = '+12025550100';

interface Detail {
  id: string;
  text: string;
  status: string;
}

/** Two processes on one database, and a carrier that allows one bind, which the first process holds. */
async function startTwo() {
  const smsc = createSmsc({ clock: systemClock, random: systemRandom, maxBinds: 1 });
  const port = await smsc.listen(0);
  const { systemId, password } = smsc.state.account;
  const world = await startProduction();
  const settings = { CONFIRM_SEND_SECONDS: '5' };
  const first = await world.start(settings);
  await world.setUpLocation(first);
  const response = await fetch(`${first.url}/api/locations/${world.location.id}/channels/sms`, {
    method: 'PUT',
    headers,
    body: JSON.stringify({
      type: 'smpp',
      config: { host: '127.0.0.1', port, systemId, password, sourceAddress: sender, whenUnknown: 'ask' },
    }),
  });
  expect(response.status).toBe(200);
  await pollUntil(() => smsc.countBinds() === 1, 'the first process has bound');
  const second = await world.startAnother(settings);
  const call = (path: string, method = 'GET') => fetch(`${second.url}/api${path}`, { method, headers });
  return {
    ...{ smsc, world, first, second },
    async send(from: number, count: number): Promise<void> {
      const sent = await Promise.all(Array.from({ length: count }, (_, index) => world.sendMessage(from + index)));
      expect(sent.every(({ httpStatus }) => httpStatus === 202)).toBe(true);
    },
    listTexts: () => smsc.state.messages.map(({ text }) => text),
    async listMessages(direction: 'outbound' | 'inbound'): Promise<Detail[]> {
      const list = await call(`/locations/${world.location.id}/messages?limit=100&direction=${direction}`);
      return ((await list.json()) as { items: Detail[] }).items;
    },
    decide: async (id: string, action: 'retry' | 'mark-sent') =>
      expect((await call(`/messages/${id}/${action}`, 'POST')).status).toBe(202),
    async [Symbol.asyncDispose]() {
      for (const program of [first, second] as Program[]) await program[Symbol.asyncDispose]();
      await world[Symbol.asyncDispose]();
      await smsc.close();
    },
  };
}

test('after kill -9 of the process that holds the bind the other one binds within seconds: nothing is lost, and nothing doubled that could be known', async () => {
  await using test = await startTwo();
  const { smsc, world } = test;
  await test.send(0, 10);
  await pollUntil(() => smsc.state.messages.length === 10, 'the first messages are sent');
  const [reported, late] = [smsc.state.messages[0]?.ids[0] as number, smsc.state.messages[1]?.ids[0] as number];
  await smsc.waitForAcknowledgement(smsc.deliver(reported));

  // The carrier accepts these, and their responses come to no one: the process that waits for them is killed.
  smsc.setFault({ kind: 'hang_after_accepting' });
  await test.send(10, 5);
  // It waits for its contact's earlier message.
  await test.send(15, 1);
  await pollUntil(() => smsc.state.messages.length === 15, 'messages are in flight');
  await test.first.end('SIGKILL');
  const killedAt = performance.now();
  smsc.setFault(null);
  // While no process holds the bind, a receipt and a reply in two parts wait at the carrier.
  await pollUntil(() => smsc.countBinds() === 0, 'the bind of the killed process is gone');
  const receipts = smsc.deliver(late);
  const reply = smsc.receive({ from: '+12025551000', to: sender, text: 'Ж'.repeat(100) });
  await pollUntil(() => smsc.countBinds() === 1, 'the second process has bound');
  expect(performance.now() - killedAt).toBeLessThan(takeoverLimitMs);

  await smsc.waitForAcknowledgement([...receipts, ...reply]);
  await pollUntil(() => test.listTexts().includes('message 15'), 'the message that waited is sent');
  await pollUntil(async () => (await test.listMessages('inbound')).length === 1, 'the reply is one message');
  expect((await test.listMessages('inbound'))[0]?.text).toBe('Ж'.repeat(100));
  const isKnown = async () => (await test.listMessages('outbound')).filter(({ status }) => status === 'unknown').length === 5;
  await pollUntil(isKnown, 'the messages in flight wait for a decision');
  const messages = await test.listMessages('outbound');
  expect(messages.filter(({ status }) => status === 'delivered')).toHaveLength(2);
  expect(messages.filter(({ status }) => status === 'unknown').map(({ text }) => text)).toEqual(
    expect.arrayContaining(Array.from({ length: 5 }, (_, index) => `message ${10 + index}`)),
  );
  // Only the carrier knows; none of them was sent again.
  expect(test.listTexts().toSorted()).toEqual(Array.from({ length: 16 }, (_, index) => `message ${index}`).toSorted());

  // A person who has asked the carrier decides.
  for (const { id, status } of messages) if (status === 'unknown') await test.decide(id, 'mark-sent');
  await pollUntil(
    async () => (await test.listMessages('outbound')).every(({ status }) => status !== 'unknown'),
    'none is open',
  );
  await test.second.end('SIGTERM');
  expect(smsc.countBinds()).toBe(0);
  expect(smsc.state.messages).toHaveLength(16);
  expect(smsc.violations).toEqual([]);
  const conversations = world.contacts.flatMap(({ id }) => world.highlevel.listConversation(id));
  expect(conversations.filter(({ direction }) => direction === 'inbound')).toHaveLength(1);
});
