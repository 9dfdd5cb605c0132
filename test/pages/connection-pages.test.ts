import { signInOperator } from '../support/operator-session.ts';
import { createPageClient } from '../support/page-client.ts';
import { startWorld, type World } from '../support/world.ts';

const list = 'channels/sms';

async function addSecond(world: World, pages: Awaited<ReturnType<typeof createPageClient>>) {
  const { url, secret } = world.vendor;
  await pages.post(`${list}/connect?type=gateway&add=1`, { do: 'connect', type: 'gateway', add: '1', url, secret }).expect(200);
  const { id } = await world.db.connection.findFirstOrThrow({ where: { isDefault: false }, orderBy: { createdAt: 'desc' } });
  return { id, own: `${list}/connections/${id}` };
}

test('a person opens, edits, limits, tests, pauses and removes one connection of several on its own pages', async () => {
  await using world = await startWorld();
  const { id: locationId, companyId, connectionId } = await world.setUpLocation();
  const pages = await createPageClient(world, { companyId, activeLocation: locationId, role: 'admin' });
  const { id, own } = await addSecond(world, pages);
  await pages.post(list, { do: 'rename', connectionId: id, name: 'Branch' }).expect(200);

  const overview = (await pages.get(list).expect(200)).text;
  expect(overview).toContain(`href="#/${own}"`);
  expect(overview).toContain(`href="#/${list}/connect?add=1"`);
  expect(overview).toMatch(/Branch<\/a>[\s\S]*No message has been sent yet|Branch<\/a>[\s\S]*Connected/);
  const page = (await pages.get(own, 'es').expect(200)).text;
  expect(page).toContain('<h1 tabindex="-1">Branch</h1>');
  expect(page).toContain(`href="#/${own}/settings"`);
  expect(page).toContain('Remitentes');

  await pages.get(`${own}/connect?type=gateway`).expect(200);
  const { url, secret } = world.vendor;
  const edited = await pages.post(`${own}/connect?type=gateway`, {
    ...{ do: 'connect', type: 'gateway', url: `${url}?branch=1`, secret, timeoutMs: '5000' },
  });
  expect(edited.body.location).toBe(`#/${own}`);
  const saved = await pages.post(`${own}/settings`, { do: 'save', dailyCap: '7', hours: 'any', whenOver: 'wait' }).expect(200);
  expect(saved.body.location).toBe(`#/${own}`);
  const [first, second] = await Promise.all([connectionId, id].map((one) => world.api.get(`/connections/${one}`).expect(200)));
  expect(first?.body.config).not.toHaveProperty('dailyCap');
  expect(second?.body.config).toMatchObject({ dailyCap: 7, url: `${url}?branch=1`, timeoutMs: 5000 });

  const test = await pages.post(own, { do: 'test', to: '+12025550143', text: 'Hi' }).expect(200);
  expect(test.body.location).toMatch(new RegExp(`^#/${own}\\?test=`));
  const message = await world.db.message.findFirstOrThrow({ where: { isTest: true } });
  expect(message.connectionId).toBe(id);
  expect((await pages.get(`${own}?test=${message.id}`).expect(200)).text).toContain('id="test"');
  expect((await pages.get(`${list}?test=${message.id}`).expect(200)).text).not.toContain('id="test"');

  await pages.post(list, { do: 'pause', connectionId: id }).expect(200);
  expect((await pages.get(own).expect(200)).text).toContain('This connection is paused.');
  expect((await pages.get('channels').expect(200)).text).toContain('1 more connection, 1 of them can’t send now');
  await pages.post(own, { do: 'unpause', connectionId: id }).expect(200);
  expect((await pages.get('channels', 'es').expect(200)).text).toMatch(/y 1 conexión más\s*</);
  const removed = await pages.post(own, { do: 'disconnect' }).expect(200);
  expect(removed.body.location).toBe(`#/${list}`);
  expect(await world.db.connection.findMany({ select: { id: true } })).toEqual([{ id: connectionId }]);
});

