import { randomBytes } from 'node:crypto';
import { startWorld, type World } from '../support/world.ts';

const calls = (world: World) =>
  world.highlevel.calls.listByOperation('uninstall').map(({ resourceId, body, status }) => ({ resourceId, body, status }));
const row = (world: World, resourceId: string) => world.db.installation.findFirstOrThrow({ where: { resourceId } });

test('disconnecting a location uninstalls it in HighLevel with a reason, then deletes its tokens and channels', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const admin = await world.apiAs({ companyId: location.companyId, activeLocation: location.id, userId: 'AdminUser1' });
  const { body } = await admin.delete(`/locations/${location.id}?reason=Moving%20away`).expect(202);
  expect(body).toMatchObject({ status: 'uninstalled', channels: [] });
  await world.advanceUntil(async () => (await row(world, location.id)).accessToken === null);

  const asked = { locationId: location.id, reason: 'Moving away' };
  expect(calls(world)).toEqual([{ resourceId: location.id, body: asked, status: 200 }]);
  expect(await row(world, location.id)).toMatchObject({ refreshToken: null, uninstallReason: null });
  expect(await world.db.connection.count()).toBe(0);
  await admin.get(`/locations/${location.id}`).expect(404);
  await world.api.delete(`/locations/${location.id}`).expect(409);
  const { body: audit } = await world.api.get(`/locations/${location.id}/audit`).expect(200);
  expect(audit.items.map(({ actor, action }: { actor: string; action: string }) => `${actor} ${action}`)).toEqual(
    expect.arrayContaining(['AdminUser1 disconnect_requested', 'patchbay uninstalled', 'operator channel_connected']),
  );
});

test('queued messages are reported as failed before HighLevel uninstalls the app', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.vendor.respondWith({ status: 503 });
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'queued' });
  await world.waitFor(async () => (await world.getMessage(messageId)).retryCount === 1);
  await world.api.delete(`/locations/${location.id}`).expect(202);
  await world.advanceUntil(() => calls(world).length > 0);
  expect(world.highlevel.findMessage(messageId)).toMatchObject({ status: 'failed', error: { code: 'uninstalled' } });
});

test('disconnecting an agency uninstalls the app from all of its locations', async () => {
  await using world = await startWorld();
  const other = await world.install();
  const company = world.highlevel.addCompany();
  const locations = [1, 2, 3].map(() => world.highlevel.addLocation({ companyId: company.id }));
  const code = world.highlevel.approveCompanyInstall(company.id);
  await world.finishInstall(code);
  const active = () => world.db.installation.count({ where: { companyId: company.id, status: 'active' } });
  await world.advanceUntil(async () => (await active()) === 4);

  const user = await world.apiAs({ companyId: company.id, activeLocation: locations[0]?.id as string });
  await user.delete(`/companies/${company.id}?confirm=${company.id}`).expect(403);
  const admin = await world.apiAs({ companyId: company.id, role: 'admin' });
  await admin.delete(`/companies/${company.id}?confirm=${company.id}`).expect(202);
  await world.advanceUntil(
    async () => (await world.db.installation.count({ where: { companyId: company.id, accessToken: { not: null } } })) === 0,
  );
  expect(calls(world)).toEqual([
    { resourceId: company.id, body: { companyId: company.id, reason: 'Disconnected by the user' }, status: 200 },
  ]);
  for (const { id } of locations) expect((await row(world, id)).status).toBe('uninstalled');
  expect((await row(world, other.id)).status).toBe('active');
});

test('an uninstall request without a response is retried, and no message is sent meanwhile', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.highlevel.faults.add({ operation: 'uninstall', times: 3, effect: { status: 503 } });
  await world.api.delete(`/locations/${location.id}`).expect(202);
  await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'too late' });
  await world.advanceUntil(() => calls(world).some(({ status }) => status === 200), 'HighLevel responded', 5_000);
  await world.advanceUntil(async () => (await row(world, location.id)).accessToken === null);
  expect(world.vendor.requests).toEqual([]);
});

