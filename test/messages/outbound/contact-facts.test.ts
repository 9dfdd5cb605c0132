import { startWorld } from '../../support/world.ts';

const hour = 3_600_000;

test('tags and users come from app events, and from one call where a contact is not known', async () => {
  await using world = await startWorld();
  const { id, connectionId, contact } = await world.setUpLocation();
  const path = `/locations/${id}/routing/sms`;
  const rules = [
    { when: { tag: 'gold' }, connectionId, sender: 'gold' },
    { when: { assignedTo: 'ana' }, connectionId, sender: 'ana' },
  ];
  const countCalls = () => world.highlevel.calls.listByOperation('getContact').length;
  const send = async (contactId = contact.id) => {
    const { messageId } = await world.highlevel.sendMessage(id, { contactId, text: 'hi' });
    await world.advanceUntilReported(messageId);
    return (await world.getMessage(messageId)).sender;
  };

  // No rule asks for a contact.
  await world.highlevel.changeContact(contact.id, { tags: ['gold'] });
  expect(await send()).toBeNull();
  expect([countCalls(), await world.db.contactFacts.count()]).toEqual([0, 0]);

  await world.api.put(path, { rules }).expect(200);
  const several = ['one', 'two', 'three'].map((text) => world.highlevel.sendMessage(id, { contactId: contact.id, text }));
  for (const { messageId } of await Promise.all(several)) await world.advanceUntilReported(messageId);
  expect(await send()).toBe('gold');
  expect(countCalls()).toBe(1);

  await world.highlevel.changeContact(contact.id, { tags: [] });
  expect(await send()).toBeNull();
  await world.highlevel.changeContact(contact.id, { assignedTo: 'ana' });
  expect(await send()).toBe('ana');
  expect(countCalls()).toBe(1);

  // An event that arrives late is older than what is stored: it proves nothing, and HighLevel is asked.
  const late = { type: 'ContactTagUpdate', locationId: id, id: contact.id, tags: ['gold'] };
  await world.highlevel.postEvent({ ...late, timestamp: new Date(world.clock.now() - 60_000).toISOString() });
  expect(await send()).toBe('ana');
  expect(countCalls()).toBe(2);
  await world.highlevel.postEvent({ ...late, timestamp: new Date(world.clock.now() - 24 * hour).toISOString() });
  expect(await send()).toBe('ana');
  expect(countCalls()).toBe(2);

  // A new contact whose event came first costs no call; of another location, or deleted, it leaves nothing.
  const other = world.highlevel.addContact(id, { phone: '+12025550199', tags: ['Gold'] });
  await world.highlevel.changeContact(other.id, { tags: ['Gold'] });
  expect(await send(other.id)).toBe('gold');
  await world.highlevel.postEvent({ ...late, locationId: 'another', id: 'stranger' });
  await world.highlevel.deleteContact(other.id);
  expect((await world.db.contactFacts.findMany()).map(({ contactId }) => contactId)).toEqual([contact.id]);
  expect(countCalls()).toBe(2);
  expect(await world.db.appEvent.count({ where: { type: { startsWith: 'Contact' } } })).toBe(0);
});

test('where HighLevel refuses to say, rules about contacts match nothing, and it is not asked for each message', async () => {
  await using world = await startWorld();
  const { id, connectionId } = await world.setUpLocation();
  world.highlevel.faults.add({ operation: 'getContact', times: 9, effect: { status: 400, body: { message: 'Not now' } } });
  await world.api
    .put(`/locations/${id}/routing/sms`, { rules: [{ when: { tag: 'vip' }, connectionId, sender: 'vip' }] })
    .expect(200);
  for (const phone of ['+12025550191', '+12025550192', '+12025550193']) {
    const contact = world.highlevel.addContact(id, { phone, tags: ['vip'] });
    const { messageId } = await world.highlevel.sendMessage(id, { contactId: contact.id, text: 'hi' });
    await world.advanceUntilReported(messageId);
    const { route } = await world.getMessage(messageId);
    expect(route).toMatchObject({
      rule: 'default',
      steps: [{ result: 'off' }, { rule: 'tag', result: 'unknown' }, {}, {}, {}, {}, {}],
    });
  }
  expect(world.highlevel.calls.listByOperation('getContact').length).toBe(1);
});
