import { startWorld, type World } from '../support/world.ts';

const html = '<!doctype html><html><head><title>Access denied</title></head><body><h1>Request blocked</h1></body></html>';
const inbound = { externalId: 'in-1', from: '+12025550143', text: 'hello' };

/** Returns the stored texts of a message that could be shown. */
async function listAll(world: World) {
  const [messages, reports, attempts] = await Promise.all([
    world.db.message.findMany({ omit: { rawPayload: true } }),
    world.db.reportAttempt.findMany(),
    world.db.attempt.findMany(),
  ]);
  return JSON.stringify([messages, reports, attempts, await world.db.rateLimitRow.findMany(), await world.db.alert.findMany()]);
}

test.each([403, 401, 404, 502, 200])(
  'a page of HTML with %i in HighLevel’s place is an outage: an inbound message is posted when it is over',
  async (status) => {
    await using world = await startWorld();
    const location = await world.setUpLocation();
    for (const operation of ['upsertContact', 'addInboundMessage']) {
      world.highlevel.faults.add({ operation, times: 2, effect: { status, html } });
    }
    await world.postChannelWebhook(location.connectionId, 'inbound', inbound).expect(202);
    const message = () => world.db.message.findFirstOrThrow({ where: { direction: 'inbound' } });
    await world.advanceUntil(async () => (await message()).reasonCode === 'highlevel_unreachable');
    expect(await listAll(world)).not.toMatch(/<\/?(html|h1|title|!doctype)/i);
    await world.advanceUntil(async () => (await message()).state === 'delivered');
    expect(world.highlevel.listConversation(location.contact.id).map(({ text }) => text)).toEqual(['hello']);
    expect(world.highlevel.countRefreshes(location.id)).toBe(0);
    expect(await listAll(world)).not.toMatch(/<\/?(html|h1|title|!doctype)/i);
  },
);

test.each([403, 401, 404, 200])(
  'a report that met a page of HTML with %i is sent again when HighLevel is back',
  async (status) => {
    await using world = await startWorld();
    const location = await world.setUpLocation();
    world.highlevel.faults.add({ operation: 'updateMessageStatus', times: 3, effect: { status, html } });
    const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
    await world.advanceUntilReported(messageId);
    expect(world.highlevel.listStatuses(messageId)).toEqual(['delivered']);
    expect(await listAll(world)).not.toMatch(/<\/?(html|h1|title|!doctype)/i);
  },
);

test('a response without a body is judged by its status', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.highlevel.faults.add({ operation: 'updateMessageStatus', times: 1, effect: { status: 404, html: '' } });
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.advanceUntil(async () => (await world.getMessage(messageId)).reasonCode === 'unknown_to_highlevel');
});

test.each([400, 403, 200])('a page of HTML with %i instead of tokens leaves the installation unchanged', async (status) => {
  await using world = await startWorld({ isIdle: true });
  const location = await world.install();
  world.clock.jump(24 * 60 * 60_000);
  world.highlevel.faults.add({ operation: 'token:refresh_token', times: 1, effect: { status, html } });
  const owner = { kind: 'location', resourceId: location.id } as const;
  await expect(world.services.tokens.getToken(owner)).rejects.toMatchObject({ code: 'highlevel_unreachable' });
  expect(await world.db.installation.findFirstOrThrow()).toMatchObject({ status: 'active', statusReason: null });
  expect(await world.services.tokens.getToken(owner)).toMatch(/^access\./);
});

test('a page of HTML instead of an install’s tokens is shown as an outage, without the page', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = world.highlevel.addLocation();
  world.highlevel.faults.add({ operation: 'token:authorization_code', times: 1, effect: { status: 403, html } });
  const page = await world.client
    .get('/oauth/callback')
    .query({ code: world.highlevel.approveInstall(location.id) })
    .set('accept', 'text/html')
    .expect(502);
  expect(page.text).not.toContain('Request blocked');
});
