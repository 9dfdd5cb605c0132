import { readdirSync, readFileSync } from 'node:fs';
import { reasons } from '../../src/messages/model/reasons.ts';
import { startWorld, type World } from '../support/world.ts';

const html = { accept: 'text/html' };
/** The texts of a language without their keys, which may be a code. */
const readTexts = (file: string) => readFileSync(`views/languages/${file}`, 'utf8').replace(/"\w+":/g, '');
const ancestors = async (world: World, headers: Record<string, string> = {}) => {
  const page = await world.client
    .get('/embed')
    .set({ ...html, ...headers })
    .expect(200);
  return { csp: page.headers['content-security-policy']?.match(/frame-ancestors ([^;]*)/)?.[1], headers: page.headers };
};

test('the embedded page may be framed by the origins in the setting, every other page by no site', async () => {
  await using world = await startWorld({ isIdle: true, services: { frameAncestors: ['https://*.crm.example'] } });
  const { csp, headers } = await ancestors(world);
  expect(csp).toBe('https://*.crm.example');
  expect(headers).not.toHaveProperty('x-frame-options');
  expect(headers).not.toHaveProperty('set-cookie');
  const home = await world.client.get('/').set(html).expect(200);
  expect(home.headers['content-security-policy']).toContain("frame-ancestors 'none'");
  expect(home.headers['x-frame-options']).toBe('SAMEORIGIN');
});

test('an agency’s own domain, known from its INSTALL or a visit, may frame the page; other agencies are not named to it', async () => {
  await using world = await startWorld({ services: { frameAncestors: ['https://*.crm.example'] } });
  const { id, companyId } = await world.install();
  const from = (domain: string) => ancestors(world, { referer: `https://${domain}/` }).then(({ csp }) => csp);
  expect(await from('app.agency-one.example')).toBe('https://*.crm.example');
  const whitelabelDetails = { domain: 'https://App.Agency-One.example', logoUrl: 'x' };
  await world.highlevel.postEvent({ type: 'INSTALL', companyId, locationId: id, whitelabelDetails });
  await world.advanceUntil(
    async () => (await from('app.agency-one.example')) === 'https://*.crm.example https://app.agency-one.example',
  );
  expect(await from('elsewhere.example')).toBe('https://*.crm.example');

  const context = world.highlevel.createUserContext({
    companyId,
    activeLocation: id,
    whitelabelDetails: { domain: 'two.example' },
  });
  await world.client.post('/api/session').send({ encryptedData: context }).expect(200);
  expect(await from('two.example')).toContain('https://two.example');
});

test.each(["x.example; script-src 'unsafe-inline'", 'javascript:alert(1)', '*', "'self'", 'localhost'])(
  'an invalid white-label domain (%s) is not stored',
  async (domain) => {
    await using world = await startWorld();
    const { id, companyId } = await world.install();
    await world.highlevel.postEvent({ type: 'INSTALL', companyId, locationId: id, whitelabelDetails: { domain } });
    await world.advanceUntil(async () => (await world.db.appEvent.count({ where: { outcome: 'applied' } })) === 1);
    const row = await world.db.installation.findFirstOrThrow();
    expect(row.whiteLabelDomains).toEqual([]);
  },
);

test('no page and no reason that an agency’s clients see names HighLevel', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = await world.install();
  const company = world.highlevel.addCompany();
  const get = async (path: string) => (await world.client.get(path).set(html)).text;
  const pages = {
    home: await get('/'),
    embed: await get('/embed'),
    missing: await get('/nothing'),
    cancelled: await get('/oauth/callback?error=access_denied'),
    refused: await get('/oauth/callback?error=server_error'),
    'no code': await get('/oauth/callback'),
    'wrong code': await get('/oauth/callback?code=wrong'),
    'wrong state': await get('/oauth/callback?code=x&state=y'),
    location: await get(`/oauth/callback?code=${world.highlevel.approveInstall(location.id)}`),
    agency: await get(`/oauth/callback?code=${world.highlevel.approveCompanyInstall(company.id)}`),
  };
  world.highlevel.faults.add({ operation: 'token:authorization_code', times: 1, effect: { status: 503 } });
  Object.assign(pages, { down: await get('/oauth/callback?code=x') });
  const scripts = readdirSync('views/assets', { recursive: true, encoding: 'utf8' })
    .filter((name) => !name.startsWith('sandbox') && /\.(js|css|svg)$/.test(name))
    .map((name) => [name, readFileSync(`views/assets/${name}`, 'utf8')]);
  const texts = readdirSync('views/languages').map((name) => [name, readTexts(name)]);
  for (const [name, text] of [
    ...Object.entries({ ...pages, reasons: Object.values(reasons).join('\n') }),
    ...scripts,
    ...texts,
  ]) {
    expect({ name, named: /highlevel|leadconnector|\bghl\b/i.exec(String(text))?.[0] }).toEqual({ name });
  }
});

test('the install page of an agency shows how many locations are connected, and only with its ticket', async () => {
  await using world = await startWorld();
  const company = world.highlevel.addCompany();
  for (let count = 0; count < 30; count++) world.highlevel.addLocation({ companyId: company.id });
  const code = world.highlevel.approveCompanyInstall(company.id);
  const page = await world.finishInstall(code);
  expect(page.text).toContain('Your agency is connected');
  const ticket = page.text.match(/data-ticket="([^"]+)"/)?.[1] ?? '';
  const progress = async () => (await world.client.get('/progress').query({ ticket }).expect(200)).body;
  await world.advanceUntil(async () => (await progress()).isDone);
  expect(await progress()).toEqual({ connected: 30, total: 30, isDone: true, problem: null, failed: { count: 0, some: [] } });
  for (const wrong of ['', 'x', `${ticket.slice(0, -4)}AAAA`]) {
    await world.client.get('/progress').query({ ticket: wrong }).expect(404);
  }
  const api = await world.apiAs({ companyId: company.id });
  expect(api).toBeDefined();
  await world.client.get('/api/locations').set('authorization', `Bearer ${ticket}`).expect(401);
});
