import { maxFormBytes } from '../../../src/http/pages/framework/router.ts';
import { signInOperator } from '../../support/operator-session.ts';
import { createPageClient } from '../../support/page-client.ts';
import { adminToken } from '../../support/production-settings.ts';
import { startWorld, type World } from '../../support/world.ts';

const csv = (world: World, token: string, locationId: string, body: string, query = '') =>
  world.client
    .post(`/api/locations/${locationId}/opt-outs/import${query}`)
    .set({ authorization: `Bearer ${token}`, 'content-type': 'text/csv' })
    .send(body);

const open = (world: World, locationId: string) =>
  world.db.optOut.findMany({ where: { locationId, liftedAt: null }, orderBy: { id: 'asc' } });

test('a file is imported once, rows with errors are listed by line, and only an admin of the location may do it', async () => {
  await using world = await startWorld({ isIdle: true });
  const [location, other] = [await world.setUpLocation(), await world.setUpLocation()];
  const context = { companyId: location.companyId, activeLocation: location.id, role: 'admin', userId: 'user-1' };
  const token = await world.createUserToken(context);
  await world.api.put(`/locations/${location.id}/opt-outs/${encodeURIComponent('+12025550199')}`, { reason: 'before' });
  const file = [
    'Name;Phone;Reason',
    'Ana;(202) 555-0143;asked by phone',
    'Ben;+1 202 555 0143;twice in the file',
    'Cy;;no address',
    'Dee;not a number;',
    "Eve;'+12025550145;",
    'Bia;+5511987654321;one number',
    'Bia;+55 11 8765-4321;in two spellings',
    'Old;+12025550199;known',
    'Zed;+12025550146;\u0000',
  ].join('\r\n');
  const { body } = await csv(world, token, location.id, file, '?reason=From%20our%20old%20system').expect(200);
  expect(body).toEqual({
    ...{ rowCount: 9, addedCount: 3, knownCount: 3, errorCount: 3 },
    errors: [
      { line: 4, code: 'address_missing', value: '' },
      { line: 5, code: 'address_invalid', value: 'not a number' },
      { line: 10, code: 'reason_invalid', value: '\ufffd' },
    ],
  });
  expect(await open(world, location.id)).toMatchObject([
    { address: '+12025550199', reason: 'before', source: 'operator' },
    { address: '+12025550143', reason: 'twice in the file', source: 'user', addedBy: 'user-1', mirrorDueAt: expect.any(Date) },
    { address: '+12025550145', reason: 'From our old system' },
    { address: '+551187654321', reason: 'in two spellings' },
  ]);
  expect((await csv(world, token, location.id, file).expect(200)).body).toMatchObject({ addedCount: 0, knownCount: 6 });
  expect(await world.services.findOptOut(location.id, '+12025550145')).toBe('all');
  expect(await world.db.auditEntry.findMany({ where: { action: 'opt_outs_imported' } })).toMatchObject([
    { actor: 'user-1', locationId: location.id, details: '3 added, 3 known, 3 errors.' },
    { details: '0 added, 6 known, 3 errors.' },
  ]);

  await csv(world, token, other.id, file).expect(404);
  const reader = await world.createUserToken({ ...context, role: 'user' });
  await csv(world, reader, location.id, file).expect(403);
  await csv(world, 'nonsense', location.id, file).expect(401);
  expect(await open(world, other.id)).toEqual([]);
});

