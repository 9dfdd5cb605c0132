import { startWorld, type World } from '../support/world.ts';

const minute = 60_000;

/** An agency with so many locations, its consent given. */
function installAgency(world: World, count: number) {
  const { id: companyId } = world.highlevel.addCompany();
  const locations = Array.from({ length: count }, () => world.highlevel.addLocation({ companyId }));
  return { companyId, locations, code: world.highlevel.approveCompanyInstall(companyId) };
}

test('messages that wait for a permission resume at once after a new install', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.highlevel.denials.add({ operation: 'updateMessageStatus', as: 'scope' });
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  const missing = async () => (await world.api.get(`/locations/${location.id}`)).body.permissionProblems;
  await world.advanceUntil(async () => (await missing()).length === 1);
  await world.advance(30 * minute, 10_000);

  world.highlevel.denials.clear();
  const askedAt = world.clock.now();
  await world.finishInstall(world.highlevel.approveInstall(location.id));
  await world.advanceUntilReported(messageId);
  expect(world.clock.now() - askedAt).toBeLessThan(minute);
});

test('the reloaded success page names the connected location', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = world.highlevel.addLocation({ name: 'Harbour Dental' });
  const code = world.highlevel.approveInstall(location.id);
  await world.finishInstall(code);
  expect((await world.finishInstall(code)).text).toContain('Harbour Dental is connected');
  expect(world.highlevel.calls.listByOperation('token:authorization_code')).toHaveLength(1);
  // Another code, and this one after an hour, are not taken for it.
  await world.client.get('/oauth/callback').query({ code: 'other' }).expect(400);
  world.clock.jump(61 * minute);
  await world.client.get('/oauth/callback').query({ code }).expect(400);
});

test('an agency’s reloaded success page shows its progress', async () => {
  await using world = await startWorld();
  const { code } = installAgency(world, 2);
  await world.finishInstall(code);
  await world.advanceUntil(
    async () => (await world.db.installation.count({ where: { kind: 'location', status: 'active' } })) === 2,
  );
  expect((await world.finishInstall(code)).text).toContain('2 of 2 locations are connected');
});

test.each(['invalid_scope'])('HighLevel’s reason of a failed authorization (%s) is shown, as text', async (error) => {
  await using world = await startWorld({ isIdle: true });
  const description = `Scope <b>contacts.write</b> ${'is not approved '.repeat(100)}`;
  const page = await world.client
    .get('/oauth/callback')
    .query({ error, error_description: description })
    .set('accept', 'text/html')
    .expect(400);
  expect(page.text).toContain('contacts.write');
  expect(page.text).not.toContain('<b>contacts');
  expect(page.text.length).toBeLessThan(20_000);
});
