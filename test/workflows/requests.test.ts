import { previousWorkflowSecret, workflowSecret } from '../support/workflow-options.ts';
import { startWorld, type World } from '../support/world.ts';

function createSubscription(world: World, locationId: string, change: Record<string, unknown> = {}) {
  const targetUrl = `${world.highlevel.world.apiUrl()}/workflows-marketplace/triggers/execute/${locationId}/trigger1`;
  return {
    triggerData: { id: 'trigger1', key: 'message_failed', filters: [], eventType: 'CREATED', targetUrl, ...change },
    meta: { key: 'message_failed', version: '1.0' },
    extras: { locationId, workflowId: 'workflow1', companyId: 'company1' },
  };
}

const post = (world: World, body: unknown, headers: Record<string, string> = { 'x-patchbay-secret': workflowSecret }) =>
  world.client
    .post('/workflows/triggers')
    .set({ 'content-type': 'application/json', ...headers })
    .send(typeof body === 'string' ? body : JSON.stringify(body));

test('only requests with one of the secrets, of a location that has the app, are accepted', async () => {
  await using world = await startWorld({ hasWorkflows: true, isIdle: true });
  const location = await world.install();
  const body = createSubscription(world, location.id);
  const text = JSON.stringify(body);
  await post(world, text).expect(200, { status: 'stored' });
  await post(world, text, { 'x-patchbay-secret': previousWorkflowSecret }).expect(200);
  await post(world, text, {}).expect(401);
  await post(world, text, { 'x-patchbay-secret': 'another-secret-of-somebody' }).expect(401);
  // A signature is not required; a wrong one is refused.
  const signed = (signature: string) =>
    post(world, text, { 'x-patchbay-secret': workflowSecret, 'x-ghl-signature': signature });
  await signed('N/A').expect(200);
  await signed(world.highlevel.sign(text)).expect(200);
  await signed(world.highlevel.sign(`${text} `)).expect(401);
  await signed('nonsense').expect(401);
  await post(world, createSubscription(world, 'unknownLocation')).expect(403);
  const where = { kind_resourceId: { kind: 'location' as const, resourceId: location.id } };
  // One that waits for a token does not lose what its workflows ask for meanwhile.
  for (const status of ['suspended', 'reauth_required', 'pending'] as const) {
    await world.db.installation.update({ where, data: { status } });
    await post(world, text).expect(200);
  }
  await world.db.installation.update({ where, data: { status: 'uninstalled' } });
  await post(world, text).expect(403);
  expect(await world.db.triggerSubscription.count()).toBe(1);
});

test('without a secret in the settings every request is refused', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = await world.install();
  const { body } = await post(world, createSubscription(world, location.id)).expect(404);
  expect(body.error.message).toMatch(/WORKFLOW_SECRETS/);
  await post(world, createSubscription(world, location.id), { 'x-patchbay-secret': '' }).expect(404);
});

test('a trigger leads only to HighLevel’s own address for its location', async () => {
  await using world = await startWorld({ hasWorkflows: true, isIdle: true });
  const location = await world.install();
  const api = world.highlevel.world.apiUrl();
  const path = `/workflows-marketplace/triggers/execute/${location.id}/trigger1`;
  for (const targetUrl of [
    `https://attacker.example${path}`,
    `${api.replace('http://', 'http://user:secret@')}${path}`,
    `${api}/workflows-marketplace/triggers/execute/another/trigger1`,
    `${api}${path}/../../../../../oauth/token`,
    `${api}${path}?next=x`,
    `${api}/conversations/messages`,
    'file:///etc/passwd',
    'nonsense',
    { url: `${api}${path}` },
  ]) {
    await post(world, createSubscription(world, location.id, { targetUrl })).expect(422);
  }
  await post(world, createSubscription(world, location.id, { key: 'message_lost' })).expect(422);
  expect(await world.db.triggerSubscription.count()).toBe(0);
});

test('requests are read tolerantly, repeats change no row, and an update replaces the filters', async () => {
  await using world = await startWorld({ hasWorkflows: true, isIdle: true });
  const location = await world.install();
  const filters = [
    {
      field: 'provider',
      id: 'provider',
      operator: '==',
      title: 'Provider',
      type: 'select',
      value: ['sms', { value: 'whatsapp' }],
    },
    { id: 'sender', value: 5551 },
    { field: 'reasonClass', operator: '==', value: null },
    'nonsense',
  ];
  const created = createSubscription(world, location.id, { filters, extra: { deep: [1] } });
  for (let times = 0; times < 2; times++) await post(world, created).expect(200);
  const [row] = await world.db.triggerSubscription.findMany();
  expect(row).toMatchObject({
    ...{ kind: 'message_failed', workflowId: 'workflow1', executeId: 'trigger1' },
    filters: [
      { field: 'provider', operator: '==', values: ['sms', 'whatsapp'] },
      { field: 'sender', operator: '==', values: ['5551'] },
    ],
  });
  await post(world, createSubscription(world, location.id, { eventType: 'updated', filters: null, targetUrl: '' })).expect(200);
  expect(await world.db.triggerSubscription.findMany()).toMatchObject([{ filters: [], executeId: 'trigger1' }]);
  await post(world, createSubscription(world, location.id, { eventType: 'DELETED' })).expect(200, { status: 'removed' });
  await post(world, createSubscription(world, location.id, { eventType: 'DELETED' })).expect(200);
  for (const body of [
    '',
    '[]',
    'null',
    '{',
    '"text"',
    '{"extras":{"locationId":{}}}',
    '{"extras":{"locationId":"\u0000"}}',
    '\ud800',
  ]) {
    const { status } = await post(world, body);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(500);
  }
});
