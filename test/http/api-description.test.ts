import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { startWorld } from '../support/world.ts';

test('the description is made of the shapes and fits OpenAPI’s form', async () => {
  await using world = await startWorld({ isIdle: true });
  const { body } = await world.client.get('/api/openapi.json').expect(200);
  expect(body.openapi).toBe('3.1.0');
  expect(Object.keys(body.paths)).toEqual([
    '/api/session',
    '/api/companies',
    '/api/companies/{companyId}',
    '/api/companies/{companyId}/sessions/revoke',
    '/api/locations',
    '/api/locations/{locationId}',
    '/api/locations/{locationId}/sessions/revoke',
    '/api/locations/{locationId}/channels/{providerKey}',
    '/api/locations/{locationId}/channels/{providerKey}/test',
    '/api/locations/{locationId}/channels/{providerKey}/resume',
    '/api/locations/{locationId}/channels/{providerKey}/webhooks',
    '/api/locations/{locationId}/channels/{providerKey}/pairing',
    '/api/locations/{locationId}/channels/{providerKey}/contact-links',
    '/api/locations/{locationId}/channels/{providerKey}/senders',
    '/api/locations/{locationId}/channels/{providerKey}/templates',
    '/api/locations/{locationId}/calls',
    '/api/locations/{locationId}/calls/recordings',
    '/api/locations/{locationId}/connections',
    '/api/connections/{connectionId}',
    '/api/connections/{connectionId}/senders',
    '/api/connections/{connectionId}/senders/{address}',
    '/api/locations/{locationId}/routing/{providerKey}',
    '/api/locations/{locationId}/routing/{providerKey}/preview',
    '/api/locations/{locationId}/messages',
    '/api/messages/{id}',
    '/api/messages/{id}/retry',
    '/api/messages/{id}/mark-sent',
    '/api/locations/{locationId}/opt-outs',
    '/api/locations/{locationId}/opt-outs/export',
    '/api/locations/{locationId}/opt-outs/import',
    '/api/locations/{locationId}/opt-outs/refused',
    '/api/locations/{locationId}/opt-outs/{address}',
    '/api/locations/{locationId}/workflow-triggers',
    '/api/locations/{locationId}/retention',
    '/api/locations/{locationId}/contacts/{contactId}/export',
    '/api/locations/{locationId}/erasures',
    '/api/locations/{locationId}/erasures/{erasureId}',
    '/api/locations/{locationId}/dead-letters',
    '/api/locations/{locationId}/redrives',
    '/api/alerts',
    '/api/audit',
    '/api/companies/{companyId}/audit',
    '/api/locations/{locationId}/audit',
    '/api/locations/{locationId}/tokens',
    '/api/locations/{locationId}/tokens/{tokenId}',
    '/api/locations/{locationId}/webhooks',
    '/api/locations/{locationId}/webhooks/{webhookId}',
    '/api/locations/{locationId}/webhooks/{webhookId}/attempts',
    '/api/locations/{locationId}/webhooks/{webhookId}/replay',
    '/api/locations/{locationId}/webhooks/{webhookId}/test',
    '/api/unknown-webhooks',
    '/api/overview',
    '/api/check',
    '/api/locations/{locationId}/check',
  ]);
  expect(Object.keys(body.paths['/api/locations/{locationId}/channels/{providerKey}'])).toEqual(['get', 'put', 'delete']);
  const references = [...JSON.stringify(body).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map((match) => match[1] as string);
  expect(references.length).toBeGreaterThan(10);
  for (const name of references) expect(body.components.schemas).toHaveProperty(name);
});

test('responses and the least of a request fit the description', async () => {
  await using world = await startWorld();
  const { body: description } = await world.client.get('/api/openapi.json').expect(200);
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  formats.default(ajv);
  ajv.addSchema(description, 'api');
  const findProblems = (pointer: string, value: unknown) =>
    ajv.validate(`api#/${pointer}`, value) ? [] : [ajv.errorsText(ajv.errors, { dataVar: pointer })];
  const escapePointer = (path: string) => path.replaceAll('~', '~0').replaceAll('/', '~1');

  const { id, companyId, connectionId, contact } = await world.setUpLocation();
  await world.highlevel.sendMessage(id, { contactId: contact.id, text: 'hi' });
  await world.advanceUntil(async () => (await world.db.message.count({ where: { state: 'pending' } })) === 0);
  const { id: messageId } = await world.db.message.findFirstOrThrow();
  await world.api.put(`/locations/${id}/opt-outs/+12025550144`, { reason: 'asked' }).expect(200);
  const policy = { rules: [{ when: { prefix: '+1' }, connectionId }], sticky: true };
  await world.api.put(`/locations/${id}/routing/sms`, policy).expect(200);
  expect(findProblems('components/schemas/RoutingPolicyWanted', policy)).toEqual([]);
  const endpoint = { url: world.vendor.url, eventTypes: ['message.failed'] };
  const { body: webhook } = await world.api.post(`/locations/${id}/webhooks`, endpoint).expect(200);
  await world.api.post(`/locations/${id}/tokens`, { name: 'x', scopes: ['messages:read'], expiresInDays: 1 }).expect(200);

  const named: Record<string, string> = { locationId: id, companyId, connectionId, id: messageId, webhookId: webhook.id };
  Object.assign(named, { providerKey: 'sms', contactId: contact.id, erasureId: messageId });
  const succeeded: string[] = [];
  for (const [path, { get }] of Object.entries(description.paths as Record<string, { get?: object }>)) {
    if (!get) continue;
    const address = path.replace('/api', '').replace(/\{(\w+)\}/g, (_, name: string) => named[name] as string);
    const { status, type, body } = await world.api.get(address);
    if (status === 200) succeeded.push(path);
    if (type !== 'application/json') continue;
    const response = `paths/${escapePointer(path)}/get/responses/${status === 200 ? status : 'default'}`;
    expect(findProblems(`${response}/content/${escapePointer(type)}/schema`, body)).toEqual([]);
  }
  expect(succeeded.length).toBeGreaterThan(25);
});
