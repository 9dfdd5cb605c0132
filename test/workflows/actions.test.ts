import { createChannels, indexChannels } from '../../src/channels/registry.ts';
import { optOutBranches } from '../../src/workflows/definitions.ts';
import { createScriptedChannel } from '../support/scripted-channel.ts';
import { startWorld } from '../support/world.ts';

test('opt-outs are checked and set without a call to HighLevel or a vendor', async () => {
  await using world = await startWorld({ hasWorkflows: true, isIdle: true });
  const location = await world.setUpLocation();
  const run = async (key: string, data: Record<string, unknown>, contactId?: string) => {
    const { status, body } = await world.highlevel.executeAction(location.id, key, data, contactId ? { contactId } : {});
    expect(status).toBe(200);
    return body;
  };
  const calls = world.highlevel.calls.all.length;
  const address = '(202) 555-0143';
  expect(await run('check_opt_out', { address })).toMatchObject({ optedOut: false, branchId: optOutBranches.not_opted_out });
  expect(await run('set_opt_out', { address, change: 'opt_out', reason: 'asked by phone' })).toMatchObject({
    optedOut: true,
    changed: true,
  });
  expect(await run('set_opt_out', { address, change: 'opt_out' })).toMatchObject({ changed: false });
  expect(await run('check_opt_out', { address: '+12025550143' })).toMatchObject({
    ...{ optedOut: true, category: 'all', address: '+12025550143', branchId: optOutBranches.opted_out },
  });
  // Without an address, what is known of the contact counts.
  expect(await run('check_opt_out', {}, 'nobody')).toMatchObject({ optedOut: false });
  const data = { locationId: location.id, address: '+12025550143', contactId: location.contact.id, updatedAt: new Date() };
  await world.db.contactAddress.create({ data });
  expect(await run('check_opt_out', {}, location.contact.id)).toMatchObject({ optedOut: true });
  expect(await run('set_opt_out', { change: 'opt_in' }, location.contact.id)).toMatchObject({ optedOut: false, changed: true });
  expect(await run('check_opt_out', { address })).toMatchObject({ optedOut: false });
  expect(world.highlevel.calls.all).toHaveLength(calls);
  const { status } = await world.highlevel.executeAction(location.id, 'set_opt_out', {}, {});
  expect(status).toBe(422);
});

test('the form lists the location’s own providers, senders and templates, also of a vendor that does not respond', async () => {
  const { channel } = createScriptedChannel();
  const setup = {
    verify: async () => ({ kind: 'verified' as const, account: 'a' }),
    listSenders: async () => [{ address: '+12025550100', label: 'Front desk' }],
    listTemplates: () => new Promise<never>(() => {}),
  };
  const channels = () => indexChannels([...createChannels({ allowPrivateTargets: true }).values(), { ...channel, setup }]);
  await using world = await startWorld({ hasWorkflows: true, isIdle: true, channels });
  const location = await world.install();
  const load = async (key: string, data: Record<string, unknown>) => {
    const loading = world.highlevel.loadFields(location.id, key, data);
    let isLoaded = false;
    void loading.finally(() => {
      isLoaded = true;
    });
    await world.advanceUntil(() => isLoaded, 'the form is loaded');
    const { status, body } = await loading;
    expect(status).toBe(200);
    return body;
  };
  expect(await load('send_message', {})).toEqual({ inputs: [] });
  for (const providerKey of ['sms', 'whatsapp']) {
    const config = { type: 'scripted', config: {} };
    await world.api.put(`/locations/${location.id}/channels/${providerKey}`, config).expect(200);
  }
  const fieldsOf = async (data: Record<string, unknown>) =>
    ((await load('send_message', data)) as { inputs: { fields: { field: string; fieldType: string }[] }[] }).inputs[0]?.fields;
  expect(await fieldsOf({})).toMatchObject([{ field: 'provider', options: [{ value: 'sms' }, { value: 'whatsapp' }] }]);
  expect(await fieldsOf({ provider: 'whatsapp' })).toMatchObject([
    { field: 'provider' },
    { field: 'sender', fieldType: 'select', options: [{ value: 'default' }, { value: '+12025550100' }] },
    { field: 'template', fieldType: 'string' },
  ]);
  // Two connections of a provider are one choice, with the senders of both.
  const second = { providerKey: 'whatsapp', type: 'scripted', config: {} };
  await world.api.post(`/locations/${location.id}/connections`, second).expect(200);
  expect(await fieldsOf({ provider: 'whatsapp' })).toMatchObject([
    { field: 'provider', options: [{ value: 'sms' }, { value: 'whatsapp' }] },
    { field: 'sender', options: [{ value: 'default', label: 'By the routing rules' }, { value: '+12025550100' }] },
    { field: 'template' },
  ]);
  expect(await load('check_opt_out', {})).toEqual({ inputs: [] });
  expect((await world.highlevel.loadFields(location.id, 'unknown', {})).status).toBe(404);
});

test('a message that cannot be sent is refused where no branch can say so', async () => {
  await using world = await startWorld({ hasWorkflows: true, isIdle: true });
  const location = await world.setUpLocation();
  const run = (data: Record<string, unknown>, contactId = location.contact.id) =>
    world.highlevel.executeAction(location.id, 'send_message', data, contactId ? { contactId } : {});
  expect(await run({ message: '' })).toMatchObject({ status: 422 });
  expect(await run({ message: 'hi' }, '')).toMatchObject({ status: 422 });
  expect(await run({ message: 'hi', provider: 'unknown' })).toMatchObject({ status: 422 });
  expect(await run({ attachments: 'ftp://x.example/a, nonsense' })).toMatchObject({ status: 422 });
  expect(await run({ attachments: ['https://x.example/a', { url: 'https://x.example/b' }] })).toMatchObject({ status: 200 });
  expect(await run({ message: { value: 'from a picker' } })).toMatchObject({ status: 200 });
  expect(await world.db.workflowSend.findMany({ orderBy: { id: 'asc' } })).toMatchObject([
    { attachments: ['https://x.example/a', 'https://x.example/b'], providerKey: 'sms' },
    { text: 'from a picker' },
  ]);
});
