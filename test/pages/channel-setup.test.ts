import { acmeKey, createAcme, rejectedKey } from '../support/acme.ts';
import { createPageClient } from '../support/page-client.ts';
import { startWorld } from '../support/world.ts';

async function startPages(acme = createAcme(), isIdle = true) {
  const world = await startWorld({ channels: acme.channels, isIdle });
  const location = await world.install();
  const context = { companyId: location.companyId, activeLocation: location.id, role: 'admin' };
  const connect = (fields: Record<string, string> = {}, language = 'en') =>
    pages.post(
      'channels/sms/connect?type=acme',
      { do: 'connect', type: 'acme', key: acmeKey, region: 'us', ...fields },
      language,
    );
  const pages = await createPageClient(world, context);
  return { acme, world, location, pages, connect };
}

test('a person reads each problem of the vendor at its field, and connects in steps: account, sender, test', async () => {
  const { acme, world, pages, connect } = await startPages();
  await using _ = world;
  const choice = await pages.get('channels/sms/connect').expect(200);
  expect(choice.text).toContain('aria-current="step"');
  acme.verify = async () => ({
    kind: 'rejected',
    problems: [
      { field: 'key', code: 'wrong_key', message: `Acme does not know ${acmeKey}.` },
      { code: 'suspended', message: 'The account is suspended.' },
    ],
  });
  const rejected = await connect().expect(422);
  expect(rejected.text).toContain('id="field-key-error">Acme does not know [redacted].');
  expect(rejected.text).toContain('The account is suspended.');
  expect(rejected.text).not.toContain(acmeKey);
  expect(rejected.text).not.toContain('name="unverified"');
  expect((await connect({}, 'es').expect(422)).text).toContain('no acepta esta cuenta');
  expect(await world.db.connection.count()).toBe(0);

  acme.verify = async () => ({ kind: 'verified', account: 'Acme Inc.', warnings: ['It is a trial.'] });
  const { body } = await connect().expect(200);
  expect(body).toEqual({ location: '#/channels/sms/senders', notice: 'Connected as “Acme Inc.”. It is a trial.' });
  const senders = await pages.get('channels/sms/senders').expect(200);
  expect(senders.text).toContain('Spare number');
  await pages.get('channels/sms/senders').expect(200);
  expect(acme.countCalls('senders')).toBe(1);
  const chosen = await pages.post('channels/sms/senders', { do: 'choose', address: '+12025550101' }).expect(200);
  expect(chosen.body.location).toBe('#/channels/sms');
  expect(world.services.decryptConnection(await world.db.connection.findFirstOrThrow()).config).toMatchObject({
    key: acmeKey,
    from: '+12025550101',
  });
});

test('only while the vendor cannot be reached, a person may store without checking', async () => {
  const { acme, world, connect } = await startPages();
  await using _ = world;
  acme.verify = async () => ({ kind: 'unavailable', code: 'http_503', message: 'Acme is down for maintenance.' });
  const refused = await connect().expect(422);
  expect(refused.text).toContain('Acme is down for maintenance.');
  expect(refused.text).toContain('name="unverified"');
  expect(await world.db.connection.count()).toBe(0);
  const asked = acme.countCalls('verify');
  await connect({ unverified: 'yes' }).expect(200);
  expect(acme.countCalls('verify')).toBe(asked);
  expect(await world.db.connection.count()).toBe(1);
});

test('the page of a held connection says why and what to do, and resumes it, in both languages', async () => {
  const { acme, world, location, pages, connect } = await startPages();
  await using _ = world;
  await connect().expect(200);
  const { id } = await world.db.connection.findFirstOrThrow();
  const hold = async () =>
    world.services.holdConnection(await world.services.getConnection(id), { code: 'x9', message: 'Acme refuses the key.' });
  await hold();
  for (const [language, words] of [
    ['en', 'On hold: Acme refuses the account'],
    ['es', 'En espera: Acme rechaza la cuenta'],
  ] as const) {
    const { text } = await pages.get('channels/sms', language).expect(200);
    expect(text).toContain(words);
    expect(text).toContain('Acme refuses the key.');
    expect(text).toContain('value="resume"');
  }
  expect((await pages.get('channels').expect(200)).text).toContain('On hold');
  expect((await pages.get('').expect(200)).text).toContain('Acme refuses the key.');
  const checks = (await world.api.get(`/locations/${location.id}/check`).expect(200)).body.checks;
  expect(checks).toContainEqual(expect.objectContaining({ name: 'channel:sms', status: 'failed' }));
  const reader = await createPageClient(world, { companyId: location.companyId, activeLocation: location.id, role: 'user' });
  expect((await reader.get('channels/sms').expect(200)).text).not.toContain('<form');
  await reader.post('channels/sms', { do: 'resume' }).expect(403);
  await pages.post('channels/sms', { do: 'resume' }).expect(200);
  expect((await world.db.connection.findFirstOrThrow()).status).toBe('active');

  // The settings of sending are stored without asking the vendor, and end no hold.
  await hold();
  acme.verify = async () => rejectedKey;
  for (let count = 0; count < 2; count++)
    await pages.post('channels/sms/settings', { do: 'save', hours: 'any', ratePerSecond: '3' }).expect(200);
  expect(await world.db.connection.findFirstOrThrow()).toMatchObject({ status: 'held', account: 'Acme Inc.' });
  expect(await world.db.rateLimitRow.count({ where: { pauseCode: 'connection_held', intervalMs: { not: null } } })).toBe(1);
});

