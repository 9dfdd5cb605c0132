import { storeMessages } from '../../support/stored-messages.ts';
import { startWorld, type World } from '../../support/world.ts';

const day = 24 * 60 * 60 * 1000;

/** A location with messages of many ages, which have content. */
async function setUpOldMessages(world: World) {
  const location = await world.install();
  const now = world.clock.now();
  const ages = { today: 0, lastHour: 2 / 24, fiveDays: 5, tenDays: 10, fortyDays: 40 };
  const states = ['delivered', 'failed', 'pending'] as const;
  for (const age of Object.values(ages)) {
    await storeMessages(
      world,
      location.id,
      states.map((state) => ({ at: now - age * day - 1_000, state })),
    );
  }
  await world.db.message.updateMany({
    where: { locationId: location.id },
    data: {
      text: 'secret',
      html: '<b>secret</b>',
      subject: 'secret',
      name: 'secret',
      attachments: ['https://secret'],
      to: '+12025550143',
    },
  });
  const setRetention = (days: { messageDays?: number; contentDays?: number }) =>
    world.api
      .put(`/locations/${location.id}/retention`, {
        messageDays: null,
        contentDays: null,
        erasesDeletedContacts: false,
        ...days,
      })
      .expect(200);
  /** The ages in days of the messages of a state, whose content is stored or not. */
  const listAges = async (state: (typeof states)[number], { isErased }: { isErased: boolean }) => {
    const rows = await world.db.message.findMany({
      where: { locationId: location.id, state, contentErasedAt: isErased ? { not: null } : null },
      orderBy: { id: 'desc' },
    });
    for (const { text, html, subject, name, attachments, rawPayload, to } of rows) {
      const content = { text, html, subject, name, attachments, rawPayload };
      if (isErased)
        expect(content).toEqual({ text: null, html: null, subject: null, name: null, attachments: [], rawPayload: '' });
      else expect(content).toMatchObject({ text: 'secret', html: '<b>secret</b>', attachments: ['https://secret'] });
      expect(to).toBe('+12025550143');
    }
    return rows.map(({ createdAt }) => Math.round(((now - createdAt.getTime()) / day) * 10) / 10);
  };
  const apply = async () => {
    world.clock.jump(11 * 60_000);
    return world.services.privacy.applyRetention();
  };
  return { ...location, setRetention, listAges, apply };
}

test('content is erased after its days, of failed messages after a week, and never of one that waits; a second run has nothing to do', async () => {
  await using world = await startWorld({ isIdle: true });
  const { setRetention, listAges, apply } = await setUpOldMessages(world);
  expect(await apply()).toBe(0);

  await setRetention({ contentDays: 7 });
  expect(await apply()).toBe(4);
  expect(await listAges('delivered', { isErased: true })).toEqual([10, 40]);
  expect(await apply()).toBe(0);

  await setRetention({ contentDays: 0 });
  expect(await apply()).toBe(2);
  expect(await listAges('delivered', { isErased: true })).toEqual([0.1, 5, 10, 40]);
  expect(await listAges('delivered', { isErased: false })).toEqual([0]);
  expect(await listAges('failed', { isErased: true })).toEqual([10, 40]);
  expect(await listAges('failed', { isErased: false })).toEqual([0, 0.1, 5]);
  expect(await listAges('pending', { isErased: false })).toEqual([0, 0.1, 5, 10, 40]);
  expect(await apply()).toBe(0);
});

test('a message that waited longer than its content may be kept loses it once it is delivered', async () => {
  await using world = await startWorld({ isIdle: true });
  const { id, setRetention, listAges, apply } = await setUpOldMessages(world);
  await setRetention({ contentDays: 0 });
  await apply();
  await world.db.message.updateMany({ where: { locationId: id, state: 'pending' }, data: { state: 'delivered' } });
  await apply();
  expect(await listAges('delivered', { isErased: false })).toEqual([0, 0, 0.1, 5]);
  // Those that were delivered late are found after a week.
  world.clock.jump(8 * day);
  await apply();
  expect(await listAges('delivered', { isErased: false })).toEqual([]);
});

