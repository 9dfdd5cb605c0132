import { createPageClient } from '../support/page-client.ts';
import { startTelegramProgram } from '../support/telegram-program.ts';

test('a person makes a link for a contact by its number, its email address or its ID', async () => {
  await using program = await startTelegramProgram();
  const { world, locationId, contact } = program;
  const { companyId } = (await world.db.installation.findFirstOrThrow({ where: { resourceId: locationId } })) as {
    companyId: string;
  };
  const pages = await createPageClient(world, { companyId, activeLocation: locationId, role: 'admin' } as never);
  const page = await pages.get('channels/sms').expect(200);
  expect(page.text).toContain('Link for a contact');
  expect(page.text).toContain('/link?contact={{contact.id}}');
  for (const given of [contact.id, contact.phone ?? '']) {
    const made = await pages.post('channels/sms', { do: 'contactLink', contact: given }).expect(200);
    expect(made.text).toMatch(/id="address-contact-link"[^>]*>https:\/\/t\.me\/\w+\?start=l-[\w-]{22}</);
  }
  expect(new Set((await world.db.contactLink.findMany()).map(({ contactId }) => contactId))).toEqual(new Set([contact.id]));
  const unknown = await pages.post('channels/sms', { do: 'contactLink', contact: 'nobody@example.com' }, 'es').expect(422);
  expect(unknown.text).toContain('El CRM no tiene ese contacto.');
});

test('the reason of a message without a chat is translated and keeps its link', async () => {
  await using program = await startTelegramProgram();
  const { world, locationId } = program;
  const highlevelId = await program.sendMessage('too early');
  await world.advanceUntil(async () => (await world.getMessage(highlevelId)).state === 'failed');
  const { id } = await world.getMessage(highlevelId);
  const { companyId } = (await world.db.installation.findFirstOrThrow({ where: { resourceId: locationId } })) as {
    companyId: string;
  };
  const pages = await createPageClient(world, { companyId, activeLocation: locationId, role: 'admin' } as never);
  const page = await pages.get(`messages/${id}`, 'es').expect(200);
  expect(page.text).toMatch(/El contacto aún no tiene un chat con este canal\..* https:\/\/t\.me\/\w+\?start=l-/);
});
