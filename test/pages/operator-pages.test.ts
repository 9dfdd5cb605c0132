import { randomBytes } from 'node:crypto';
import request from 'supertest';
import { createSecretBox } from '../../src/core/secret-box.ts';
import { createHttpApp } from '../../src/http/app.ts';
import { recordKeys, toKeyRings } from '../../src/installations/key-inventory.ts';
import { reencryptAll } from '../../src/installations/reencrypt.ts';
import { createMessageRow, seedOperatorPages, signInOperator } from '../support/operator-session.ts';
import { startWorld } from '../support/world.ts';

const idle = { isIdle: true };
const day = 24 * 60 * 60_000;
/** Returns a page's text without its tags. */
const words = (page: { text: string }) => page.text.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ');

test('the system page shows queues, messages of a day, quotas, installations, alerts and the runtime', async () => {
  await using world = await startWorld(idle);
  const { locationId } = await seedOperatorPages(world);
  world.clock.jump(25 * 60 * 60_000);
  await world.db.message.createMany({
    data: [createMessageRow(world, locationId, { state: 'failed' }), createMessageRow(world, locationId)],
  });
  await world.db.job.create({
    data: {
      queue: 'deliver',
      messageId: world.services.newId(),
      groupKey: 'x',
      orderingKey: 'x',
      isHead: true,
      dueAt: new Date(world.clock.now() - 3_723_000),
    },
  });
  const { get } = await signInOperator(world);
  const page = words(await get('').expect(200));
  expect(page).toContain('Deliveries 1 0 0 1 hr 2 min');
  // Yesterday's messages are not counted.
  expect(page).toContain('Sent 1 0 0 0 1 2 Received 0 0 0 0 0 0');
  expect(page).toContain('1 alert is open Channel failing: Harbour Dental 12 of the last 20 attempts failed.');
  expect(page).toContain('No worker is running');
  expect(page).toMatch(/Connected 1 1 Setting up 0 1 Paused 0 1 Reconnect required 1 0/);
  expect(page).toMatch(/Uptime 1 day 1 hr Node 2\d\.\d+\.\d+ Database PostgreSQL \d+\.\d+/);
  expect(page).toMatch(/Schema \d{14}_\w+/);
});

test('the system page counts running workers and unresponsive ones', async () => {
  await using world = await startWorld();
  const { get } = await signInOperator(world);
  expect(words(await get(''))).toContain('Workers 1 Paused by a limit');
  await world.db.worker.create({ data: { id: world.services.newId(), heartbeat: 7 } });
  await world.services.stopWorking(1_000);
  expect(words(await get(''))).toContain('Workers 1 Paused by a limit');
  world.clock.jump(11_000);
  const page = words(await get(''));
  expect(page).toContain('Workers 0 1 does not respond');
  expect(page).toContain('No worker is running');
});

test('locations of all agencies are found by name, id, agency and status; search terms are literal', async () => {
  await using world = await startWorld(idle);
  const { companyId, locationId } = await seedOperatorPages(world);
  const { get } = await signInOperator(world);
  const found = async (query: string) =>
    [...(await get(`/locations?${query}`).expect(200)).text.matchAll(/<tr id="location-([^"]+)"/g)].map(([, id]) => id);
  expect(await found('')).toHaveLength(3);
  expect(await found('q=HARBOUR')).toEqual([locationId]);
  expect(await found(`q=${locationId}`)).toEqual([locationId]);
  expect(await found('status=suspended')).toEqual(['northside']);
  expect(await found(`company=${companyId}&status=pending`)).toEqual(['pending']);
  for (const wild of ['%25', '_', '%5C', "'"]) expect(await found(`q=${wild}`)).toEqual([]);
  const script = await get('/locations?q=<script>alert(1)</script>').expect(200);
  expect(script.text).not.toContain('<script>alert');
  await get('/locations?status=nonsense').expect(422);
  const tidy = await get('/locations?q=&status=suspended').expect(303);
  expect(tidy.headers.location).toBe('/admin/locations?status=suspended');
  expect(words(await get(`/locations/${locationId}`).expect(200))).toContain('Harbour Dental');
  await get('/locations/unheard-of').expect(404);

  const now = new Date();
  const many = Array.from({ length: 60 }, (_, index) => ({
    kind: 'location' as const,
    resourceId: `zz-${index}`,
    updatedAt: now,
  }));
  await world.db.installation.createMany({ data: many });
  const first = await get('/locations?q=')
    .expect(303)
    .then(() => get('/locations').expect(200));
  const next = first.text.match(/href="\/admin(\/locations\?after=[^"]+)"/)?.[1];
  expect(words(await get(String(next)).expect(200))).toContain('Back to the first page');
});

