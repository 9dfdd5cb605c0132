import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTemporaryFolder } from '../support/program.ts';
import { locations, startUpgraded } from '../support/upgraded-world.ts';

/** What a killed process of version 0.3.0 has left to do is done by this version, once. */

const minute = 60_000;
const hour = 60 * minute;
const { dental, gym, fitness, paused, revoked, fresh, left, napping } = locations;

test('what waited goes on: each message is sent once and reported, replies are posted in order, one that is held waits for a person', async () => {
  using folder = createTemporaryFolder();
  await using upgraded = await startUpgraded({ attachments: { folder: folder.path } });
  const { world, getMessageByText, listReported, countSent } = upgraded;
  const xray = await world.db.attachment.findFirstOrThrow({ where: { messageId: (await getMessageByText('with a file')).id } });
  mkdirSync(join(folder.path, 'files', xray.id.slice(-2)), { recursive: true });
  writeFileSync(join(folder.path, 'files', xray.id.slice(-2), xray.id), 'bytes'.padStart(xray.sizeBytes ?? 0));

  // Retries, what had never been tried, and what the killed process was reporting.
  const now = ['down 0', 'down 1', 'down 2', 'down 3', 'down 4', 'down 5', 'nobody has looked at this yet', 'nor at this'];
  const reports = await world.db.message.findMany({ where: { text: { startsWith: 'the report ' } } });
  const unreported = reports.map((message) => message.text ?? '');
  expect(unreported).toHaveLength(5);
  await world.advanceUntil(async () => {
    const statuses = await Promise.all([...now, ...unreported].map(listReported));
    return statuses.every((list) => list.at(-1) === 'delivered');
  }, 'all that could go is reported');
  for (const text of now) expect([text, countSent(text), await listReported(text)]).toEqual([text, 1, ['delivered']]);
  for (const text of unreported) expect([text, countSent(text), await listReported(text)]).toEqual([text, 0, ['delivered']]);
  const [worker] = await world.db.worker.findMany();
  expect(await world.db.job.count({ where: { workerId: { not: null, notIn: [worker?.id ?? ''] } } })).toBe(0);

  // Replies, with the file that was kept and without the one that never came.
  await world.advanceUntil(
    async () => (await getMessageByText('a file that is away')).state === 'delivered',
    'the last is posted',
    20_000,
  );
  const posts = world.highlevel.calls
    .listByOperation('addInboundMessage')
    .map(({ body }) => body as { message: string; attachments?: string[] });
  const ofDental = posts
    .map(({ message }) => message)
    .filter((text) => /^(with a file|the second|a file that is away)/.test(text));
  expect(ofDental).toEqual(['with a file', 'the second of two', expect.stringMatching(/^a file that is away/)]);
  const link = posts.find(({ message }) => message === 'with a file')?.attachments?.[0] ?? '';
  expect(await (await fetch(link)).text()).toBe('bytes'.padStart(xray.sizeBytes ?? 0));

  // The day's cap holds until the day is over, and the hours begin.
  const tomorrow = ['first of two', 'second of two', 'being sent', 'tomorrow'];
  expect(tomorrow.map(countSent)).toEqual([0, 0, 0, 0]);
  expect(await getMessageByText('tomorrow')).toMatchObject({ state: 'pending', reasonCode: 'daily_cap' });
  await world.advance(Date.parse('2026-11-27T12:55:00Z') - world.clock.now(), hour);
  expect(tomorrow.map(countSent)).toEqual([0, 0, 0, 0]);
  await world.advance(10 * minute, minute);
  await world.advanceUntil(async () => (await listReported('second of two')).length > 0, 'the hours have started');
  await world.advanceUntil(
    async () => (await listReported('being sent')).length > 0 && (await listReported('tomorrow')).length > 0,
  );
  for (const text of tomorrow) expect([text, countSent(text), await listReported(text)]).toEqual([text, 1, ['delivered']]);
  const texts = world.vendor.listReceived().map(({ text }) => text);
  expect(texts.indexOf('first of two')).toBeLessThan(texts.indexOf('second of two'));

  // Only a person decides about what may have arrived, and a receipt settles what was accepted.
  const { body } = await world.api.get(`/locations/${gym}/messages?status=unknown`).expect(200);
  expect(body.items).toMatchObject([{ text: 'is it there?', status: 'unknown', reason: { code: 'no_answer' } }]);
  expect([countSent('is it there?'), await listReported('is it there?')]).toEqual([0, []]);
  await world.api.post(`/messages/${body.items[0].id}/retry`).expect(202);
  await world.advanceUntil(async () => (await listReported('is it there?')).length > 0);
  expect([countSent('is it there?'), await listReported('is it there?')]).toEqual([1, ['delivered']]);
  const { connectionId } = await getMessageByText('accepted');
  expect(await listReported('accepted')).toEqual([]);
  await world.postChannelWebhook(connectionId ?? '', 'status', { externalId: 'ext-waits', status: 'delivered' }).expect(202);
  await world.advanceUntil(async () => (await listReported('accepted')).length > 0);
  expect(countSent('accepted')).toBe(0);
});

