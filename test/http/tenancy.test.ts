import { apiScopes } from '../../src/core/api-token.ts';
import { createAdminPages } from '../../src/http/admin/pages/registry.ts';
import { createPages } from '../../src/http/pages/registry.ts';
import { createApiClient } from '../support/api-client.ts';
import { createPageClient } from '../support/page-client.ts';
import { startWorld, type World } from '../support/world.ts';

/** Lesson 14: tenancy comes from the token alone. Generated from the description, so that a new address can't be forgotten. */

type Method = 'get' | 'put' | 'post' | 'delete';

interface Operation {
  security?: Record<string, unknown>[];
  parameters: { name: string; in: string }[];
}

const secret = 'only tenant B may read this';

/** Two agencies with a location each; B's has one of everything, and all of it is named or says the secret. */
async function setUpTenants(world: World) {
  const [a, b] = [await world.setUpLocation(), await world.setUpLocation()];
  const companyIds = { [a.id]: 'CompanyOfTenantA0001', [b.id]: 'CompanyOfTenantB0001' };
  for (const [resourceId, companyId] of Object.entries(companyIds)) {
    await world.db.installation.updateMany({
      where: { resourceId },
      data: { companyId, name: resourceId === b.id ? secret : 'A' },
    });
    world.highlevel.addCompany({ id: companyId, name: secret });
    const code = world.highlevel.approveCompanyInstall(companyId, []);
    await world.finishInstall(code);
  }
  await world.highlevel.sendMessage(b.id, { contactId: b.contact.id, text: secret });
  const message = await world.db.message.findFirstOrThrow();
  const endpoint = { url: world.vendor.url, eventTypes: ['message.failed'], description: secret };
  const { body: endpointOfB } = await world.api.post(`/locations/${b.id}/webhooks`, endpoint).expect(200);
  const idsOfB: Record<string, string> = {
    locationId: b.id,
    companyId: companyIds[b.id] as string,
    id: message.id,
    providerKey: 'sms',
    connectionId: b.connectionId,
    address: '+12025550143',
    tokenId: '01930000-0000-7000-8000-000000000000',
    webhookId: endpointOfB.id,
    contactId: b.contact.id,
    erasureId: '01930000-0000-7000-8000-000000000000',
  };
  return { a, b, companyIds, idsOfB, snapshot };

  async function snapshot() {
    return {
      connections: await world.db.connection.findMany({ where: { locationId: b.id } }),
      endpoints: await world.db.webhookEndpoint.findMany(),
      messages: await world.db.message.findMany({ where: { locationId: b.id } }),
      installations: (await world.db.installation.findMany({ where: { companyId: companyIds[b.id] as string } })).map(
        ({ resourceId, status }) => [resourceId, status],
      ),
    };
  }
}

test('a token of tenant A reads and changes no data of tenant B, at any endpoint of the API', async () => {
  await using world = await startWorld({ isIdle: true });
  const { a, b, companyIds, idsOfB, snapshot } = await setUpTenants(world);

  const bearer = (
    await world.api.post(`/locations/${a.id}/tokens`, { name: 'all', scopes: apiScopes, expiresInDays: 1 }).expect(200)
  ).body.token;
  const tokens = {
    program: createApiClient(world.client, { authorization: `Bearer ${bearer}` }),
    location: await world.apiAs({ companyId: companyIds[a.id] as string, activeLocation: a.id }),
    agency: await world.apiAs({ companyId: companyIds[a.id] as string }),
    // What names B anywhere else proves nothing either.
    sibling: await world.apiAs({ companyId: companyIds[a.id] as string, activeLocation: a.id, userId: b.id }),
  };
  const { body: description } = await world.client.get('/api/openapi.json').expect(200);
  const bodies: Record<string, object> = {
    put: { type: 'gateway', config: { url: world.vendor.url, secret: world.vendor.secret }, locationId: b.id },
    post: { text: 'hi', locationId: b.id },
  };
  const before = await snapshot();
  let tried = 0;

  for (const [path, operations] of Object.entries(description.paths as Record<string, Record<Method, Operation>>)) {
    for (const [method, operation] of Object.entries(operations) as [Method, Operation][]) {
      if (operation.security?.length === 0) continue;
      const names = operation.parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name);
      for (const name of names) expect({ path, name, known: name in idsOfB }).toEqual({ path, name, known: true });
      const address = path.replace('/api', '').replace(/\{(\w+)\}/g, (_, name: string) => idsOfB[name] as string);
      const query = `?locationId=${b.id}&companyId=${companyIds[b.id]}`;
      for (const [kind, api] of Object.entries(tokens)) {
        const pendingResponse =
          method === 'put' || method === 'post'
            ? api[method](address + query, bodies[method] ?? {})
            : api[method](address + query);
        const response = await pendingResponse;
        tried += 1;
        const namesSomebody = names.some((name) => name !== 'providerKey' && name !== 'address');
        const found = { kind, method, path, status: response.status, leaks: response.text.includes(secret) };
        expect(found).toEqual({ kind, method, path, status: expect.any(Number), leaks: false });
        expect(namesSomebody ? [403, 404] : [200, 403]).toContain(response.status);
        if (!namesSomebody) expect(response.text).not.toContain(b.id);
      }
    }
  }
  expect(tried).toBeGreaterThan(40);
  expect(await snapshot()).toEqual(before);
});

test('no page, download or form of tenant A reads or changes anything of tenant B', async () => {
  await using world = await startWorld({ isIdle: true });
  const { a, b, companyIds, idsOfB, snapshot } = await setUpTenants(world);
  const companyId = companyIds[a.id] as string;
  const clients = {
    location: await createPageClient(world, { companyId, activeLocation: a.id, role: 'admin' }),
    agency: await createPageClient(world, { companyId, type: 'agency', role: 'admin' }),
  };
  const pages = [...createPages(world.services), ...createAdminPages(world.services)];
  const before = await snapshot();
  for (const page of pages) {
    const path = page.path.replace(/:(\w+)/g, (_, name: string) => idsOfB[name] ?? `no id for :${name}`);
    for (const [kind, client] of Object.entries(clients)) {
      // B's location, and B's objects below A's.
      const hasIds = /:(?!providerKey)/.test(page.path);
      const own = kind === 'agency' && page.scope === 'location' ? `locations/${a.id}/` : '';
      const prefixes = [...(page.scope === 'location' ? [`locations/${b.id}/`] : []), ...(hasIds ? [own] : [])];
      for (const address of prefixes.map((prefix) => `${prefix}${path}`.replace(/\/$/, ''))) {
        const fields = { locationId: b.id, connectionId: b.connectionId, id: idsOfB.id as string, confirm: secret };
        const responses = [await client.get(address), ...(page.download ? [await client.get(`${address}/download`)] : [])];
        for (const name of Object.keys(page.actions)) responses.push(await client.post(address, { do: name, ...fields }));
        for (const { status, text } of responses) {
          expect({ kind, address, status, leaks: text.includes(secret) }).toEqual({ kind, address, status: 404, leaks: false });
        }
      }
    }
  }
  expect(await snapshot()).toEqual(before);
});
