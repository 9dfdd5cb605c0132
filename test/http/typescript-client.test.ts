import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { ApiError, createClient } from '../../clients/typescript/client.ts';
import { buildClientTypes } from '../../src/http/api/client-types.ts';
import { startWorld } from '../support/world.ts';

const committed = readFileSync(resolve(import.meta.dirname, '../../clients/typescript/api.ts'), 'utf8');

test('the client’s types are those of the description: run “npm run client” after a change', async () => {
  await using world = await startWorld({ isIdle: true });
  const { body } = await world.client.get('/api/openapi.json').expect(200);
  expect(buildClientTypes(body)).toBe(committed);
  // Each reference of the description names one of its schemas.
  const names = [...JSON.stringify(body).matchAll(/"\$ref":"([^"]*)"/g)].map(([, name = '']) =>
    name.replace('#/components/schemas/', ''),
  );
  expect([...new Set(names)].filter((name) => !(name in body.components.schemas))).toEqual([]);
});

test('a program with an API token reads pages, changes opt-outs and gets errors as the API responds them', async () => {
  await using world = await startWorld({ isIdle: true });
  const { id: locationId, contact } = await world.setUpLocation();
  const path = { locationId };
  const operator = createClient({ baseUrl: `${world.url}/`, token: 'pb_wrong' });
  await expect(operator.request('GET /api/locations', {})).rejects.toMatchObject({ status: 401, code: 'unauthorized' });
  const { body } = await world.api
    .post(`/locations/${locationId}/tokens`, {
      name: 'x',
      scopes: ['messages:read', 'opt_outs:read', 'opt_outs:write'],
      expiresInDays: 1,
    })
    .expect(200);
  const client = createClient({ baseUrl: world.url, token: body.token });

  for (const text of ['one', 'two', 'three']) await world.highlevel.sendMessage(locationId, { contactId: contact.id, text });
  const texts: (string | null)[] = [];
  const list = client.listAll('GET /api/locations/{locationId}/messages', { path, query: { limit: 2, direction: 'outbound' } });
  for await (const message of list) texts.push(message.text);
  expect(texts).toEqual(['three', 'two', 'one']);

  const address = '+12025550143';
  const added = await client.request('PUT /api/locations/{locationId}/opt-outs/{address}', {
    path: { ...path, address },
    body: { reason: 'asked by phone' },
  });
  expect(added.address).toBe(address);
  expect(await client.request('GET /api/locations/{locationId}/opt-outs/export', { path })).toContain(address);
  const imported = await client.request('POST /api/locations/{locationId}/opt-outs/import', {
    path,
    query: {},
    body: '+12025550199\n',
  });
  expect(imported.addedCount).toBe(1);
  const lift = { path: { ...path, address }, body: { reason: 'asked again' } };
  expect(await client.request('DELETE /api/locations/{locationId}/opt-outs/{address}', lift)).toBeUndefined();

  const failure = await client
    .request('DELETE /api/locations/{locationId}/opt-outs/{address}', lift)
    .catch((error: unknown) => error as ApiError);
  expect(failure).toBeInstanceOf(ApiError);
  expect(failure).toMatchObject({ status: 404, code: 'not_found' });
  await expect(client.request('GET /api/locations/{locationId}/connections', { path })).rejects.toMatchObject({
    status: 403,
    message: expect.stringContaining('channels:read'),
  });
});
