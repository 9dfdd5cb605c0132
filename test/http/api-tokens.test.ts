import { apiScopes, generateApiToken } from '../../src/core/api-token.ts';
import { systemRandom } from '../../src/core/ids.ts';
import { runCleanup } from '../../src/worker/cleanup.ts';
import { createApiClient } from '../support/api-client.ts';
import { createPageClient } from '../support/page-client.ts';
import { startWorld, type World } from '../support/world.ts';

const day = 24 * 60 * 60_000;
const idle = { isIdle: true };
const use = (world: World, token: string) => createApiClient(world.client, { authorization: `Bearer ${token}` });

async function createToken(world: World, locationId: string, scopes: string[], given: object = {}): Promise<string> {
  const wanted = { name: scopes.join(), scopes, expiresInDays: 90, ...given };
  return (await world.api.post(`/locations/${locationId}/tokens`, wanted).expect(200)).body.token;
}

interface Operation {
  security?: Record<string, string[]>[];
  parameters: { name: string; in: string }[];
}

test('a token reaches exactly the operations whose scope it has, of its own location', async () => {
  await using world = await startWorld(idle);
  const [own, other] = [await world.setUpLocation(), await world.setUpLocation()];
  const { body: description } = await world.client.get('/api/openapi.json').expect(200);
  expect(description.components.securitySchemes.token).toMatchObject({ type: 'http', scheme: 'bearer' });
  const ids: Record<string, Record<string, string>> = {};
  for (const { id, contact, connectionId } of [own, other]) {
    await world.highlevel.sendMessage(id, { contactId: contact.id, text: 'hi' });
    const message = await world.db.message.findFirstOrThrow({ where: { locationId: id } });
    ids[id] = {
      locationId: id,
      id: message.id,
      providerKey: 'sms',
      connectionId,
      address: '+12025550143',
      companyId: own.companyId,
    };
  }
  const operations = Object.entries(description.paths as Record<string, Record<string, Operation>>)
    .flatMap(([path, byMethod]) => Object.entries(byMethod).map(([method, operation]) => ({ path, method, ...operation })))
    .filter(({ security }) => security?.length !== 0);
  const toScope = ({ security = [] }: Operation) => security.find(({ token }) => token)?.token?.[0] ?? null;
  const scopes = [...new Set(operations.map(toScope))].filter((scope) => scope !== null);
  expect(scopes.sort()).toEqual([...apiScopes].sort());

  const fill = (path: string, of: string) =>
    path
      .replace('/api', '')
      .replace(/\{(\w+)\}/g, (_, name: string) => ids[of]?.[name] ?? '01930000-0000-7000-8000-000000000000');
  const wrong: unknown[] = [];
  for (const scope of scopes) {
    const api = use(world, await createToken(world, own.id, [scope]));
    for (const operation of operations) {
      const { path, method } = operation;
      const send = (of: string) => {
        const call = api[method as 'get'];
        return method === 'get'
          ? call(fill(path, of))
          : (api[method as 'post'](fill(path, of), { reason: 'x' }) as ReturnType<typeof call>);
      };
      const isItsOwn = toScope(operation) === scope;
      // Writes to its own location would change what the next ones need.
      if (!isItsOwn || method === 'get') {
        const { status } = await send(own.id);
        if (isItsOwn ? status === 401 || status === 403 : status !== 403) wrong.push({ scope, method, path, status });
      }
      const foreign = await send(other.id);
      const isNamed = /\{(locationId|id|connectionId|companyId)\}/.test(path);
      if (isNamed ? ![403, 404].includes(foreign.status) : foreign.text.includes(other.id))
        wrong.push({ scope, method, path, foreign: foreign.status });
    }
  }
  expect(wrong).toEqual([]);
});

test('a token does what it is for, in its own name; it is stored as a hash, and its last use at most once a minute', async () => {
  await using world = await startWorld(idle);
  const location = await world.setUpLocation();
  const path = `/locations/${location.id}`;
  const token = await createToken(world, location.id, ['opt_outs:write', 'channels:read', 'locations:read'], {
    name: 'CRM export',
  });
  expect(token).toMatch(/^pb_[0-9A-Za-z]{49}$/);
  const stored = await world.db.apiToken.findFirstOrThrow();
  expect(JSON.stringify(stored)).not.toContain(token.slice(0, 20));

  const api = use(world, token);
  const { body: optOut } = await api.put(`${path}/opt-outs/+12025550143`, { reason: 'asked by phone' }).expect(200);
  expect(optOut).toMatchObject({ source: 'user', addedBy: 'token:CRM export' });
  const first = (await world.db.apiToken.findFirstOrThrow()).lastUsedAt;
  expect(first).toEqual(new Date(world.clock.now()));
  world.clock.jump(30_000);
  await api.get(`${path}/channels/sms`).expect(200);
  expect((await world.db.apiToken.findFirstOrThrow()).lastUsedAt).toEqual(first);
  world.clock.jump(30_000);
  expect((await api.get('/locations').expect(200)).body.items.map((one: { locationId: string }) => one.locationId)).toEqual([
    location.id,
  ]);
  expect((await world.db.apiToken.findFirstOrThrow()).lastUsedAt?.getTime()).toBe(world.clock.now());
  expect((await world.api.get(`${path}/audit`).expect(200)).body.items).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ action: 'opt_out_recorded', actor: 'token:CRM export' }),
      expect.objectContaining({
        action: 'api_token_created',
        actor: 'operator',
        details: expect.stringContaining('CRM export'),
      }),
    ]),
  );
  // Pages are for people.
  await world.client
    .get('/embed/pages/messages')
    .set({ authorization: `Bearer ${token}` })
    .expect(401);
});