test.each([
  ['refuses', { status: 401, body: { message: 'Invalid token' } }, 'Invalid token'],
  [
    'refuses for a day, as the location is not active,',
    { status: 400, body: { message: 'Location is not active' } },
    'not active',
  ],
])('an uninstall that HighLevel %s ends, and the audit log says what is left to do', async (_what, effect, words) => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.highlevel.faults.add({ operation: 'uninstall', times: 1_000, effect });
  await world.api.delete(`/locations/${location.id}`).expect(202);
  await world.advanceUntil(async () => (await row(world, location.id)).accessToken === null, 'it ends', 600_000);
  const { body: audit } = await world.api.get(`/locations/${location.id}/audit`).expect(200);
  const { details } = audit.items.find(({ action }: { action: string }) => action === 'uninstalled');
  expect(details).toMatch(`did not confirm that the app is uninstalled (“`);
  expect(details).toMatch(words);
  expect((await row(world, location.id)).statusReason).toBe(details);
});

test('the audit log of connects, changes, disconnects and resends is visible to its company and location', async () => {
  await using world = await startWorld();
  const location = await world.install();
  const admin = await world.apiAs({ companyId: location.companyId, activeLocation: location.id, userId: 'AdminUser1' });
  const path = `/locations/${location.id}/channels/sms`;
  const wanted = { type: 'gateway', config: { url: world.vendor.url, secret: world.vendor.secret } };
  await admin.put(path, wanted).expect(200);
  await world.api.put(path, wanted).expect(200);
  world.vendor.respondWith({ status: 400, body: { error: { code: '1', message: 'no' } } });
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.waitFor(async () => (await world.getMessage(messageId)).state === 'failed');
  await admin.post(`/messages/${(await world.getMessage(messageId)).id}/retry`).expect(202);
  await admin.delete(path).expect(204);
  const { body } = await admin.get(`/locations/${location.id}/audit?limit=3`).expect(200);
  const { body: rest } = await admin.get(`/locations/${location.id}/audit?cursor=${body.nextCursor}`).expect(200);
  const lines = [...body.items, ...rest.items].map(({ actor, action }) => `${actor} ${action}`);
  expect(lines).toEqual([
    'AdminUser1 channel_disconnected',
    'AdminUser1 message_resent',
    'operator channel_changed',
    'AdminUser1 channel_connected',
    'SandboxUser000000001 installed',
  ]);
  expect(JSON.stringify([body, rest])).not.toContain(world.vendor.secret);
});

test('decrypted secrets are evicted from memory with their channel and their location', async () => {
  const key = randomBytes(32);
  await using world = await startWorld({ services: { encryptionKeys: [key] } });
  const [gone, stays] = [await world.setUpLocation(), await world.setUpLocation()];
  const readSealed = async (locationId: string) => {
    const connection = await world.db.connection.findFirstOrThrow({ where: { locationId } });
    const { accessToken } = await row(world, locationId);
    return [
      { sealed: connection.config, identity: `connections/${connection.id}/config` },
      { sealed: accessToken as string, identity: `installations/location/${locationId}/access_token` },
    ];
  };
  const [secrets, kept] = [await readSealed(gone.id), await readSealed(stays.id)];
  const { box } = world.services;
  for (const { sealed, identity } of [...secrets, ...kept]) box.open(sealed, identity);
  await world.api.delete(`/locations/${gone.id}`).expect(202);
  await world.advanceUntil(async () => (await row(world, gone.id)).accessToken === null);
  await world.api.delete(`/locations/${stays.id}/channels/sms`).expect(204);

  // From here on only secrets that are cached in memory can be opened.
  key.fill(0);
  const isOpen = ({ sealed, identity }: (typeof secrets)[number]) => {
    try {
      return box.open(sealed, identity) !== '';
    } catch {
      return false;
    }
  };
  expect(secrets.map(isOpen)).toEqual([false, false]);
  expect(kept.map(isOpen)).toEqual([false, true]);
});