test('a sender gets a rate, a cap, hours and a pause on the page of its connection, and loses them there', async () => {
  await using world = await startWorld({ isIdle: true });
  const { id: locationId, companyId } = await world.setUpLocation();
  const pages = await createPageClient(world, { companyId, activeLocation: locationId, role: 'admin' });
  const { id, own } = await addSecond(world, pages);
  const opened = await pages.post(`${own}/senders`, { do: 'open', newAddress: '+12025550199' }).expect(200);
  expect(opened.body.location).toBe(`#/${own}/senders?address=%2B12025550199`);
  const form = `${own}/senders?address=%2B12025550199`;
  const hours = {
    hours: 'some',
    'sendingWindow.from': '09:00',
    'sendingWindow.to': '17:30',
    'sendingWindow.days': ['mon', 'fri'],
  };
  const sender = { do: 'saveSender', sender: '+12025550199' };
  const wrong = await pages.post(form, { ...sender, ...hours, dailyCap: 'many' }, 'es').expect(422);
  expect(wrong.text).toMatch(/value="many"[\s\S]*error-text/);
  const limits = { ratePerSecond: '0.5', dailyCap: '40', isPaused: 'yes' };
  const saved = await pages.post(form, { ...sender, ...hours, ...limits }).expect(200);
  expect(saved.body.location).toBe(`#/${own}/senders`);
  expect(await world.db.senderSettings.findMany()).toMatchObject([
    {
      connectionId: id,
      address: '+12025550199',
      ratePerSecond: 0.5,
      dailyCap: 40,
      sendingWindow: { from: '09:00', to: '17:30', days: ['mon', 'fri'] },
      pausedAt: expect.any(Date),
    },
  ]);
  const shown = (await pages.get(form).expect(200)).text;
  expect(shown).toContain('0.5 per second · 0 of 40 used today · 09:00–17:30');
  expect(shown).toMatch(/name="isPaused" value="yes" checked/);
  expect(shown).toMatch(/value="fri" checked/);
  await pages.post(form, { ...sender, ratePerSecond: '', dailyCap: '', hours: 'any' }).expect(200);
  expect(await world.db.senderSettings.count()).toBe(0);
});

test('a connection of another location or another provider has no page here, and readers change nothing', async () => {
  await using world = await startWorld({ isIdle: true });
  const [own, other] = [await world.setUpLocation(), await world.setUpLocation()];
  const pages = await createPageClient(world, { companyId: own.companyId, activeLocation: own.id, role: 'admin' });
  for (const page of ['', '/connect', '/settings', '/senders', '/pairing', '/templates']) {
    await pages.get(`${list}/connections/${other.connectionId}${page}`).expect(404);
    await pages.get(`channels/email/connections/${own.connectionId}${page}`).expect(404);
    await pages.get(`${list}/connections/no-id${page}`).expect(404);
  }
  for (const action of ['disconnect', 'resume', 'register', 'test']) {
    await pages.post(`${list}/connections/${other.connectionId}`, { do: action, to: '+12025550143', text: 'x' }).expect(404);
  }
  await pages.post(`${list}/connections/${other.connectionId}/senders`, { do: 'saveSender', sender: '+1', isPaused: 'yes' });
  const reader = await createPageClient(world, { companyId: own.companyId, activeLocation: own.id, role: 'user' });
  const path = `${list}/connections/${own.connectionId}`;
  expect((await reader.get(`${path}/senders?address=%2B12025550199`).expect(200)).text).not.toContain('<form');
  await reader.post(`${path}/senders`, { do: 'saveSender', sender: '+12025550199', isPaused: 'yes' }).expect(403);
  expect(await world.db.senderSettings.count()).toBe(0);
});

test('a connection that this process can’t use is left out, and the others keep their pages; the operator opens them too', async () => {
  await using world = await startWorld({ isIdle: true });
  const { id: locationId, companyId, connectionId } = await world.setUpLocation();
  const pages = await createPageClient(world, { companyId, activeLocation: locationId, role: 'admin' });
  const { id, own } = await addSecond(world, pages);
  const operator = await signInOperator(world);
  const shown = await operator.get(`/locations/${locationId}/${own}/senders`).expect(200);
  expect(shown.text).toContain(`/admin/locations/${locationId}/${own}`);
  await world.db.connection.update({ where: { id }, data: { type: 'from-a-package' } });
  expect((await pages.get(list).expect(200)).text).not.toContain(own);
  expect((await pages.get(`${list}/routing`).expect(200)).text).toContain(connectionId);
  await pages.get(`${own}/senders`).expect(409);
  await world.db.connection.update({ where: { id: connectionId }, data: { type: 'from-a-package' } });
  expect((await pages.get(list).expect(200)).text).toContain('No channel is connected');
});