test('a token ends by its expiry, by being revoked, with all sessions and with the uninstall; a new install revives none', async () => {
  await using world = await startWorld(idle);
  const location = await world.install();
  const path = `/locations/${location.id}`;
  const create = (name: string, expiresInDays = 90) =>
    createToken(world, location.id, ['locations:read'], { name, expiresInDays });
  const expectStatus = (token: string, status: number) => use(world, token).get(path).expect(status);
  for (const expiresInDays of [undefined, 0, 366]) {
    await world.api.post(`${path}/tokens`, { name: 'x', scopes: ['locations:read'], expiresInDays }).expect(422);
  }
  await create('taken');
  await world.api.post(`${path}/tokens`, { name: 'taken', scopes: ['locations:read'], expiresInDays: 1 }).expect(409);

  const short = await create('short', 1);
  await expectStatus(short, 200);
  world.clock.jump(day);
  await expectStatus(short, 401);
  world.clock.jump(91 * day);
  await runCleanup(world.services);
  expect(await world.db.apiToken.count({ where: { name: 'short' } })).toBe(0);

  const revoked = await create('revoked');
  const { id } = await world.db.apiToken.findFirstOrThrow({ where: { name: 'revoked' } });
  await world.api.delete(`${path}/tokens/${id}`).expect(204);
  await world.api.delete(`${path}/tokens/${id}`).expect(404);
  await expectStatus(revoked, 401);

  const ended = await create('ended');
  await world.api.post(`/companies/${location.companyId}/sessions/revoke`).expect(404);
  await world.api.post(`${path}/sessions/revoke`).expect(200);
  await expectStatus(ended, 401);

  const kept = await create('uninstalled');
  world.clock.jump(1_000);
  await world.api.delete(path).expect(202);
  await expectStatus(kept, 401);
  world.clock.jump(1_000);
  await world.finishInstall(world.highlevel.approveInstall(location.id));
  await expectStatus(kept, 401);
  expect(await world.db.apiToken.count()).toBe(0);
});

test('wrong tokens in the form of ours lock out no address, those of another form do', async () => {
  await using world = await startWorld(idle);
  const location = await world.install();
  const token = await createToken(world, location.id, ['locations:read']);
  for (let count = 0; count < 25; count++) await use(world, generateApiToken(systemRandom)).get('/locations').expect(401);
  await use(world, token).get('/locations').expect(200);
  // Without the right checksum it may be an attempt at the operator's token.
  const flawed = `${token.slice(0, -1)}${token.endsWith('a') ? 'b' : 'a'}`;
  for (let count = 0; count < 20; count++) await use(world, flawed).get('/locations').expect(401);
  await use(world, flawed).get('/locations').expect(429);
  await use(world, token).get('/locations').expect(200);
});

test('an admin creates a token on the page, sees it once and revokes it, in both languages; other users see no such page', async () => {
  await using world = await startWorld(idle);
  const { id: locationId, companyId } = await world.install();
  const pages = await createPageClient(world, { companyId, activeLocation: locationId, role: 'admin' });
  const missing = await pages.post('api-tokens', { do: 'create', name: '', expiresInDays: '90' });
  expect(missing.status).toBe(422);
  expect(missing.text).toMatch(/aria-invalid=true/);
  const fields = { do: 'create', name: 'Report', scopes: ['messages:read', 'opt_outs:read'], expiresInDays: '365' };
  const created = (await pages.post('api-tokens', fields, 'es').expect(200)).text;
  const token = /value="(pb_\w+)"/.exec(created)?.[1] ?? '';
  expect(created).toContain('Copie ahora el token «Report»');
  await use(world, token).get(`/locations/${locationId}/messages`).expect(200);
  expect((await pages.post('api-tokens', fields)).text).toContain('already has a token of this name');
  const shown = (await pages.get('api-tokens').expect(200)).text;
  expect(shown).not.toContain(token);
  expect(shown).toContain('messages:read, opt_outs:read');
  const { id } = await world.db.apiToken.findFirstOrThrow();
  await pages.post('api-tokens', { do: 'revoke', tokenId: id }).expect(200);
  await use(world, token).get(`/locations/${locationId}/messages`).expect(401);

  const user = await createPageClient(world, { companyId, activeLocation: locationId, role: 'user' });
  await user.get('api-tokens').expect(403);
  expect((await user.get('messages')).text).not.toContain('api-tokens');
});
