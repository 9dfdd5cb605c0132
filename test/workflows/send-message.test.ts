import { allScopes } from '../../src/highlevel/operations.ts';
import { sendBranches } from '../../src/workflows/definitions.ts';
import { createPageClient } from '../support/page-client.ts';
import { startWorld, type World } from '../support/world.ts';

type Execution = Awaited<ReturnType<World['highlevel']['executeAction']>>['execution'];

const act = async (world: World, locationId: string, data: Record<string, unknown>, options: { contactId?: string } = {}) => {
  const executed = await world.highlevel.executeAction(locationId, 'send_message', data, { isPausing: true, ...options });
  expect(executed).toMatchObject({ status: 200 });
  return executed;
};

const awaitResumed = (world: World, execution: Execution, stepMs?: number) =>
  world.advanceUntil(() => execution.resumes.length > 0, 'the workflow is resumed', stepMs);

const texts = (world: World) => world.vendor.listReceived().map(({ text }) => text);

test('a message goes through HighLevel’s conversation, and its workflow continues as Delivered', async () => {
  await using world = await startWorld({ hasWorkflows: true });
  const location = await world.setUpLocation();
  await world.connect(location.id, 'whatsapp');
  const { contact } = location;
  const data = {
    message: 'hi',
    DYNAMIC: { provider: 'whatsapp', sender: '+12025550177' },
    wait_for: 'delivered',
    branches: [{ id: 'x' }],
  };
  const { execution } = await act(world, location.id, data, { contactId: contact.id });
  await awaitResumed(world, execution);
  const [message] = world.highlevel.listConversation(contact.id);
  expect(message).toMatchObject({ direction: 'outbound', text: 'hi', providerKey: 'whatsapp' });
  expect(world.vendor.listReceived()).toMatchObject([{ text: 'hi', from: '+12025550177' }]);
  expect(execution.resumes).toMatchObject([
    {
      branchId: sendBranches.delivered,
      variables: { outcome: 'delivered', messageId: message?.id, branchId: sendBranches.delivered },
    },
  ]);
  // The same request again, and another step with the same request id, send nothing more.
  await world.highlevel.postExecution(execution);
  await world.advance(5_000);
  expect([texts(world), execution.resumes.length]).toEqual([['hi'], 1]);
});

test('a request id is sent once per location, and each workflow that names it is resumed', async () => {
  await using world = await startWorld({ hasWorkflows: true });
  const location = await world.setUpLocation();
  const data = { message: 'hi', request_id: 'order-1' };
  const options = { contactId: location.contact.id };
  const { execution: first } = await act(world, location.id, data, options);
  const { execution: second, body } = await act(world, location.id, data, options);
  expect(body).toMatchObject({ isRepeated: true });
  await awaitResumed(world, first);
  await awaitResumed(world, second);
  const { execution: third } = await act(world, location.id, data, options);
  await awaitResumed(world, third);
  expect(texts(world)).toEqual(['hi']);
  // Without a pause there are no ids of an execution: equal content within an hour is a repeat.
  const run = (message: string) => world.highlevel.executeAction(location.id, 'send_message', { message }, options);
  const same = { ...(await run('once')).execution };
  expect((await world.highlevel.postExecution(same)).body).toMatchObject({ isRepeated: true });
  await run('other');
  await world.advanceUntil(() => texts(world).length === 3);
  world.clock.jump(3_700_000);
  await world.highlevel.postExecution(same);
  await world.advanceUntil(() => texts(world).length === 4);
  expect(texts(world).filter((text) => text === 'once')).toHaveLength(2);
});

