import { minimalScopes, usersScope } from '../../src/highlevel/operations.ts';
import { createPageClient } from '../support/page-client.ts';
import { startWorld } from '../support/world.ts';

const path = 'channels/sms/routing';

/** Reads the hidden fields of a rule's forms. */
async function readShownRule(pages: Awaited<ReturnType<typeof createPageClient>>, index: number) {
  const { text } = await pages.get(path).expect(200);
  const field = new RegExp(`name="index" value="${index}"><input type="hidden" name="rule" value="([^"]+)"`).exec(text)?.[1];
  return { index: String(index), rule: String(field).replaceAll('&#34;', '"') };
}

test('a person adds a connection, writes rules, sees a decision explained before and after a send, in both languages', async () => {
  await using world = await startWorld();
  const { id, companyId, contact, connectionId } = await world.setUpLocation();
  const pages = await createPageClient(world, { companyId, activeLocation: id, role: 'admin' });
  const { url, secret } = world.vendor;
  const add = { do: 'connect', type: 'gateway', add: '1', url, secret };
  const added = await pages.post('channels/sms/connect?type=gateway&add=1', add).expect(200);
  const second = await world.db.connection.findFirstOrThrow({ where: { isDefault: false } });
  expect(added.body.location).toBe(`#/channels/sms/connections/${second.id}`);
  const named = await pages.post(path, { do: 'rename', connectionId: second.id, name: 'Branch <b>' }).expect(200);
  expect(named.text).toContain('Branch &lt;b&gt;');

  const rule = { do: 'addRule', kind: 'country', connectionId: second.id, sender: '' };
  expect((await pages.post(path, { ...rule, value: 'Spain' }, 'es').expect(422)).text).toContain('código de país');
  await pages.post(path, { ...rule, value: 'us' }).expect(200);
  const dry = await pages.post(path, { do: 'preview', to: '+12025550143', contactId: '', text: '' }).expect(200);
  expect(dry.text).toContain('Country or prefix');
  expect((await pages.get(path, 'es').expect(200)).text).toContain('El número es del país');

  const { messageId } = await world.highlevel.sendMessage(id, { contactId: contact.id, text: 'hi' });
  await world.advanceUntilReported(messageId);
  const message = await pages.get(`messages/${(await world.getMessage(messageId)).id}`).expect(200);
  expect(message.text).toContain('Branch &lt;b&gt;, by the rule: Country or prefix');

  await pages.post(path, { do: 'setPolicy', sticky: 'yes', whenUnavailable: 'next' }).expect(200);
  await pages.post(path, { do: 'addToPool', connectionId, sender: '', weight: '3' }).expect(200);
  await pages.post(path, { do: 'pause', connectionId: second.id }).expect(200);
  const paused = await pages.post(path, { do: 'preview', to: '+12025550143' }).expect(200);
  expect(paused.text).toContain('can’t send now (paused)');
  for (const action of ['unpause', 'makeDefault', 'up', 'down']) {
    await pages.post(path, { do: action, connectionId: second.id }).expect(200);
  }
  await pages.post(path, { do: 'removeRule', ...(await readShownRule(pages, 0)) }).expect(200);
  await pages.post(path, { do: 'emptyPool' }).expect(200);
  await pages.post(path, { do: 'remove', connectionId }).expect(200);
  expect(await world.db.connection.findMany({ select: { id: true, isDefault: true } })).toEqual([
    { id: second.id, isDefault: true },
  ]);
});

test('a form that names a connection of another location changes nothing', async () => {
  await using world = await startWorld({ isIdle: true });
  const [own, other] = [await world.setUpLocation(), await world.setUpLocation()];
  const pages = await createPageClient(world, { companyId: own.companyId, activeLocation: own.id, role: 'admin' });
  for (const action of ['rename', 'up', 'down', 'makeDefault', 'pause', 'unpause', 'remove']) {
    const { text } = await pages.post(path, { do: action, connectionId: other.connectionId });
    expect(text).toContain('role="alert"');
  }
  expect(await world.db.connection.count({ where: { id: other.connectionId, pausedAt: null } })).toBe(1);
});

test('rules move up and down, and a user is chosen by name where the app may list users, at one call for many views', async () => {
  await using world = await startWorld({ scopes: [...minimalScopes, usersScope], behaviour: { maxPageSize: 2 } });
  const { id, companyId, connectionId } = await world.setUpLocation();
  for (const [userId, userName] of Object.entries({ ana: 'Ana Álvarez', ben: 'Ben <b>', cleo: 'Cleo' })) {
    world.highlevel.createUserContext({ companyId, activeLocation: id, type: 'account', userId, userName });
  }
  world.highlevel.createUserContext({
    companyId,
    activeLocation: 'elsewhere',
    type: 'account',
    userId: 'zoe',
    userName: 'Zoe',
  });
  const pages = await createPageClient(world, {
    companyId,
    activeLocation: id,
    role: 'admin',
  });
  const shown = (await pages.get(path).expect(200)).text;
  expect(shown).toContain('<option value="ana" >Ana Álvarez</option>');
  expect(shown).toContain('Ben &lt;b&gt;');
  expect(shown).not.toContain('Zoe');
  const calls = () => world.highlevel.calls.listByOperation('searchUsers').length;
  const count = calls();
  for (const value of ['ben', 'unlisted']) {
    await pages.post(path, { do: 'addRule', kind: 'assignedTo', value, connectionId, sender: '' }).expect(200);
  }
  expect((await pages.get(path).expect(200)).text).toMatch(/<strong>Ben &lt;b&gt;<\/strong> <span class="soft">ben<\/span>/);
  expect(calls()).toBe(count);
  const users = async () => {
    const { rules } = (await world.api.get(`/locations/${id}/routing/sms`).expect(200)).body;
    return rules.map(({ when }: { when: { assignedTo: string } }) => when.assignedTo);
  };
  const second = await readShownRule(pages, 1);
  await pages.post(path, { do: 'moveRule', ...second, to: 'up' }).expect(200);
  expect(await users()).toEqual(['unlisted', 'ben']);
  const first = await readShownRule(pages, 0);
  await pages.post(path, { do: 'moveRule', ...first, to: 'up' }).expect(200);
  await pages.post(path, { do: 'moveRule', ...first, to: 'down' }).expect(200);
  expect(await users()).toEqual(['ben', 'unlisted']);

  // In another tab the page still shows the earlier order.
  for (const stale of [first, { ...second, index: '3' }]) {
    for (const action of ['removeRule', 'moveRule']) {
      const { text } = await pages.post(path, { do: action, to: 'down', ...stale }).expect(200);
      expect(text).toContain('The rules have changed since this page was opened');
    }
  }
  expect(await users()).toEqual(['ben', 'unlisted']);
  world.highlevel.faults.add({ operation: 'searchUsers', times: 1, effect: { status: 500 } });
  world.clock.jump(11 * 60_000);
  expect((await pages.get(path).expect(200)).text).not.toContain('id="user-rule"');
});
