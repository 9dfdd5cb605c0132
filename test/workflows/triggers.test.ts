import { claimDueEvents, markStarted } from '../../src/outbox/claims.ts';
import { claimDuePauses } from '../../src/workflows/pause-rows.ts';
import { claimDueSends } from '../../src/workflows/send-rows.ts';
import { adminToken } from '../support/production-settings.ts';
import { startWorld, type World } from '../support/world.ts';

const refused = { status: 400, body: { error: { code: '30003', message: 'The phone is off.' } } };

async function listOutcomes(world: World): Promise<(string | null)[]> {
  const events = await world.db.triggerEvent.findMany({ orderBy: [{ createdAt: 'asc' }, { id: 'asc' }] });
  return events.map(({ outcome }) => outcome);
}

async function awaitEnded(world: World, count: number): Promise<void> {
  await world.advanceUntil(
    async () => (await world.db.triggerEvent.count({ where: { outcome: { not: null } } })) === count,
    `${count} events have ended`,
  );
}

test('each event starts the workflows that want it, with what they need, and no other', async () => {
  await using world = await startWorld({ hasWorkflows: true });
  const location = await world.setUpLocation({ sender: '+12025550100' });
  const add = async (key: string, filters: { field: string; value: unknown }[] = []) => {
    const { trigger, status } = await world.highlevel.addTrigger(location.id, key, filters);
    expect(status).toBe(200);
    return trigger;
  };
  const failed = await add('message_failed', [
    { field: 'reasonClass', value: ['unreachable', 'recipient'] },
    { field: 'provider', value: 'SMS' },
    { field: 'sender', value: '' },
  ]);
  const ofOptOuts = await add('message_failed', [{ field: 'reasonClass', value: 'opted_out' }]);
  const unknown = await add('message_failed', [{ field: 'mood', value: 'bad' }]);
  const delivered = await add('message_delivered', [{ field: 'sender', value: '+12025550100' }]);
  const replied = await add('reply_received');
  const optedOut = await add('opted_out');
  const { contact } = location;

  const first = await world.highlevel.sendMessage(location.id, { contactId: contact.id, text: 'hi' });
  await awaitEnded(world, 1);
  expect(delivered.executions).toMatchObject([
    {
      event: 'message_delivered',
      contactId: contact.id,
      provider: 'sms',
      channel: 'gateway',
      sender: '+12025550100',
      messageId: first.messageId,
      address: '+12025550143',
    },
  ]);

  world.vendor.respondWith(refused);
  const second = await world.highlevel.sendMessage(location.id, { contactId: contact.id, text: 'hi again' });
  await awaitEnded(world, 4);
  expect(failed.executions).toMatchObject([
    {
      contactId: contact.id,
      messageId: second.messageId,
      reasonCode: '30003',
      reasonClass: 'unreachable',
      reason: 'The phone is off.',
    },
  ]);
  expect([ofOptOuts.executions, unknown.executions]).toEqual([[], []]);

  const inbound = { externalId: 'in-1', from: '+12025550143', to: '+12025550100', text: 'STOP' };
  await world.postChannelWebhook(location.connectionId, 'inbound', inbound).expect(202);
  await awaitEnded(world, 6);
  expect(replied.executions).toMatchObject([{ contactId: contact.id, text: 'STOP', sender: '+12025550100' }]);
  expect(optedOut.executions).toMatchObject([
    { contactId: contact.id, address: '+12025550143', source: 'contact', reason: 'STOP' },
  ]);

  // A user clears do-not-disturb; the contact's own STOP still holds.
  await world.highlevel.setDnd(contact.id, { dndSettings: { SMS: { status: 'inactive' } } });
  const third = await world.highlevel.sendMessage(location.id, { contactId: contact.id, text: 'once more' });
  await awaitEnded(world, 9);
  expect(ofOptOuts.executions).toMatchObject([{ messageId: third.messageId, reasonCode: '21610', reasonClass: 'opted_out' }]);
  expect(failed.executions).toHaveLength(1);
  await world.advance(10_000);
  expect(await listOutcomes(world)).toHaveLength(9);
});

test('a held channel starts a workflow once, without a contact', async () => {
  await using world = await startWorld({ hasWorkflows: true });
  const location = await world.setUpLocation();
  const { trigger } = await world.highlevel.addTrigger(location.id, 'channel_held');
  const connection = await world.services.connections.getConnection(location.connectionId);
  const reason = { code: 'credentials', message: 'The credentials are not accepted.' };
  await world.services.connections.holdConnection(connection, reason);
  await world.services.connections.holdConnection(connection, reason);
  await awaitEnded(world, 1);
  expect(trigger.executions).toMatchObject([{ event: 'channel_held', provider: 'sms', reasonCode: 'credentials' }]);
  expect(trigger.executions[0]).not.toHaveProperty('contactId');
});

