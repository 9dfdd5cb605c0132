import { startProduction } from '../support/production.ts';
import { type Program, pollUntil } from '../support/program.ts';

test.concurrent('kill -9 while a trigger is fired starts no workflow twice, and loses no event that was stored', async () => {
  await using world = await startProduction({}, undefined, { hasWorkflows: true });
  const { highlevel, location, contacts } = world;
  const firings = () => highlevel.calls.listByOperation('executeTrigger').length;
  const list = async (program: Program) =>
    (await world.getFromApi(program, `/locations/${location.id}/workflow-triggers`)) as TriggerList;
  let messageIds: string[] = [];
  {
    await using program = await world.start();
    await world.setUpLocation(program);
    const { trigger } = await highlevel.addTrigger(location.id, 'message_delivered');
    // The first workflow has started, and the response never comes: the location's other events wait behind it.
    highlevel.faults.add({ operation: 'executeTrigger', times: 1, effect: { hang: 'after_handling' } });
    const sent = await Promise.all(contacts.map((_, index) => world.sendMessage(index)));
    messageIds = sent.map(({ messageId }) => messageId);
    const isStored = async () => (await list(program)).items[0]?.waitingCount === contacts.length;
    await pollUntil(async () => firings() === 1 && (await isStored()), 'the first event is fired, and all are stored');
    expect(trigger.executions).toHaveLength(1);
    await program.end('SIGKILL');
  }
  const { events } = await world.expireClaims();
  expect(events).toHaveLength(contacts.length);
  expect(events.filter((event) => (event as { started_at: unknown }).started_at !== null)).toHaveLength(1);
  await using again = await world.start();
  const started = () => Object.values(highlevel.state.triggers).flatMap(({ executions }) => executions);
  await pollUntil(() => started().length === contacts.length, 'every event has started its workflow');
  await pollUntil(async () => (await list(again)).items[0]?.waitingCount === 0, 'no event waits');
  expect(
    started()
      .map(({ messageId }) => messageId)
      .toSorted(),
  ).toEqual(messageIds.toSorted());
  expect(firings()).toBe(contacts.length);
  expect((await list(again)).items).toMatchObject([{ lastError: { outcome: 'unconfirmed' }, lastFiredAt: expect.any(String) }]);
});

test.concurrent('kill -9 while HighLevel is asked to send a workflow’s message posts it once, and its workflow continues', async () => {
  await using world = await startProduction({}, undefined, { hasWorkflows: true });
  const { highlevel, location, contacts } = world;
  const texts = contacts.map((_, index) => `workflow ${index}`);
  const posted = () => highlevel.calls.listByOperation('sendMessage');
  let executions: Awaited<ReturnType<typeof highlevel.executeAction>>['execution'][] = [];
  {
    await using program = await world.start();
    await world.setUpLocation(program);
    // HighLevel sends the first two, which reach the vendor, and its responses never come.
    highlevel.faults.add({ operation: 'sendMessage', times: 2, effect: { hang: 'after_handling' } });
    world.vendor.respondWith('hang');
    const executed = await Promise.all(
      contacts.map(({ id: contactId }, index) =>
        highlevel.executeAction(location.id, 'send_message', { message: texts[index] }, { isPausing: true, contactId }),
      ),
    );
    expect(executed.map(({ status }) => status)).toEqual(contacts.map(() => 200));
    executions = executed.map(({ execution }) => execution);
    await pollUntil(() => posted().length >= 2 && world.vendor.requests.length > 0, 'two are sent, and a send is under way');
    await program.end('SIGKILL');
  }
  const { sends } = await world.expireClaims();
  expect(sends).toHaveLength(contacts.length);
  expect(sends.filter((send) => (send as { state: string }).state === 'posting').length).toBeGreaterThan(0);
  world.vendor.respondWith({ body: { status: 'delivered' } });
  await using _again = await world.start();
  await pollUntil(() => executions.every(({ resumes }) => resumes.length > 0), 'every workflow continues');
  expect(executions.flatMap(({ resumes }) => resumes.map(({ variables }) => variables.outcome))).toEqual(
    contacts.map(() => 'delivered'),
  );
  expect(contacts.flatMap(({ id }) => highlevel.listConversation(id).map(({ text }) => text)).toSorted()).toEqual(texts);
  expect(posted()).toHaveLength(contacts.length);
  expect(new Set(world.vendor.listReceived().map(({ text }) => text))).toEqual(new Set(texts));
  expect(world.vendor.listReceived()).toHaveLength(contacts.length);
});

interface TriggerList {
  items: { waitingCount: number }[];
}