test('each result leads to its branch', async () => {
  await using world = await startWorld({ hasWorkflows: true });
  const location = await world.setUpLocation();
  const options = { contactId: location.contact.id };
  const branchOf = async (data: Record<string, unknown>, stepMs?: number) => {
    const { execution } = await act(world, location.id, data, options);
    await awaitResumed(world, execution, stepMs);
    return execution.resumes[0];
  };
  world.vendor.respondWith({ status: 400, body: { error: { code: '30005', message: 'unknown number' } } });
  expect(await branchOf({ message: 'fails' })).toMatchObject({
    branchId: sendBranches.failed,
    variables: { reasonCode: '30005', reasonClass: 'recipient', reason: 'unknown number' },
  });
  expect(await branchOf({ message: '' })).toMatchObject({
    branchId: sendBranches.failed,
    variables: { reasonCode: 'empty_message' },
  });
  expect(await branchOf({ message: 'x', provider: 'none' })).toMatchObject({ branchId: sendBranches.failed });
  world.vendor.respondWith({ body: { status: 'accepted', externalId: 'e1' } });
  expect(await branchOf({ message: 'taken', wait_for: 'accepted' })).toMatchObject({ branchId: sendBranches.delivered });
  expect(await branchOf({ message: 'slow', limit_minutes: '5' }, 20_000)).toMatchObject({ branchId: sendBranches.timed_out });

  const { execution: replied } = await act(world, location.id, { message: 'Coming?', wait_for: 'reply' }, options);
  await world.advanceUntil(() => texts(world).includes('Coming?'));
  await world.advance(3_000);
  expect(replied.resumes).toEqual([]);
  const inbound = { externalId: 'in-1', from: '+12025550143', text: 'Yes' };
  await world.postChannelWebhook(location.connectionId, 'inbound', inbound).expect(202);
  await awaitResumed(world, replied);
  expect(replied.resumes).toMatchObject([{ branchId: sendBranches.delivered, variables: { reply: 'Yes' } }]);

  await world.highlevel.setDnd(location.contact.id, { dndSettings: { SMS: { status: 'active' } } });
  const count = texts(world).length;
  expect(await branchOf({ message: 'unwanted' })).toMatchObject({
    branchId: sendBranches.opted_out,
    variables: { outcome: 'opted_out' },
  });
  expect(texts(world)).toHaveLength(count);
});

test('a delivery webhook that comes before the response is the same send, with its sender', async () => {
  await using world = await startWorld({ hasWorkflows: true, behaviour: { deliveryOrder: 'before_response' } });
  const location = await world.setUpLocation();
  world.highlevel.faults.add({ operation: 'sendMessage', times: 1, effect: { cut: 'after_handling' } });
  const data = { message: 'early', sender: '+12025550177' };
  const { execution } = await act(world, location.id, data, { contactId: location.contact.id });
  await awaitResumed(world, execution);
  expect(world.vendor.listReceived()).toMatchObject([{ text: 'early', from: '+12025550177' }]);
  expect(world.highlevel.calls.listByOperation('sendMessage')).toHaveLength(1);
  expect(execution.resumes).toMatchObject([{ branchId: sendBranches.delivered }]);
});

test('a lost response is looked up before the request is repeated, and messages of a contact keep their order', async () => {
  await using world = await startWorld({ hasWorkflows: true, scopes: allScopes });
  const location = await world.setUpLocation();
  const options = { contactId: location.contact.id };
  const lose = (cut: 'before_handling' | 'after_handling') =>
    world.highlevel.faults.add({ operation: 'sendMessage', times: 1, effect: { cut } });
  lose('before_handling');
  const { execution: first } = await act(world, location.id, { message: 'one' }, options);
  const { execution: second } = await act(world, location.id, { message: 'two' }, options);
  await awaitResumed(world, first, 5_000);
  await awaitResumed(world, second);
  lose('after_handling');
  const { execution: third } = await act(world, location.id, { message: 'one' }, options);
  await awaitResumed(world, third);
  expect(texts(world)).toEqual(['one', 'two', 'one']);
  expect(world.highlevel.calls.listByOperation('sendMessage').filter(({ status }) => status === 200)).toHaveLength(3);
});

