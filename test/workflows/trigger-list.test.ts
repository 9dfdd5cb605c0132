import { createPageClient } from '../support/page-client.ts';
import { startWorld } from '../support/world.ts';

test('a location’s triggers are listed with their filters, their state, their last start and their last error', async () => {
  await using world = await startWorld({ hasWorkflows: true });
  const [location, other] = [await world.setUpLocation(), await world.setUpLocation()];
  const add = async (key: string, filters: { field: string; value: unknown }[] = [], id = location.id) =>
    (await world.highlevel.addTrigger(id, key, filters)).trigger;
  const delivered = await add('message_delivered', [{ field: 'provider', value: ['sms', 'email'] }]);
  const refused = await add('message_delivered', [{ field: 'constructor', value: '' }]);
  const failed = await add('message_failed', [{ field: 'mood', value: '<b>bad</b>' }]);
  await add('opted_out', [], other.id);
  world.highlevel.faults.add({ operation: 'executeTrigger', times: 1, effect: { status: 422 } });
  await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.advanceUntil(
    async () => (await world.db.triggerEvent.count({ where: { outcome: { not: null } } })) === 2,
    'both events have ended',
  );
  const event = await world.db.triggerEvent.findFirstOrThrow({ where: { outcome: 'fired' } });
  const { id: _id, ...facts } = event;
  const waiting = { ...facts, facts: {}, outcome: null, endedAt: null, startedAt: null, triggerId: failed.id };
  await world.db.triggerEvent.create({ data: { ...waiting, id: location.connectionId } });

  const { items } = (await world.api.get(`/locations/${location.id}/workflow-triggers`).expect(200)).body;
  const of = (triggerId: string) => items.find((item: { triggerId: string }) => item.triggerId === triggerId);
  expect(items).toHaveLength(3);
  const isFirst = event.triggerId === delivered.id;
  const fired = { state: 'active', waitingCount: 0, lastError: null, lastFiredAt: event.endedAt?.toISOString() };
  const failing = { state: 'failing', lastFiredAt: null, lastError: { outcome: 'refused' } };
  expect(of(delivered.id)).toMatchObject({
    ...{ type: 'message_delivered', workflowId: expect.any(String) },
    filters: [{ field: 'provider', operator: '==', values: ['sms', 'email'] }],
    ...(isFirst ? fired : failing),
  });
  expect(of(refused.id)).toMatchObject({ filters: [], ...(isFirst ? failing : fired) });
  expect(of(failed.id)).toMatchObject({ type: 'message_failed', state: 'waiting', waitingCount: 1, lastFiredAt: null });
  expect(JSON.stringify(items)).not.toContain('executeId');

  const { companyId } = location;
  const pages = await createPageClient(world, { companyId, activeLocation: location.id, role: 'user' });
  const shown = (await pages.get('workflow-triggers').expect(200)).text;
  expect(shown).toContain('Provider: sms, email');
  expect(shown).toContain('mood: &lt;b&gt;bad&lt;/b&gt;');
  expect(shown).toContain('1 event is waiting');
  expect((await pages.get('workflow-triggers', 'es').expect(200)).text).toContain('El CRM se negó a iniciarlo.');
  expect((await pages.get('channels').expect(200)).text).toContain('href="#/workflow-triggers"');
  const own = await world.apiAs({ companyId, activeLocation: location.id, role: 'user' });
  await own.get(`/locations/${location.id}/workflow-triggers`).expect(200);
  await own.get(`/locations/${other.id}/workflow-triggers`).expect(404);
});

test('without triggers the page says what to do, and whether the operator has set workflows up', async () => {
  await using world = await startWorld({ isIdle: true });
  const { id, companyId } = await world.setUpLocation();
  const pages = await createPageClient(world, { companyId, activeLocation: id, role: 'user' });
  expect((await pages.get('workflow-triggers').expect(200)).text).toContain('has not set up workflow actions');
});
