import { apiScopes } from '../../src/core/api-token.ts';
import { createApiClient } from '../support/api-client.ts';
import { startWorld } from '../support/world.ts';

/** Lesson 14: tenancy comes from the token alone. Generated from the description, so that a new address can't be forgotten. */

type Method = 'get' | 'put' | 'post' | 'delete';

interface Operation {
  security?: Record<string, unknown>[];
  parameters: { name: string; in: string }[];
}

test('a token of tenant A reads and changes no data of tenant B, at any endpoint of the API', async () => {
  await using world = await startWorld({ isIdle: true });
  const [a, b] = [await world.setUpLocation(), await world.setUpLocation()];
  const companyIds = { [a.id]: 'CompanyOfTenantA0001', [b.id]: 'CompanyOfTenantB0001' };
  const secret = 'only tenant B may read this';
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
});
