import { createPageClient } from '../support/page-client.ts';
import { startWorld } from '../support/world.ts';

test('an admin sets how long messages are kept, downloads a contact’s data and erases it, in both languages; others only see it', async () => {
  await using world = await startWorld({ isIdle: true, services: { retention: { messageDays: 365, contentDays: null } } });
  const { id, companyId, contact } = await world.install();
  const pages = await createPageClient(world, { companyId, activeLocation: id, role: 'admin' });
  expect((await pages.get('privacy').expect(200)).text).toContain('messages are deleted after 365 days.');
  const wrong = await pages.post('privacy', { do: 'retention', messageDays: '7', contentDays: '-1' }).expect(422);
  expect(wrong.text.match(/error-text/g)).toHaveLength(2);
  await pages
    .post('privacy', { do: 'retention', messageDays: '90', contentDays: '0', erasesDeletedContacts: 'yes' })
    .expect(200);
  expect(await world.db.retentionPolicy.findMany()).toMatchObject([
    { locationId: id, messageDays: 90, contentDays: 0, erasesDeletedContacts: true },
  ]);
  await pages.post('privacy', { do: 'retention', messageDays: '', contentDays: '' }).expect(200);
  expect(await world.db.retentionPolicy.findMany()).toMatchObject([{ messageDays: null, contentDays: null }]);

  const prepared = await pages.get(`privacy?contact=${contact.id}`, 'es').expect(200);
  expect(prepared.text).toContain(`Descargar los datos del contacto ${contact.id}`);
  const file = await pages.get(`privacy/download?contact=${contact.id}`).expect(200);
  expect(JSON.parse(file.text)).toMatchObject({ contactId: contact.id, messages: [] });

  expect((await pages.post('privacy', { do: 'erase', erased: 'x', confirm: 'yes' }, 'es').expect(422)).text).toContain(
    'No es el ID',
  );
  expect((await pages.post('privacy', { do: 'erase', erased: contact.id }).expect(422)).text).toContain(
    'Confirm that the data',
  );
  await pages.post('privacy', { do: 'erase', erased: '+1 202 555 0143', confirm: 'yes' }).expect(200);
  expect((await pages.get('privacy').expect(200)).text).toContain('+120…0143');

  const reader = await createPageClient(world, { companyId, activeLocation: id, role: 'user' });
  const seen = await reader.get('privacy').expect(200);
  expect(seen.text).toContain('Messages are kept while the app is installed.');
  expect(seen.text).not.toContain('<form method="post"');
  expect(JSON.parse((await reader.get(`privacy/download?contact=${contact.id}`).expect(200)).text)).toMatchObject({
    addresses: [],
  });
  await reader.post('privacy', { do: 'erase', erased: contact.id, confirm: 'yes' }).expect(403);
});