test('what is repeated is known: a webhook and an inbound message that 0.3.0 had taken', async () => {
  await using upgraded = await startUpgraded();
  const { world, getMessageByText, countSent } = upgraded;
  const taken = await getMessageByText('read me');
  const before = await world.db.message.count();
  expect(await world.highlevel.postSigned('/webhooks/providers/sms', taken.rawPayload)).toBeLessThan(300);
  const { connectionId } = await getMessageByText('Yes, I will come.');
  const repeated = { externalId: 'in-1', from: '+12025550143', text: 'Yes, I will come.' };
  await world.postChannelWebhook(connectionId ?? '', 'inbound', repeated).expect(200);
  await world.advance(20_000);
  expect(await world.db.message.count()).toBe(before);
  expect(countSent('read me')).toBe(0);
  expect(world.highlevel.listConversation(taken.contactId ?? '').filter(({ text }) => text === repeated.text)).toHaveLength(1);
});

test('locations go on from where they were: one that is set up, one that is suspended, one that must be reconnected', async () => {
  await using upgraded = await startUpgraded();
  const { world, listReported, countSent } = upgraded;
  const statusOf = async (id: string) => (await world.api.get(`/locations/${id}`)).body.status;
  await world.advanceUntil(async () => (await statusOf(fresh)) === 'active', 'the pending one has its tokens', 10_000);
  expect(await Promise.all([dental, gym, fitness, paused, revoked, left, napping].map(statusOf))).toEqual([
    ...['active', 'active', 'active', 'suspended', 'reauth_required', 'uninstalled', 'active'],
  ]);
  expect(['when you are awake', 'when you are back'].map(countSent)).toEqual([0, 0]);

  Object.assign(world.highlevel.state.locations[paused] ?? {}, { isActive: true });
  await world.finishInstall(world.highlevel.approveInstall(revoked));
  for (const text of ['when you are awake', 'when you are back']) {
    await world.advanceUntil(async () => (await listReported(text)).length > 0, text, 60_000);
    expect([countSent(text), await listReported(text)]).toEqual([1, ['delivered']]);
  }
  // The channel of the one that left was kept for its return.
  await world.finishInstall(world.highlevel.approveInstall(left));
  const lea = Object.values(world.highlevel.state.contacts).find(({ name }) => name === 'Lea');
  const { messageId } = await world.highlevel.sendMessage(left, { contactId: lea?.id ?? '', text: 'back again' });
  await world.advanceUntilReported(messageId);
  expect(world.highlevel.listStatuses(messageId)).toEqual(['delivered']);
});

test('a redrive that was under way is worked off, one by a reason of the program too', async () => {
  await using upgraded = await startUpgraded();
  const { world, getMessageByText } = upgraded;
  for (const text of ['is this stored?', 'refused later']) {
    await world.advanceUntil(async () => (await getMessageByText(text)).state === 'delivered', `${text} is posted again`);
  }
  await world.advanceUntil(async () => (await world.db.redrive.count({ where: { endedAt: null } })) === 0);
  const redrives = await world.db.redrive.findMany({ orderBy: { id: 'asc' } });
  expect(redrives.map(({ locationId, totalCount, doneCount }) => [locationId, totalCount, doneCount])).toEqual([
    [fitness, 1, 1],
    [fitness, 2, 2],
    [gym, 1, 1],
  ]);
  // It is still empty, and its reason has the new name.
  const again = { locationId: gym, resentAt: { not: null } };
  await world.advanceUntil(async () => (await world.db.message.count({ where: { ...again, state: 'failed' } })) === 1);
  expect(await world.db.message.findFirstOrThrow({ where: again })).toMatchObject({ reasonCode: 'empty_message' });
});
