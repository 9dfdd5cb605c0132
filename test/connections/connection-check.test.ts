import { signInOperator } from '../support/operator-session.ts';
import { startWorld, type World } from '../support/world.ts';

interface Line {
  name: string;
  status: string;
  message: string;
  fix?: string;
}

const listLines = async (world: World, path: string): Promise<Record<string, Line>> => {
  const { body } = await world.api.get(path).expect(200);
  return Object.fromEntries(body.checks.map((line: Line) => [line.name, line]));
};

test('a location that works is all green but for what has not come yet; a webhook turns its line green', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const path = `/locations/${location.id}/check`;
  const before = await listLines(world, path);
  expect(before.token).toMatchObject({ status: 'ok' });
  expect(before.scopes).toMatchObject({ status: 'ok' });
  expect(before['provider:sms']).toMatchObject({ status: 'ok' });
  expect(before['channel:sms']).toMatchObject({ status: 'ok' });
  expect(before['channel:mail']).toMatchObject({ status: 'warning', fix: expect.stringContaining('Connect a channel') });
  expect(before['webhooks:providers/sms']).toMatchObject({
    status: 'warning',
    message: expect.stringContaining('/webhooks/providers/sms'),
  });

  await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world
    .postChannelWebhook(location.connectionId, 'inbound', { externalId: 'x', from: '+12025550143', text: 'hi' })
    .expect(202);
  await world.advanceUntil(async () => (await listLines(world, path))['webhooks:providers/sms']?.status === 'ok');
  await world.advanceUntil(
    async () => (await listLines(world, path))[`webhooks:channels/${location.connectionId}`]?.status === 'ok',
  );
});

test('each red line says what to do: a wrong signature, a missing scope, a provider that is refused, an installation that is lost', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const path = `/locations/${location.id}/check`;
  await world.highlevel.postSigned('/webhooks/providers/sms', '{}', { signature: `${'AAAA'.repeat(21)}AA==` });
  await world.advanceUntil(async () => (await listLines(world, '/check'))['webhooks:providers/sms']?.status === 'failed');
  expect((await listLines(world, '/check'))['webhooks:providers/sms']?.fix).toContain('HIGHLEVEL_WEBHOOK_PUBLIC_KEYS');

  const noAccess = { canonicalCode: 'CONVERSATIONS_MSG_PROVIDER_NO_ACCESS', message: 'Unauthorized' };
  world.highlevel.faults.decide((operation) => (operation === 'updateMessageStatus' ? { status: 401, body: noAccess } : null));
  await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.advanceUntil(async () => 'permission:provider:sms' in (await listLines(world, path)));
  expect((await listLines(world, path))['permission:provider:sms']).toMatchObject({
    status: 'failed',
    message: expect.stringContaining('check the id'),
  });

  await world.db.installation.updateMany({ data: { scopes: ['contacts.readonly'] } });
  expect((await listLines(world, path)).scopes).toMatchObject({
    status: 'failed',
    message: expect.stringContaining('contacts.write'),
  });
  await world.db.installation.updateMany({ data: { status: 'reauth_required' } });
  expect((await listLines(world, path)).token).toMatchObject({ status: 'failed', fix: 'Install the app here again.' });
});

test('the page of the program has a line for each of the API, in every language, and keeps what it has asked for a while', async () => {
  await using world = await startWorld({ isIdle: true });
  await world.setUpLocation();
  const lines = await listLines(world, '/check');
  expect(lines.keys).toMatchObject({ status: 'ok' });
  expect(lines.address).toMatchObject({ status: 'ok', message: expect.stringContaining('http://127.0.0.1') });
  expect(lines.disk).toMatchObject({ status: 'ok' });
  const { get } = await signInOperator(world);
  for (const language of ['en', 'es']) {
    const { text } = await get('/check', { 'accept-language': language }).expect(200);
    const names = [...text.matchAll(/data-check="([^"]+)"/g)].map(([, name]) => name);
    expect(names.toSorted()).toEqual(Object.keys(lines).toSorted());
    // Each placeholder is filled, and each key has its words.
    expect(text).not.toMatch(/\{\w+\}|checks\./);
  }
  expect(world.highlevel.calls.listByOperation('token:authorization_code').filter(({ status }) => status === 400)).toHaveLength(
    1,
  );
});

test('the check is for the operator and a location’s admin, in the language of whoever reads', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = await world.setUpLocation();
  const user = { companyId: location.companyId, activeLocation: location.id };
  const path = `/locations/${location.id}/check`;
  await (await world.apiAs({ ...user, role: 'user' })).get(path).expect(403);
  await (await world.apiAs({ ...user, role: 'admin' })).get(path).expect(200);
  await (await world.apiAs({ ...user, role: 'admin' })).get('/check').expect(403);
  const token = await world.createUserToken({ ...user, role: 'admin' });
  const show = (language: string) =>
    world.client
      .get('/embed/pages/check')
      .set({ authorization: `Bearer ${token}`, 'accept-language': language })
      .expect(200);
  expect((await show('en')).text).toContain('Connection check');
  expect((await show('es')).text).toContain('Comprobación de la conexión');
});
