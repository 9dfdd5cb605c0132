import { loadLanguages } from '../../src/http/pages/framework/texts.ts';
import { eventTexts } from '../../src/messages/log/timeline.ts';
import { addMessages } from '../support/many-messages.ts';
import { createPageClient } from '../support/page-client.ts';
import { startWorld } from '../support/world.ts';

const failed = { state: 'failed' as const, reasonCode: 'no_channel', reason: 'No channel.', text: 'A secret of its own' };
const unknown = { state: 'pending' as const, heldForReviewAt: new Date(), reasonCode: 'interrupted', reason: 'Interrupted.' };

test('no page, search, filter or action reaches the messages of another location', async () => {
  await using world = await startWorld({ isIdle: true });
  const one = await world.install();
  const other = await world.install();
  const elsewhere = world.highlevel.addLocation({ companyId: world.highlevel.addCompany().id });
  await world.finishInstall(world.highlevel.approveInstall(elsewhere.id));
  const [id = ''] = await addMessages(world, other, 1, () => ({ ...failed, connectionId: null }));
  const { highlevelMessageId, contactId } = await world.db.message.findUniqueOrThrow({ where: { id } });
  const { get, post } = await createPageClient(world, { companyId: one.companyId, activeLocation: one.id, role: 'admin' });
  const queries = ['', `?q=${id}`, `?q=${highlevelMessageId}`, `?q=${contactId}`, '?q=secret', '?status=failed', '?q=ext-0'];
  for (const query of queries) {
    for (const path of ['messages', 'dead-letters']) {
      const { text } = await get(path + (path === 'messages' ? query : ''));
      expect(text).not.toContain(`message-${id}`);
      expect(text).not.toContain('A secret');
    }
  }
  await get(`messages/${id}`).expect(404);
  await post(`messages/${id}`, { do: 'resend' }).expect(404);
  await post('dead-letters', { do: 'redrive', span: 'all' }).expect(200);
  await get(`locations/${other.id}/messages`).expect(404);
  await get(`locations/${other.id}/dead-letters`).expect(404);
  expect((await world.db.message.findUniqueOrThrow({ where: { id } })).state).toBe('failed');

  const foreigners = await createPageClient(world, { companyId: elsewhere.companyId, type: 'agency', role: 'admin' });
  for (const query of queries) {
    expect((await foreigners.get(`messages${query}`).expect(200)).text).not.toContain(`message-${id}`);
  }
  await foreigners.get(`messages/${id}`).expect(404);
  await foreigners.get(`locations/${other.id}/messages/${id}`).expect(404);
  const agency = await createPageClient(world, { companyId: other.companyId, type: 'agency', role: 'admin' });
  for (const query of queries) expect((await agency.get(`messages${query}`).expect(200)).text).toContain(`message-${id}`);
  await agency.get(`messages/${id}`).expect(200);
  for (const path of [`messages/${id}`, `locations/${other.id}/messages/${id}`]) {
    await agency.post(path, { do: 'resend' }).expect(403);
    await agency.post(path, { do: 'markSent' }).expect(403);
  }
  await agency.post(`locations/${other.id}/dead-letters`, { do: 'redrive' }).expect(403);
});

test('retrying, resending, marking as sent and bulk resends need write permission and a message in the right state', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = await world.setUpLocation();
  const ids = await addMessages(world, location, 3, (index) => [failed, unknown, {}][index] ?? {});
  const [failedId = '', unknownId = '', doneId = ''] = ids;
  const context = { companyId: location.companyId, activeLocation: location.id };
  const reader = await createPageClient(world, { ...context, role: 'user' });
  for (const path of [`messages/${failedId}`, `messages/${unknownId}`, 'dead-letters']) {
    expect((await reader.get(path).expect(200)).text).not.toContain('data-action');
  }
  await reader.post(`messages/${failedId}`, { do: 'resend' }).expect(403);
  await reader.post(`messages/${unknownId}`, { do: 'markSent' }).expect(403);
  await reader.post('dead-letters', { do: 'redrive', span: 'all' }).expect(403);
  expect(await world.db.message.count({ where: { id: failedId, state: 'failed' } })).toBe(1);

  const admin = await createPageClient(world, { ...context, role: 'admin' });
  expect((await admin.get(`messages/${failedId}`)).text).toMatch(/>Retry<(?!.*Mark as sent)/s);
  expect((await admin.get(`messages/${unknownId}`)).text).toMatch(/>Resend<.*>Mark as sent</s);
  expect((await admin.get(`messages/${doneId}`)).text).not.toContain('data-action');
  const refused = await admin.post(`messages/${doneId}`, { do: 'resend' }).expect(409);
  expect(refused.text).toContain('Only a message that failed');
  await admin.post(`messages/${failedId}`, { do: 'markSent' }).expect(409);
  await admin.post(`messages/${unknownId}`, { do: 'resend' }).expect(200);
  expect(await world.db.message.count({ where: { id: unknownId, heldForReviewAt: null, state: 'pending' } })).toBe(1);
  const none = await admin.post('dead-letters', { do: 'redrive', span: 'all', reason: 'no_address' }).expect(200);
  expect(none.body).toEqual({
    location: '#/dead-letters?reason=no_address',
    notice: 'No failed messages match. No message is sent again.',
  });
  await admin.post('dead-letters', { do: 'redrive', span: 'day', reason: 'no_channel', direction: '' }).expect(200);
  expect((await world.db.redrive.findMany({ orderBy: { id: 'asc' } })).map(({ totalCount: total }) => total)).toEqual([0, 1]);
});

test('text from outside is escaped, and an attachment without an http address is not a link', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = await world.install();
  const script = '<script>alert(1)</script>';
  const [id = ''] = await addMessages(world, location, 1, () => ({
    ...failed,
    text: script,
    html: script,
    subject: script,
    reasonCode: script,
    reason: script,
    messageType: 'email',
    attachments: ['javascript:alert(1)', 'https://files.example/a"b.pdf'],
  }));
  const { get } = await createPageClient(world, { companyId: location.companyId, activeLocation: location.id });
  for (const path of ['messages', `messages/${id}`, 'dead-letters', `messages?q=${encodeURIComponent(script)}`]) {
    const { text } = await get(path).expect(200);
    expect(text).toContain('&lt;script&gt;');
    expect(text).not.toContain('<script>');
    expect(text).not.toContain('href="javascript');
  }
  expect((await get(`messages/${id}`)).text).toContain('rel="noopener noreferrer"');
  await get('messages?day=2026-13-45').expect(422);
  await get('messages?zone=Nowhere/Land').expect(422);
  await get('messages?q=&status=&day=&zone=').expect(200);
});

test('the timeline’s texts are the same on the pages and in the API', () => {
  const text = loadLanguages('views/languages').text('en');
  for (const [says, sentence] of Object.entries(eventTexts)) expect(text(`log.timeline.${says}`)).toBe(sentence);
});