test('a trigger that its workflow has lost is dropped, whether HighLevel says so or not', async () => {
  await using world = await startWorld({ hasWorkflows: true });
  const location = await world.setUpLocation();
  const { trigger: removed } = await world.highlevel.addTrigger(location.id, 'message_delivered');
  const { trigger: inactive } = await world.highlevel.addTrigger(location.id, 'message_delivered');
  expect(await world.highlevel.postSubscription(removed, 'DELETED')).toBe(200);
  inactive.isActive = false;
  await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await awaitEnded(world, 1);
  expect(await listOutcomes(world)).toEqual(['inactive']);
  await world.waitFor(async () => (await world.db.triggerSubscription.count()) === 0, 'the subscription is dropped');
  await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi again' });
  await world.advanceUntil(async () => (await world.db.message.count({ where: { state: 'delivered' } })) === 2);
  expect(await world.db.triggerEvent.count()).toBe(1);
});

test('an event is repeated where HighLevel has certainly not had it, and never where it may have', async () => {
  await using world = await startWorld({ hasWorkflows: true });
  const location = await world.setUpLocation();
  const { trigger } = await world.highlevel.addTrigger(location.id, 'message_delivered');
  const send = async (effect: object, times = 1) => {
    world.highlevel.faults.add({ operation: 'executeTrigger', times, effect } as never);
    await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  };
  await send({ status: 429 }, 2);
  await awaitEnded(world, 1);
  expect(trigger.executions).toHaveLength(1);
  await send({ status: 401, body: { message: 'Invalid JWT' } });
  await awaitEnded(world, 2);
  expect(trigger.executions).toHaveLength(2);
  // The workflow has started, and its response is lost; or it has not, which the app cannot know.
  await send({ cut: 'after_handling' });
  await awaitEnded(world, 3);
  await send({ status: 502 });
  await awaitEnded(world, 4);
  await world.advance(300_000, 30_000);
  expect(trigger.executions).toHaveLength(3);
  expect((await listOutcomes(world)).toSorted()).toEqual(['fired', 'fired', 'unconfirmed', 'unconfirmed']);
});

test('a process that dies around a request loses no event, and starts no workflow twice', async () => {
  await using world = await startWorld({ hasWorkflows: true, isIdle: true });
  const location = await world.setUpLocation();
  const { trigger } = await world.highlevel.addTrigger(location.id, 'opted_out');
  for (const address of ['+12025550111', '+12025550122']) {
    await world.api.put(`/locations/${location.id}/opt-outs/${encodeURIComponent(address)}`, { reason: 'asked' }).expect(200);
  }
  const claimedUntil = new Date(world.clock.now() + 120_000);
  const [before, during] = await world.db.triggerEvent.findMany({ orderBy: { createdAt: 'asc' } });
  // Both are claimed by a process that has died: one before its request, one after.
  await world.db.triggerEvent.updateMany({ data: { dueAt: claimedUntil } });
  await world.db.triggerEvent.update({ where: { id: during?.id ?? '' }, data: { startedAt: new Date(world.clock.now()) } });
  expect(await world.services.workflows.fireTriggers()).toBe(0);
  world.clock.jump(121_000);
  expect(await world.services.workflows.fireTriggers()).toBe(2);
  expect(trigger.executions).toMatchObject([{ eventId: before?.id }]);
  expect((await listOutcomes(world)).toSorted()).toEqual(['fired', 'unconfirmed']);
});

test('an event waits while its location has no token, and is let go after three days', async () => {
  await using world = await startWorld({ hasWorkflows: true });
  const location = await world.setUpLocation();
  const { trigger } = await world.highlevel.addTrigger(location.id, 'opted_out');
  const where = { kind_resourceId: { kind: 'location' as const, resourceId: location.id } };
  await world.db.installation.update({ where, data: { status: 'suspended', reconcileAt: null } });
  await world.api.put(`/locations/${location.id}/opt-outs/+12025550111`, { reason: 'asked' }).expect(200);
  await world.advance(60_000, 10_000);
  expect(await listOutcomes(world)).toEqual([null]);
  await world.db.installation.update({ where, data: { status: 'active' } });
  await awaitEnded(world, 1);
  expect(trigger.executions).toHaveLength(1);
  await world.db.installation.update({ where, data: { status: 'suspended', reconcileAt: null } });
  await world.api.put(`/locations/${location.id}/opt-outs/+12025550122`, { reason: 'asked' }).expect(200);
  await world.db.triggerEvent.updateMany({
    where: { outcome: null },
    data: { createdAt: new Date(world.clock.now() - 4 * 86_400_000) },
  });
  await awaitEnded(world, 2);
  expect(await listOutcomes(world)).toContain('expired');
});

test('a location without triggers costs no statement more, and its messages leave no event', async () => {
  await using world = await startWorld({ hasWorkflows: true });
  const [location, other] = [await world.setUpLocation(), await world.setUpLocation()];
  await world.highlevel.addTrigger(other.id, 'message_delivered');
  await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.advanceUntil(async () => (await world.db.message.count({ where: { state: 'delivered' } })) === 1);
  expect(await world.db.triggerEvent.count()).toBe(0);
});