test('agencies, dead letters, audit and limits list their entries with links', async () => {
  await using world = await startWorld(idle);
  const { companyId, locationId } = await seedOperatorPages(world);
  const { get } = await signInOperator(world);
  const agencies = await get('/agencies').expect(200);
  expect(words(agencies)).toContain('Brightside Agency Connected 3 1 Paused 1 Setting up 1 Connected Synced');
  expect(agencies.text).toContain(`href="/admin/locations?company=${companyId}&amp;status=suspended"`);
  expect(agencies.text).toContain(`href="${world.url}/install"`);

  const letters = await get('/dead-letters').expect(200);
  expect(words(letters)).toContain('Harbour Dental The contact has no phone number or email address for this message. 4');
  expect(words(letters)).toContain('The recipient has opted out. 1');
  expect(letters.text).toContain(`href="/admin/locations/${locationId}/dead-letters?reason=no_address"`);
  world.clock.jump(8 * day);
  const later = await signInOperator(world);
  expect(words(await later.get('/dead-letters').expect(200))).toContain('No dead letters');
  expect(words(await later.get('/dead-letters?days=14').expect(200))).toContain('opted out');

  const audit = await later.get(`/audit?tenant=${locationId}`).expect(200);
  expect(audit.text).toContain('Channel connected');
  expect(audit.text.match(/<tr id="entry-/g)).toHaveLength(2);
  expect((await later.get(`/audit?place=${locationId}`).expect(200)).text.match(/<tr id="entry-/g)).toHaveLength(2);
  const signIns = await later.get('/audit?action=operator_signed_in').expect(200);
  expect(signIns.text.match(/<tr id="entry-/g)).toHaveLength(2);

  await world.db.rateLimitRow.updateMany({ data: { quotaCheckedAt: new Date(world.clock.now()) } });
  const limits = words(await later.get('/limits').expect(200));
  expect(limits).toContain('196,800 3,200');
  expect(limits).toContain('Harbour Dental sms 5 per second');
});

test('a key’s age counts from its first start; secrets encrypted with an older key are counted until they are re-encrypted', async () => {
  const [old, newer] = [randomBytes(32), randomBytes(32)];
  await using world = await startWorld({ ...idle, services: { encryptionKeys: [old] } });
  await world.setUpLocation();
  world.clock.jump(366 * day);
  const ages = async () => (await world.api.get('/overview').expect(200)).body;
  const first = await ages();
  expect(first.version).toBe('0.0.0-test');
  expect(first.keys).toMatchObject([
    { purpose: 'encryption', olderCount: 0, sealedWithOlder: 0 },
    { purpose: 'session', olderCount: 0, sealedWithOlder: null },
  ]);
  expect(world.clock.now() - new Date(first.keys[0].firstSeenAt).getTime()).toBeGreaterThanOrEqual(366 * day);
  const before = await signInOperator(world);
  expect(words(await before.get('/keys'))).toContain('This key is more than a year old.');
  // Neither the key nor its plain hash is stored.
  const rows = JSON.stringify(await world.db.keyFingerprint.findMany());
  expect(rows).not.toContain(old.toString('base64'));
  expect(rows).toMatch(/"fingerprint":"[0-9a-f]{16}"/);

  const rings = toKeyRings({ encryption: [newer, old], session: ['session-secret-of-the-tests'] });
  const box = createSecretBox([newer, old], randomBytes);
  await recordKeys(world.services, rings);
  await recordKeys(world.services, rings);
  const rotating = request(createHttpApp({ ...world.services, box, keyRings: rings }));
  const loadPage = async () =>
    words(
      await rotating
        .get('/admin/keys')
        .set({ accept: 'text/html', 'accept-language': 'en', cookie: before.cookie })
        .expect(200),
    );
  // An access token, a refresh token, and a channel's config.
  expect(await loadPage()).toContain('3 stored secrets are still encrypted with an older key.');
  await reencryptAll({ db: world.services.db, box }, () => {});
  expect(await loadPage()).toContain('All secrets are encrypted with the newest key.');
});

test('the operator’s pages and figures are neither on the CRM’s page nor in the API of users', async () => {
  await using world = await startWorld(idle);
  const location = await world.install();
  for (const context of [
    { companyId: location.companyId, activeLocation: location.id, role: 'admin' },
    { companyId: location.companyId, type: 'agency', role: 'admin' },
  ]) {
    const authorization = `Bearer ${await world.createUserToken(context)}`;
    for (const path of ['agencies', 'audit', 'limits', 'keys']) {
      await world.client.get(`/embed/pages/${path}`).set({ authorization }).expect(404);
      await world.client.get(`/embed/live/${path}`).set({ authorization }).expect(404);
    }
    const overview = await world.client.get('/api/overview').set({ authorization }).expect(200);
    expect(overview.body).toMatchObject({ version: null, keys: [], limits: [], queues: [] });
  }
  for (const path of ['/healthz', '/readyz', '/', '/admin/sign-in']) {
    expect((await world.client.get(path)).text).not.toContain('0.0.0-test');
  }
});
