import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import { allScopes, operations } from '../../src/highlevel/operations.ts';
import { png } from '../support/sample-files.ts';
import { allProviders, startWorld } from '../support/world.ts';

/** HighLevel's own OpenAPI descriptions of the operations that we use, without texts and examples. */
interface Specification {
  operations: Record<
    string,
    { method: string; path: string; versions: string[]; scopes: string[]; contentType: string | null; body: object | null }
  >;
  schemas: Record<string, { properties: Record<string, object>; required?: string[]; additionalProperties?: boolean }>;
}

const specification: Specification = JSON.parse(
  readFileSync(resolve(import.meta.dirname, '../fixtures/highlevel-openapi.json'), 'utf8'),
);

function validator() {
  const schemas = structuredClone(specification.schemas);
  const inbound = schemas.ProcessMessageBodyDto;
  if (!inbound) throw new Error('The fixture lacks the inbound message.');
  // Where the files and the platform disagree, the platform counts (platform.md 6.1): one of the two ids is enough, a default provider is
  // not named, and the direction is a word.
  inbound.required = ['type'];
  inbound.properties.direction = { type: 'string', enum: ['inbound', 'outbound'] };
  // Public code sends neither, and the platform accepts that (platform-2026-11.md 3.2).
  if (schemas.SendMessageBodyDto) schemas.SendMessageBodyDto.required = ['type', 'contactId'];
  // Uploads need one of the ids, and the file itself in place of addresses (platform.md 6.2).
  if (schemas.UploadFilesDto) schemas.UploadFilesDto.required = ['locationId'];
  // A field that a schema does not know is a mistake of ours, though the files do not forbid it.
  for (const schema of Object.values(schemas)) schema.additionalProperties = false;

  const ajv = new Ajv({ strict: false, allErrors: true });
  formats.default(ajv);
  ajv.addSchema({ $id: 'highlevel', components: { schemas } });
  return (body: object, of: { $ref: string }) => {
    const isValid = ajv.validate({ $ref: `highlevel${of.$ref}` }, body);
    return isValid ? [] : ajv.errors;
  };
}

/** Operations that no description of HighLevel's contains (platform-2026-11.md 3.2). */
const undescribed = ['executeTrigger', 'resumeAction'];

test('every operation has the method, path, version and scope of HighLevel’s own description', () => {
  for (const [name, { method, path, version, scope }] of Object.entries(operations)) {
    if (undescribed.includes(name)) continue;
    const described = specification.operations[name];
    expect({ name, method, path }).toEqual({ name, method: described?.method, path: described?.path });
    expect(described?.versions).toContain(version);
    expect(described?.scopes).toContain(scope);
    expect(allScopes).toContain(scope);
  }
});

test('every request of the program fits HighLevel’s own description', async () => {
  await using world = await startWorld({ scopes: allScopes, attachments: { delivery: 'upload' } });
  const location = await world.install();
  const picture = world.vendor.serveFile('a.png', png);
  for (const { key } of allProviders) {
    const connectionId = await world.connect(location.id, key);
    const isMail = key === 'mail' || key === 'letters';
    const contact = isMail ? 'maya@example.com' : '+12025550143';
    world.vendor.respondWith({ body: { status: 'delivered' } });
    await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi', providerKey: key });
    const reply = {
      from: contact,
      to: 'us',
      text: 'hi',
      subject: 'hi',
      html: '<p>hi</p>',
      attachments: [picture],
    };
    await world
      .postChannelWebhook(connectionId, 'inbound', { ...reply, externalId: `${key}-1`, at: '2026-01-01T09:00:00Z' })
      .expect(202);
    const elsewhere = { ...reply, from: 'us', to: contact, direction: 'outbound', externalId: `${key}-2` };
    await world.postChannelWebhook(connectionId, 'inbound', elsewhere).expect(202);
  }
  await world.advanceUntil(async () => (await world.db.message.count({ where: { state: 'pending' } })) === 0);
  world.vendor.respondWith({ status: 400, body: { error: { code: 1, message: 'no' } } });
  await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'fails' });
  // Its response is lost, so the message is searched for.
  world.highlevel.faults.add({ operation: 'addInboundMessage', times: 1, effect: { cut: 'after_handling' } });
  const overSms = await world.db.connection.findFirstOrThrow({ where: { providerKey: 'sms' } });
  await world.postChannelWebhook(overSms.id, 'inbound', {
    externalId: 'new',
    from: '+12025550188',
    text: 'STOP',
    name: 'New',
  });
  const bare = { locationId: location.id, messageId: 'no-phone', contactId: location.contact.id, message: 'hi' };
  await world.highlevel.postSigned('/webhooks/providers/sms', JSON.stringify(bare));
  world.highlevel.expireTokens();
  await world.advanceUntil(async () => (await world.db.message.count({ where: { state: 'pending' } })) === 0);
  await world.advanceUntil(() => world.highlevel.calls.listByOperation('updateMessageStatus').length >= 3);
  await world.advanceUntil(() => world.highlevel.calls.listByOperation('updateEmailStatus').length >= 2);

  await world.api.put(`/locations/${location.id}/opt-outs/ana@example.com`, { reason: 'asked by phone' }).expect(200);
  for (const operation of ['updateContact', 'findDuplicateContact']) {
    await world.advanceUntil(() => world.highlevel.calls.listByOperation(operation).length > 0);
  }

  const agency = world.highlevel.addCompany();
  world.highlevel.addLocation({ companyId: agency.id });
  const code = world.highlevel.approveCompanyInstall(agency.id);
  await world.finishInstall(code);
  await world.advanceUntil(
    async () => (await world.db.installation.count({ where: { companyId: agency.id, status: 'active' } })) === 2,
  );
  for (const path of [`/locations/${location.id}`, `/companies/${agency.id}`]) await world.api.delete(path).expect(202);
  await world.advanceUntil(() => world.highlevel.calls.listByOperation('uninstall').length === 2);

  const listProblems = validator();
  const seen = new Set<string>();
  for (const { operation, method, body } of world.highlevel.calls.all) {
    const described = specification.operations[operation.split(':')[0] ?? ''];
    seen.add(operation);
    expect({ operation, method }).toEqual({ operation, method: described?.method });
    if (described?.body) {
      expect({ operation, body, problems: listProblems(body as object, described.body as { $ref: string }) }).toMatchObject({
        problems: [],
      });
    }
  }
  expect([...seen].sort()).toEqual([
    'addInboundMessage',
    'findDuplicateContact',
    'getContact',
    'getLocation',
    'listInstalledLocations',
    'listMessages',
    'mintLocationToken',
    'token:authorization_code',
    'token:refresh_token',
    'uninstall',
    'updateContact',
    'updateEmailStatus',
    'updateMessageStatus',
    'uploadFile',
    'upsertContact',
  ]);
});