test('a message of which no receipt comes is kept no longer than any other, and an email that may still bounce stays', async () => {
  await using world = await startWorld({ isIdle: true });
  const { id, setRetention, apply } = await setUpOldMessages(world);
  await world.db.message.deleteMany({ where: { locationId: id, state: { not: 'pending' } } });
  const pending = await world.db.message.findMany({ where: { locationId: id }, orderBy: { id: 'asc' } });
  await world.db.message.updateMany({ where: { locationId: id }, data: { reasonCode: 'awaiting_receipt' } });
  await setRetention({ contentDays: 1 });
  expect(await apply()).toBe(2);
  expect(await apply()).toBe(0);
  const endsAt = new Date(world.clock.now() + 30 * day);
  const period = { messageId: pending[1]?.id ?? '', connectionId: world.services.newId(), recipient: '', periodMs: 1 };
  await world.db.quietPeriod.create({ data: { ...period, endsAt, dueAt: endsAt } });
  await setRetention({ messageDays: 30 });
  world.clock.jump(22 * day);
  expect(await apply()).toBe(1);
  const left = await world.db.message.findMany({ where: { locationId: id }, orderBy: { id: 'asc' }, select: { id: true } });
  expect(left.map((row) => row.id)).toEqual(pending.slice(1).map((row) => row.id));
});

test('messages are deleted after their days with all that belongs to them; those that wait, and other locations’, stay', async () => {
  await using world = await startWorld({ isIdle: true });
  const { id, setRetention, listAges, apply } = await setUpOldMessages(world);
  const other = await setUpOldMessages(world);
  const [old] = await world.db.message.findMany({
    where: { locationId: id, state: 'delivered' },
    orderBy: { id: 'asc' },
    take: 1,
  });
  const messageId = old?.id as string;
  await world.db.attempt.create({
    data: { id: messageId, messageId, connectionId: messageId, startedAt: new Date(), response: 'secret' },
  });
  await setRetention({ messageDays: 30 });
  expect(await apply()).toBe(2);
  expect(await listAges('delivered', { isErased: false })).toEqual([0, 0.1, 5, 10]);
  expect(await listAges('pending', { isErased: false })).toEqual([0, 0.1, 5, 10, 40]);
  expect(await other.listAges('delivered', { isErased: false })).toEqual([0, 0.1, 5, 10, 40]);
  expect(await world.db.attempt.count()).toBe(0);
});

test('the operator’s settings hold for all locations, and a location can only shorten them', async () => {
  await using world = await startWorld({ isIdle: true, services: { retention: { messageDays: 365, contentDays: 20 } } });
  const { id, setRetention, listAges, apply } = await setUpOldMessages(world);
  expect(await apply()).toBe(2);
  expect(await listAges('delivered', { isErased: true })).toEqual([40]);
  await setRetention({ messageDays: 30, contentDays: 1_000 });
  const { body } = await world.api.get(`/locations/${id}/retention`).expect(200);
  expect(body).toMatchObject({ messageDays: 30, contentDays: 1_000, effective: { messageDays: 30, contentDays: 20 } });
  expect(await apply()).toBe(2);
});

test('a message whose content is erased can’t be sent again, by itself or with many', async () => {
  await using world = await startWorld({ isIdle: true });
  const { id, setRetention, apply } = await setUpOldMessages(world);
  await setRetention({ contentDays: 7 });
  await apply();
  const [message] = await world.db.message.findMany({
    where: { locationId: id, state: 'failed' },
    orderBy: { id: 'asc' },
    take: 1,
  });
  const { body } = await world.api.post(`/messages/${message?.id}/retry`).expect(409);
  expect(body.error.message).toMatch(/has been erased/);
  const { body: shown } = await world.api.get(`/messages/${message?.id}`).expect(200);
  expect(shown).toMatchObject({ text: null, status: 'failed', contentErasedAt: expect.any(String) });
  await world.api.post(`/locations/${id}/redrives`, {}).expect(202);
  await world.services.messaging.runRedrives();
  expect(await world.db.message.count({ where: { locationId: id, state: 'failed', contentErasedAt: { not: null } } })).toBe(2);
});