test('the size of an import is bounded, and another type of body is refused', async () => {
  await using world = await startWorld({ isIdle: true });
  const { id } = await world.setUpLocation();
  // After an opt-in it opts out again; over do-not-disturb of the CRM it adds an opt-out of its own.
  const at = new Date(world.clock.now() - 1_000);
  const row = { locationId: id, startedAt: at, confirmedAt: at };
  await world.db.optOut.createMany({
    data: [
      { ...row, id: world.services.newId(), address: '+12025550143', source: 'contact', liftedAt: at, liftedBy: 'contact' },
      { ...row, id: world.services.newId(), address: '+12025550144', source: 'highlevel' },
    ],
  });
  const { body: over } = await csv(world, adminToken, id, '+12025550143\n+12025550144').expect(200);
  expect(over).toMatchObject({ addedCount: 2, knownCount: 0 });
  expect((await open(world, id)).map(({ address, source }) => [address, source])).toEqual([
    ['+12025550144', 'highlevel'],
    ['+12025550143', 'operator'],
    ['+12025550144', 'operator'],
  ]);
  await world.db.optOut.deleteMany();

  const lines = Array.from({ length: 10_002 }, (_, index) => `+1202555${String(index).padStart(5, '0')}`);
  const { body } = await csv(world, adminToken, id, lines.join('\n')).expect(200);
  expect(body).toMatchObject({
    ...{ rowCount: 10_000, addedCount: 10_000, errorCount: 1 },
    errors: [{ line: 10_001, code: 'too_many_rows', value: '' }],
  });
  await csv(world, adminToken, id, 'x'.repeat(5 * 1024 * 1024 + 1)).expect(413);
  await world.api.post(`/locations/${id}/opt-outs/import`, { csv: 'x' }).expect(415);
  await csv(world, adminToken, id, '').expect(200);
  expect(await world.db.optOut.count()).toBe(10_000);

  // The export has all of them, and an import of it adds no row.
  const exported = await world.api.get(`/locations/${id}/opt-outs/export`).buffer(true).expect(200);
  expect(exported.headers['content-type']).toBe('text/csv; charset=utf-8');
  expect(exported.text.split('\r\n')).toHaveLength(10_002);
  const again = await csv(world, adminToken, id, exported.text).expect(200);
  expect(again.body).toMatchObject({ rowCount: 10_000, addedCount: 0, knownCount: 10_000, errorCount: 0 });
});

test('the export and the page show who, when and why, run no formula, and show no other location’s opt-outs', async () => {
  await using world = await startWorld({ isIdle: true });
  const [location, other] = [await world.setUpLocation(), await world.setUpLocation()];
  const { companyId } = location;
  const context = { companyId, activeLocation: location.id, role: 'admin', userId: 'user-1' };
  const pages = await createPageClient(world, context);
  const foreign = encodeURIComponent('+12025550177');
  await world.api.put(`/locations/${other.id}/opt-outs/${foreign}`, { reason: 'foreign' }).expect(200);

  const added = await pages.post('opt-outs', { do: 'add', address: '+12025550143', reason: '=HYPERLINK("x")' }).expect(200);
  expect(added.body).toEqual({ location: '#/opt-outs', notice: '+12025550143 gets no more messages.' });
  await pages.post('opt-outs', { do: 'add', address: '', reason: '' }).expect(422);
  await pages.post('opt-outs', { do: 'add', address: 'somebody', reason: 'x' }).expect(422);
  const shown = await pages.get('opt-outs').expect(200);
  expect(shown.text).toMatch(/\+12025550143[\s\S]*HYPERLINK[\s\S]*user-1/);
  expect(shown.text).not.toContain('foreign');
  const file = await pages.get('opt-outs/download').buffer(true).expect(200);
  expect(file.text).toContain(`"'+12025550143","'=HYPERLINK(""x"")",sms,all,user,user-1,`);
  expect(file.text).not.toContain('+12025550177');

  await world.advance(1_000);
  await pages.post('opt-outs', { do: 'lift', address: '+12025550143', reason: 'asked again' }).expect(200);
  await pages.post('opt-outs', { do: 'lift', address: '+12025550143', reason: 'asked again' }).expect(404);
  await pages.post('opt-outs', { do: 'lift', address: '+12025550177', reason: 'foreign' }).expect(404);
  expect((await pages.get('opt-outs').expect(200)).text).not.toContain('+12025550143');
  expect((await pages.get('opt-outs?state=lifted', 'es').expect(200)).text).toMatch(
    /12025550143[\s\S]*user-1[\s\S]*asked again/,
  );
  const { items } = (await world.api.get(`/locations/${location.id}/opt-outs?state=lifted`).expect(200)).body;
  expect(items).toMatchObject([{ liftedBy: 'user-1', liftReason: 'asked again' }]);

  const imported = await pages
    .post('opt-outs', { do: 'import', csv: 'address\r\n+12025550150\r\nnonsense', importReason: 'old list' })
    .expect(200);
  expect(imported.text).toMatch(/Line 3:[\s\S]*neither a phone number[\s\S]*nonsense/);
  const reader = await createPageClient(world, { ...context, role: 'user' });
  expect((await reader.get('opt-outs').expect(200)).text).not.toContain('data-action');
  await reader.post('opt-outs', { do: 'add', address: '+12025550160', reason: 'x' }).expect(403);
  await reader.post('opt-outs', { do: 'import', csv: '+12025550161', importReason: 'x' }).expect(403);
  await pages.get(`locations/${other.id}/opt-outs/download`).expect(404);
  expect((await open(world, location.id)).map(({ address }) => address)).toEqual(['+12025550150']);

  // The operator's form, with a token against forgery, up to a megabyte.
  const { id } = other;
  const operator = await signInOperator(world);
  const path = `/locations/${id}/opt-outs`;
  const fields = { do: 'import', importReason: 'old list' };
  const list = Array.from({ length: 9_000 }, (_, index) => `+1202555${String(index).padStart(5, '0')}`).join('\r\n');
  expect(encodeURIComponent(list).length).toBeLessThan(maxFormBytes);
  await operator.post(path, { ...fields, csv: list }).expect(200);
  expect(await world.db.optOut.count({ where: { locationId: id, source: 'operator' } })).toBe(9_001);
  await operator.post(path, { ...fields, csv: '+12025559999', csrf: 'wrong' }).expect(403);
  await operator.post(path, { ...fields, csv: 'x'.repeat(maxFormBytes) }).expect(413);
  expect((await operator.get(`${path}/download`).buffer(true).expect(200)).text.split('\r\n')).toHaveLength(9_003);
  await world.client.get(`/admin${path}/download`).set('accept', 'text/html').expect(303);
});