test('a person pairs a device with a code that the page keeps current, without a call to the vendor at each view', async () => {
  const acme = createAcme();
  acme.pairing = { status: 'waiting', qrCode: 'data:image/png;base64,AAAA', url: 'javascript:alert(1)' };
  const { world, pages, connect } = await startPages(acme);
  await using _ = world;
  const { body } = await connect().expect(200);
  expect(body.location).toBe('#/channels/sms/pairing');
  const asked = acme.countCalls('pairing');
  for (let count = 0; count < 3; count++) {
    const { text } = await pages.get('channels/sms/pairing').expect(200);
    expect(text).toContain('src="data:image/png;base64,AAAA"');
    expect(text).not.toContain('javascript:');
  }
  expect(acme.countCalls('pairing')).toBe(asked + 1);
  expect((await pages.get('channels/sms', 'es').expect(200)).text).toContain('Falta vincular');
  acme.pairing = { status: 'paired' };
  world.clock.jump(5_000);
  expect((await pages.get('channels/sms/pairing').expect(200)).text).toContain('Acme is paired.');
  expect((await world.db.connection.findFirstOrThrow()).status).toBe('active');
});

test('webhooks that another program has are replaced on the page, and templates have a preview', async () => {
  const acme = createAcme();
  acme.register = async (_context, replace) =>
    replace ? { kind: 'registered' } : { kind: 'taken', by: 'https://other.example/' };
  const { world, pages, connect } = await startPages(acme);
  await using _ = world;
  await connect().expect(200);
  expect((await pages.get('channels/sms').expect(200)).text).toContain('Registering');
  await world.services.setUpDueConnections();
  const taken = await pages.get('channels/sms').expect(200);
  expect(taken.text).toContain('https://other.example/');
  expect(taken.text).toContain('No webhook received from Acme yet.');
  await pages.post('channels/sms', { do: 'register', replace: 'yes' }).expect(200);
  const { text } = await pages.get('channels/sms', 'es').expect(200);
  expect(text).toContain('Los webhooks están registrados en Acme');

  const templates = await pages.get('channels/sms/templates').expect(200);
  expect(templates.text).toContain('Hello <mark>1</mark>!');
  expect((await pages.get('channels/sms').expect(200)).text).not.toContain(acmeKey);
});

test('the setup of another tenant’s connection can be neither seen nor changed', async () => {
  const { acme, world, location, pages, connect } = await startPages();
  await using _ = world;
  await connect().expect(200);
  const other = await world.install();
  const theirs = { companyId: 'another-company', activeLocation: other.id, role: 'admin' };
  await world.db.installation.updateMany({ where: { resourceId: other.id }, data: { companyId: theirs.companyId } });
  const [foreignPages, foreignApi] = [await createPageClient(world, theirs), await world.apiAs(theirs)];
  const calls = acme.calls.length;
  for (const page of ['pairing', 'senders', 'templates']) {
    await foreignPages.get(`locations/${location.id}/channels/sms/${page}`).expect(404);
    await foreignPages.get(`channels/sms/${page}`).expect(409);
    await foreignApi.get(`/locations/${location.id}/channels/sms/${page}`).expect(404);
  }
  for (const action of ['resume', 'webhooks']) {
    await foreignApi.post(`/locations/${location.id}/channels/sms/${action}`).expect(404);
  }
  await foreignPages.post(`locations/${location.id}/channels/sms`, { do: 'register', replace: 'yes' }).expect(404);
  expect(acme.calls).toHaveLength(calls);
  expect((await pages.get('channels/sms/templates').expect(200)).text).toContain('reminder');
});