test('a process that dies around the request sends no message twice, and loses none', async () => {
  await using world = await startWorld({ hasWorkflows: true, isIdle: true, scopes: allScopes });
  const location = await world.setUpLocation();
  const contact = world.highlevel.addContact(location.id, { phone: '+12025550155' });
  const [before] = [await act(world, location.id, { message: 'before' }, { contactId: location.contact.id })];
  await act(world, location.id, { message: 'during' }, { contactId: contact.id });
  const claimedUntil = new Date(world.clock.now() + 120_000);
  const rows = await world.db.workflowSend.findMany({ orderBy: { id: 'asc' } });
  await world.db.workflowSend.updateMany({ data: { dueAt: claimedUntil } });
  // The second one's request was carried out; its process died before it could store the response.
  const data = { state: 'posting' as const, postStartedAt: new Date(world.clock.now()) };
  await world.db.workflowSend.update({ where: { id: rows[1]?.id ?? '' }, data });
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: contact.id, text: 'during' });
  expect(await world.services.workflows.runSends()).toBe(0);
  world.clock.jump(121_000);
  expect(await world.services.workflows.runSends()).toBe(2);
  expect(await world.services.workflows.runSends()).toBe(0);
  const sends = await world.db.workflowSend.findMany({ orderBy: { id: 'asc' } });
  expect(sends).toMatchObject([{ state: 'posted' }, { state: 'posted', highlevelMessageId: messageId }]);
  expect(world.highlevel.calls.listByOperation('sendMessage')).toHaveLength(1);
  expect(before?.body).toMatchObject({ status: 'accepted' });
});

test('a workflow is resumed although the first tries fail, and no more once it is', async () => {
  await using world = await startWorld({ hasWorkflows: true });
  const location = await world.setUpLocation();
  world.highlevel.faults.add({ operation: 'resumeAction', times: 1, effect: { status: 503 } });
  world.highlevel.faults.add({ operation: 'resumeAction', times: 1, effect: { status: 429 } });
  const { execution } = await act(world, location.id, { message: 'hi' }, { contactId: location.contact.id });
  await awaitResumed(world, execution);
  await world.advance(120_000, 10_000);
  expect(execution.resumes).toHaveLength(1);
});

test('the sender of a step chooses among several connections before the rules do, and the message’s page says so', async () => {
  await using world = await startWorld({ hasWorkflows: true });
  const location = await world.setUpLocation({ sender: '+12025550100' });
  const { companyId, contact, connectionId } = location;
  const { url, secret } = world.vendor;
  const config = { url, secret, sender: '+12025550177' };
  const wanted = { providerKey: 'sms', type: 'gateway', config, name: 'Branch' };
  const branch = (await world.api.post(`/locations/${location.id}/connections`, wanted).expect(200)).body.connectionId;
  await world.api.put(`/connections/${branch}/senders/%2B12025550178`, { ratePerSecond: 5 }).expect(204);
  const rules = { rules: [{ when: { country: 'US' }, connectionId }], whenUnavailable: 'fail' };
  await world.api.put(`/locations/${location.id}/routing/sms`, rules).expect(200);
  const send = async (sender: string, text = sender) => {
    const { execution } = await act(world, location.id, { message: text, sender }, { contactId: contact.id });
    await awaitResumed(world, execution);
    const message = await world.db.message.findFirstOrThrow({ where: { text } });
    return { message, from: world.vendor.listReceived().find((one) => one.text === text)?.from };
  };
  const own = await send('+1 202 555 0177');
  expect([own.message.connectionId, own.from]).toEqual([branch, '+12025550177']);
  expect((await send('+12025550178')).message).toMatchObject({ connectionId: branch, sender: '+12025550178' });
  const unknown = await send('+12025550179');
  expect([unknown.message.connectionId, unknown.from]).toEqual([connectionId, '+12025550179']);
  const pages = await createPageClient(world, { companyId, activeLocation: location.id, role: 'admin' });
  const page = await pages.get(`messages/${own.message.id}`).expect(200);
  expect(page.text).toContain('Branch, by the rule: Sender chosen by the workflow');
  await world.api.put(`/connections/${branch}`, { isPaused: true }).expect(200);
  const failed = await send('+12025550178', 'again');
  expect(failed.message).toMatchObject({ state: 'failed', reasonCode: 'sender_unavailable' });
  // Resent by a person once its connection is back, it still goes by the chosen sender.
  await world.api.put(`/connections/${branch}`, { isPaused: false }).expect(200);
  await world.api.post(`/messages/${failed.message.id}/retry`, {}).expect(202);
  await world.advanceUntil(() => world.vendor.listReceived().some(({ text }) => text === 'again'));
  expect(world.vendor.listReceived().at(-1)).toMatchObject({ from: '+12025550178' });
});