test('the report counts what was refused, by day and by cause, and links to it in the log', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const send = async (messageId: string) => {
    await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, messageId, text: 'x' });
    await world.advanceUntilReported(messageId);
  };
  const path = `/locations/${location.id}/opt-outs/${encodeURIComponent('+12025550143')}`;
  await world.api.put(path, { reason: 'asked by phone' }).expect(200);
  await send('refused-1');
  await world.advance(1_000);
  await world.api.delete(path).send({ reason: 'asked again' }).expect(204);
  await world.advanceUntil(async () => (await world.db.optOut.count({ where: { mirrorDueAt: { not: null } } })) === 0);
  await send('sent-1');
  // A number whose opt-out the ledger has in another spelling.
  await world.postChannelWebhook(location.connectionId, 'inbound', { externalId: 'i', from: '+5511987654321', text: 'STOP' });
  const bare = { locationId: location.id, messageId: 'refused-2', contactId: 'bia', phone: '+551187654321', message: 'x' };
  await world.highlevel.postSigned('/webhooks/providers/sms', JSON.stringify(bare));
  await world.advanceUntil(async () => (await world.getMessage('refused-2')).state === 'failed');
  const report = (await world.api.get(`/locations/${location.id}/opt-outs/refused?days=7`).expect(200)).body;
  expect(report).toMatchObject({ totalCount: 2 });
  expect(report.causes).toEqual(expect.arrayContaining(['operator', 'contact'].map((cause) => ({ cause, count: 1 }))));
  expect(report.days).toHaveLength(7);
  expect(report.days.at(-1)).toMatchObject({ count: 2 });
  const pages = await createPageClient(world, { companyId: location.companyId, activeLocation: location.id, role: 'user' });
  const { text } = await pages.get('opt-outs/refused?days=7').expect(200);
  expect(text).toContain('2 messages were not sent.');
  const [, link = ''] = text.match(/href="#\/(messages\?[^"]*day=[^"]*)"/) ?? [];
  const log = await pages.get(link.replaceAll('&#38;', '&').replaceAll('&amp;', '&')).expect(200);
  expect(log.text.match(/id="message-/g)).toHaveLength(2);
  await pages.get('opt-outs/refused?days=8').expect(422);
});
