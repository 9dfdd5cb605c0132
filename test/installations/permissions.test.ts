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

test('a message that HighLevel refuses although it has the provider delays no other message, and its reports end', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const other = world.highlevel.addContact(location.id, { phone: '+12025550199' });
  world.vendor.respondWith(({ body }) => ({
    body:
      body.text === 'of the provider before'
        ? { status: 'failed', error: { code: 'x', message: 'No.' } }
        : { status: 'delivered' },
  }));
  const sendGood = () => world.highlevel.sendMessage(location.id, { contactId: other.id, text: 'good' });
  await world.advanceUntilReported((await sendGood()).messageId);
  const noAccess = { message: 'No access.', canonicalCode: 'CONVERSATIONS_MSG_PROVIDER_NO_ACCESS' };
  world.highlevel.faults.decide((operation, _owner, body) =>
    operation === 'updateMessageStatus' && (body as { status: string }).status === 'failed'
      ? { status: 401, body: noAccess }
      : null,
  );
  const bad = await world.highlevel.sendMessage(location.id, {
    contactId: location.contact.id,
    text: 'of the provider before',
  });
  for (let count = 0; count < 20; count++) {
    const sentAt = world.clock.now();
    await world.advanceUntilReported((await sendGood()).messageId);
    expect(world.clock.now() - sentAt).toBeLessThan(30_000);
    await world.advance(minute, 10_000);
  }
  expect(await world.db.permissionProblem.count()).toBe(0);
  const { id } = await world.getMessage(bad.messageId);
  expect(await world.db.job.count({ where: { messageId: id } })).toBe(0);
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
