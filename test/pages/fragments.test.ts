import { createPageClient } from '../support/page-client.ts';
import { startWorld } from '../support/world.ts';

test('a fragment shows only what the token gives access to, with any path', async () => {
  await using world = await startWorld({ isIdle: true });
  const one = await world.install();
  const other = await world.install();
  const { get } = await createPageClient(world, { companyId: one.companyId, activeLocation: one.id });
  const page = await get('').expect(200);
  expect(page.headers).toMatchObject({ 'cache-control': 'no-store' });
  expect(page.headers).not.toHaveProperty('set-cookie');
  expect(page.text).not.toContain(other.id);
  const elsewhere = await get(`locations/${other.id}`).expect(404);
  expect(elsewhere.text).toContain('Not found');
  expect((await get('locations').expect(404)).text).toContain('data-fragment');
  await world.client.get('/embed/pages/').expect(401);
  await world.client.get('/embed/live/').expect(401);

  const agency = await createPageClient(world, { companyId: one.companyId, type: 'agency' });
  expect((await agency.get('').expect(200)).body).toEqual({ location: '#/overview' });
  const list = await agency.get('locations').expect(200);
  expect(list.text).toContain(one.id);
  if (other.companyId !== one.companyId) expect(list.text).not.toContain(other.id);
  expect((await agency.get(`locations/${one.id}`).expect(200)).text).not.toContain('Disconnect now');
});

test('only an admin may make changes, and an unknown form is rejected', async () => {
  await using world = await startWorld();
  const location = await world.install();
  const context = { companyId: location.companyId, activeLocation: location.id };
  const reader = await createPageClient(world, { ...context, role: 'user' });
  expect((await reader.get('').expect(200)).text).not.toContain('Disconnect now');
  expect((await reader.post('', { do: 'disconnect' }).expect(403)).text).toContain('Only an admin can do this');
  const admin = await createPageClient(world, { ...context, role: 'admin' });
  await admin.post('', { do: 'constructor' }).expect(422);
  await admin.post('', {}).expect(422);
  expect((await world.api.get(`/locations/${location.id}`)).body.status).toBe('active');
  const done = await admin.post('', { do: 'disconnect' }).expect(200);
  expect(done.text).toContain('The location is disconnected.');
  expect((await world.api.get(`/locations/${location.id}`)).body.status).toBe('uninstalled');
});

test('a page is in the browser’s language, or in the requested one', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = await world.install();
  const { get } = await createPageClient(world, { companyId: location.companyId, activeLocation: location.id });
  expect((await get('', 'es-MX,es;q=0.9').expect(200)).text).toContain('Conectada');
  expect((await get('', 'fr').expect(200)).text).toContain('Connected');
  const home = (language: string, path = '/') =>
    world.client.get(path).set({ accept: 'text/html', 'accept-language': language });
  expect((await home('es')).text).toContain('<html lang="es">');
  expect((await home('es', '/?lang=en')).text).toContain('<html lang="en">');
  expect((await home('es', '/nothing').expect(404)).text).toContain('No encontrado');
});

test('an agency of a thousand locations sees 400 of them connected, and those that need attention', async () => {
  await using world = await startWorld({ isIdle: true });
  const company = world.highlevel.addCompany();
  const code = world.highlevel.approveCompanyInstall(company.id);
  const now = new Date(world.clock.now());
  const getStatus = (index: number) =>
    index < 399 ? 'active' : index === 399 ? 'suspended' : index < 403 ? 'reauth_required' : 'pending';
  await world.db.installation.createMany({
    data: Array.from({ length: 1_000 }, (_, index) => ({
      kind: 'location' as const,
      resourceId: `location-${index}`,
      name: `Clinic ${index}`,
      companyId: company.id,
      status: getStatus(index),
      updatedAt: now,
    })),
  });
  const page = await world.finishInstall(code);
  expect(page.text).toContain('400 of 1,000 locations are connected.');
  expect(page.text).toMatch(/<progress [^>]*max="1000" value="400"/);
  expect(page.text).toContain('4 locations need attention');
  expect(page.text).toContain('Clinic 402');
  const ticket = page.text.match(/data-ticket="([^"]+)"/)?.[1] ?? '';
  const spanish = { accept: 'text/html', 'accept-language': 'es' };
  const part = await world.client.get('/progress').query({ ticket }).set(spanish).expect(200);
  expect(part.text).toContain('400 de 1000 ubicaciones están conectadas.');
});

test('every failure of an installation has a page with a next step', async () => {
  await using world = await startWorld({ isIdle: true });
  const get = (path: string) => world.client.get(path).set('accept', 'text/html');
  const says = async (path: string, title: string, actionLink: string) => {
    const page = await get(path);
    expect(page.text).toContain(title);
    expect(page.text).toContain(actionLink);
  };
  await says('/oauth/callback?error=access_denied', 'Installation cancelled', 'href="/install"');
  await says('/oauth/callback?error=server_error', 'Installation not completed', 'href="/install"');
  await says('/oauth/callback?code=x&state=y', 'This install link is no longer valid', 'href="/install"');
  await says('/oauth/callback?code=wrong', 'The CRM rejected this installation', 'href="/install"');
  world.highlevel.faults.add({ operation: 'token:authorization_code', times: 1, effect: { status: 503 } });
  await says('/oauth/callback?code=x', 'Installation not finished', 'href="/install"');
  await says('/nothing', 'Not found', 'href="/"');
});