test('an import of opt-outs starts workflows only when asked, and then once for each new address', async () => {
  await using world = await startWorld({ hasWorkflows: true });
  const location = await world.setUpLocation();
  const { trigger } = await world.highlevel.addTrigger(location.id, 'opted_out', []);
  const importCsv = (rows: readonly string[], query = '') =>
    world.client
      .post(`/api/locations/${location.id}/opt-outs/import${query}`)
      .set({ authorization: `Bearer ${adminToken}`, 'content-type': 'text/csv' })
      .send(rows.join('\n'))
      .expect(200);
  const [silent, lifted, ...fresh] = ['+12025550151', '+12025550152', '+12025550153', '+12025550154'] as const;
  const lift = () =>
    world.client
      .delete(`/api/locations/${location.id}/opt-outs/${encodeURIComponent(lifted)}`)
      .set({ authorization: `Bearer ${adminToken}` })
      .send({ reason: 'asked again' })
      .expect(204);
  await importCsv([silent, lifted]);
  await lift();
  await world.advance(1_000);
  await importCsv([lifted]);
  expect(await world.db.triggerEvent.count()).toBe(0);
  await lift();
  await world.advance(1_000);
  for (const _time of [1, 2]) await importCsv([silent, lifted, ...fresh, ...fresh], '?startTriggers=true');
  await awaitEnded(world, 3);
  expect(trigger.executions.map(({ address, source }) => [address, source]).sort()).toEqual(
    [lifted, ...fresh].map((address) => [address, 'operator']),
  );
});

test('a trigger whose start is committed, but whose response from the database is lost, is started once and fires', async () => {
  await using world = await startWorld({ hasWorkflows: true });
  const location = await world.setUpLocation();
  await world.highlevel.addTrigger(location.id, 'message_delivered');
  const facts = { state: 'delivered' };
  const fields = {
    locationId: location.id,
    triggerId: 't',
    kind: 'message_delivered',
    facts,
    createdAt: new Date(world.clock.now()),
  };
  const { id } = await world.db.triggerEvent.create({
    data: { id: world.services.newId(), ...fields, dueAt: fields.createdAt },
  });
  const [event] = await claimDueEvents(world.services);
  let tries = 0;
  const table = new Proxy(world.db.triggerEvent, {
    get: (target, name) =>
      name !== 'updateMany'
        ? Reflect.get(target, name)
        : async (query: Parameters<typeof target.updateMany>[0]) => {
            const result = await target.updateMany(query);
            tries += 1;
            if (tries === 1) throw new Error('Connection terminated unexpectedly');
            return result;
          },
  });
  const client = new Proxy(world.db, { get: (target, name) => (name === 'triggerEvent' ? table : Reflect.get(target, name)) });
  if (event?.id !== id) throw new Error('The event was not claimed.');
  const starting = markStarted({ ...world.services, db: { ...world.services.db, client } }, event);
  await world.advanceUntil(() => tries === 2);
  expect(await starting).toBe(true);
  expect(await markStarted(world.services, event)).toBe(false);
});

test('of what is due for workflows, the flood of one location leaves room for another, however many rows it has', async () => {
  await using world = await startWorld({ isIdle: true });
  const at = new Date(world.clock.now());
  // The other location's one row is the newest.
  const rows = `(SELECT n, CASE n WHEN 6000 THEN 'quiet' ELSE 'busy' END AS location_id, gen_random_uuid() AS id,
    $1::timestamptz - (7000 - n) * interval '1 ms' AS due_at FROM generate_series(1, 6000) AS n) AS flood`;
  await world.db.$executeRawUnsafe(
    `INSERT INTO trigger_events (id, location_id, trigger_id, kind, facts, due_at, created_at)
     SELECT id, location_id, 't', 'message_failed', '{}', due_at, due_at FROM ${rows}`,
    at,
  );
  await world.db.$executeRawUnsafe(
    `INSERT INTO workflow_sends (id, location_id, request_key, contact_id, provider_key, due_at, created_at, updated_at)
     SELECT id, location_id, n::text, n::text, 'sms', due_at, due_at, due_at FROM ${rows}`,
    at,
  );
  await world.db.$executeRaw`
    INSERT INTO workflow_pauses (id, send_id, location_id, contact_id, status_id, step_id, wait_for, extras, timeout_at, due_at, created_at)
    SELECT id, id, location_id, contact_id, request_key, 's', 'reply', '{}', due_at, due_at, created_at FROM workflow_sends`;
  for (const claim of [claimDueEvents, claimDueSends, claimDuePauses]) {
    const claimed: readonly { locationId: string; dueAt: Date | null }[] = await claim(world.services);
    expect(claimed.map(({ locationId }) => locationId).toSorted()).toEqual([...Array(10).fill('busy'), 'quiet']);
  }
});
