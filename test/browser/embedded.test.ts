import { advanceUntilShown, inspect, openPage, testInBrowser } from '../support/browser.ts';
import { createKeyboard } from '../support/keyboard.ts';
import { createPageClient } from '../support/page-client.ts';
import { startParentFrame } from '../support/parent-frame.ts';
import { startWorld } from '../support/world.ts';

const storageOfFrame = `document.cookie = 'a=1; SameSite=None; Secure';
  [document.cookie, (() => { try { return typeof localStorage } catch (error) { return error.name } })()]`;
const services = { frameAncestors: ['http://localhost:*'] };

testInBrowser(
  'in a frame of another site without cookies, a location is seen, followed live and left with the keyboard',
  async (browser) => {
    await using world = await startWorld({ services });
    const location = await world.install();
    await using parent = await startParentFrame(world);
    const { page, complaints } = await openPage(browser);
    const admin = { companyId: location.companyId, activeLocation: location.id, role: 'admin' };
    const frame = await parent.open(page, admin);

    // The premise: the browser gives a framed page of another site neither cookies nor storage.
    expect(await frame.evaluate(storageOfFrame)).toEqual(['', 'SecurityError']);
    const heading = frame.getByRole('heading', { level: 1 });
    expect(await heading.evaluate((element) => element.ownerDocument.activeElement === element)).toBe(true);
    await frame.getByText('Connect a channel to start').waitFor();
    expect(await inspect(page, 'home-empty', frame)).toEqual([]);

    // Opened by keyboard; live changes keep the focus and open details.
    await createKeyboard(page).follow('Disconnect this location');
    const button = frame.getByRole('button', { name: 'Disconnect now' });
    await page.keyboard.press('Tab');
    await world.connect(location.id);
    await advanceUntilShown(world, frame.getByText('Text messages: connected'));
    expect(await frame.locator('time').first().getAttribute('title')).toMatch(/20\d\d/);
    expect(await button.evaluate((element) => element.ownerDocument.activeElement === element)).toBe(true);
    expect(await inspect(page, 'home', frame)).toEqual([]);

    await page.keyboard.press('Enter');
    await frame.getByText('Disconnected', { exact: true }).waitFor();
    expect(await frame.locator('.toast').textContent()).toBe('The location is disconnected.');
    expect(await inspect(page, 'home-disconnected', frame)).toEqual([]);
    expect((await page.context().cookies()).length).toBe(0);
    expect(complaints).toEqual([]);
    await page.context().close();
  },
);

testInBrowser('an agency goes from its locations to one of them and back; a missing page says so', async (browser) => {
  await using world = await startWorld({ services });
  const company = world.highlevel.addCompany();
  for (const name of ['Harbour Dental', 'Northside Fitness', 'A clinic with a very long name that has to go somewhere']) {
    world.highlevel.addLocation({ companyId: company.id, name });
  }
  await world.finishInstall(world.highlevel.approveCompanyInstall(company.id));
  await world.advanceUntil(
    async () => (await world.db.installation.count({ where: { kind: 'location', status: 'active' } })) === 3,
  );
  await world.advanceUntil(async () => (await world.db.installation.count({ where: { kind: 'location', name: null } })) === 0);
  await world.services.stopWorking(1_000);
  await world.db.installation.updateMany({
    where: { name: 'Northside Fitness' },
    data: { status: 'reauth_required', reconcileAt: null },
  });
  expect(await world.db.installation.count({ where: { status: 'reauth_required' } })).toBe(1);

  await using parent = await startParentFrame(world);
  const { page, complaints } = await openPage(browser, { locale: 'es-MX', timezoneId: 'America/Mexico_City' });
  const agency = { companyId: company.id, type: 'agency', role: 'admin' };
  const frame = await parent.open(page, agency, { hash: '#/locations' });
  await frame.getByRole('heading', { name: 'Ubicaciones' }).waitFor();
  expect(await frame.evaluate('document.documentElement.lang')).toBe('es');
  await frame.getByText('3 ubicaciones tienen la aplicación.').waitFor();
  expect(await inspect(page, 'locations', frame)).toEqual([]);

  await frame.getByRole('link', { name: 'Northside Fitness' }).click();
  await frame.getByText('Reconexión necesaria').waitFor();
  await frame.getByRole('link', { name: 'Inicio', exact: true }).click();
  await frame.getByRole('link', { name: 'Volver a conectar' }).waitFor();
  expect(await frame.getByText('Desconectar esta ubicación').count()).toBe(0);
  expect(await inspect(page, 'location-of-agency', frame)).toEqual([]);
  await frame.evaluate('history.go(-2)');
  await frame.getByRole('heading', { name: 'Ubicaciones' }).waitFor();
  expect(complaints).toEqual([]);

  await frame.evaluate('location.hash = "#/locations/unheard-of"');
  await frame.getByRole('heading', { name: 'No encontrado' }).waitFor();
  expect(await inspect(page, 'embedded-not-found', frame)).toEqual([]);
  await page.context().close();
});

testInBrowser('the token is renewed by a new handshake, and once it is over by the next request', async (browser) => {
  await using world = await startWorld({ services });
  const location = await world.install();
  await using parent = await startParentFrame(world);
  const { page } = await openPage(browser);
  const reader = { companyId: location.companyId, activeLocation: location.id, role: 'user' };
  await page.clock.install();
  const frame = await parent.open(page, reader);
  expect(await frame.getByText('Disconnect this location').count()).toBe(0);
  expect(parent.handshakes()).toBe(1);
  const renewed = page.waitForResponse((response) => response.url().endsWith('/api/session') && response.status() === 200);
  await page.clock.fastForward('14:30');
  await renewed;
  expect(parent.handshakes()).toBe(2);

  await world.advance(16 * 60_000, 16 * 60_000);
  await frame.evaluate('location.hash = "#/?again=1"');
  await world.waitFor(() => parent.handshakes() > 2);
  await frame.getByRole('heading', { level: 1 }).waitFor();
  await page.context().close();
});

testInBrowser(
  'a viewer whose clock is an hour ahead causes no more handshakes than others, and several requests one chain',
  async (browser) => {
    await using world = await startWorld({ isIdle: true, services });
    const location = await world.install();
    await using parent = await startParentFrame(world);
    const { page } = await openPage(browser);
    await page.clock.install({ time: world.clock.now() + 60 * 60_000 });
    const frame = await parent.open(page, { companyId: location.companyId, activeLocation: location.id, role: 'user' });
    await page.clock.runFor('01:00');
    expect(parent.handshakes()).toBe(1);

    // A request after the computer slept starts a new session: it replaces the renewal of the earlier one.
    world.clock.jump(16 * 60_000);
    await frame.evaluate('location.hash = "#/?again=1"');
    await world.waitFor(() => parent.handshakes() === 2);
    await frame.waitForSelector('#main:not([aria-busy]) h1');
    await page.clock.fastForward('13:30');
    expect(parent.handshakes()).toBe(2);
    const renewed = page.waitForResponse((response) => response.url().endsWith('/api/session'));
    await page.clock.fastForward('00:45');
    await renewed;
    expect(parent.handshakes()).toBe(3);
    await page.context().close();
  },
);

testInBrowser(
  'a form that could not be sent stays with what was typed, says what to do, and can be sent again',
  async (browser) => {
    await using world = await startWorld({ isIdle: true, services });
    const location = await world.install();
    await using parent = await startParentFrame(world);
    const { page } = await openPage(browser, { viewport: { width: 360, height: 740 } });
    const admin = { companyId: location.companyId, activeLocation: location.id, role: 'admin' };
    const frame = await parent.open(page, admin, { hash: '#/channels/sms/connect?type=gateway' });
    await frame.getByLabel('Gateway URL').fill('https://gateway.example/send');

    const problem = (code: string) => JSON.stringify({ error: { code, message: code } });
    const fragment = `<div data-fragment><div data-nav></div><div data-page><section class="empty-page"><h1>No database</h1>
    <p class="lead">Try later</p></section></div></div>`;
    const failures: [title: string, status: number, contentType: string, body: string][] = [
      ['Server unreachable', 0, '', ''],
      ['Too many requests', 429, 'application/json', problem('too_many_requests')],
      ['Internal error', 502, 'text/html', '<h1>Bad gateway</h1>'],
      ['No database', 503, 'text/html', fragment],
    ];
    for (const [title, status, contentType, body] of failures) {
      await page.route('**/embed/pages/**', (route) => {
        if (route.request().method() !== 'POST') return route.continue();
        return status === 0 ? route.abort() : route.fulfill({ status, contentType, body });
      });
      await frame.getByRole('button', { name: 'Connect', exact: true }).click();
      await frame.locator('[role=alert]:focus', { hasText: title }).waitFor();
      expect(await frame.locator('[role=alert]').count()).toBe(1);
      expect(await frame.getByLabel('Gateway URL').inputValue()).toBe('https://gateway.example/send');
      await page.unroute('**/embed/pages/**');
    }
    expect(await inspect(page, 'form-not-sent', frame)).toEqual([]);
    await frame.getByLabel('Gateway URL').fill(world.vendor.url);
    await frame.getByRole('button', { name: 'Connect', exact: true }).click();
    await frame.getByRole('heading', { name: 'Send a test message' }).waitFor();
    await page.context().close();
  },
);

testInBrowser('a button with the focus stays that button when a live change moves its row', async (browser) => {
  await using world = await startWorld({ services });
  const location = await world.setUpLocation();
  const admin = { companyId: location.companyId, activeLocation: location.id, role: 'admin' };
  const pages = await createPageClient(world, admin);
  const { url, secret } = world.vendor;
  for (let count = 0; count < 2; count++) {
    await pages.post('channels/sms/connect?type=gateway&add=1', { do: 'connect', type: 'gateway', add: '1', url, secret });
  }
  await using parent = await startParentFrame(world);
  const { page } = await openPage(browser);
  const frame = await parent.open(page, admin, { hash: '#/channels/sms/routing' });
  const row = frame.locator('#connections li[id]').nth(1);
  const connectionId = String(await row.getAttribute('id')).replace('connection-', '');
  await row.locator('summary').click();
  await row.getByRole('button', { name: 'Pause' }).focus();
  await pages.post('channels/sms/routing', { do: 'up', connectionId }).expect(200);
  await advanceUntilShown(world, frame.locator(`#connections li[id]:first-child#connection-${connectionId}`));
  expect(await frame.locator('button:focus').textContent()).toMatch(/^Pause /);
  await page.context().close();
});

testInBrowser('a download that fails saves no file and shows why', async (browser) => {
  await using world = await startWorld({ isIdle: true, services });
  const location = await world.install();
  await using parent = await startParentFrame(world);
  const { page } = await openPage(browser);
  const admin = { companyId: location.companyId, activeLocation: location.id, role: 'admin' };
  const frame = await parent.open(page, admin, { hash: '#/opt-outs' });
  const saved: string[] = [];
  page.on('download', (download) => saved.push(download.suggestedFilename()));
  await page.route('**/download*', (route) =>
    route.fulfill({ status: 429, json: { error: { code: 'too_many_requests', message: 'x' } } }),
  );
  await frame.locator('a[data-download]').click();
  await frame.getByRole('heading', { name: 'Too many requests' }).waitFor();
  expect(saved).toEqual([]);
  await page.context().close();
});

testInBrowser('a viewer who can’t be identified sees what to do', async (browser) => {
  await using world = await startWorld({ isIdle: true, services });
  const { page, complaints } = await openPage(browser);
  await page.goto(`${world.url}/embed`);
  await page.getByText('Open this page inside your CRM').waitFor();
  expect(await inspect(page, 'embed-outside')).toEqual([]);
  expect(complaints).toEqual([]);

  await using parent = await startParentFrame(world);
  const frame = await parent.open(page, { companyId: 'unheard-of', activeLocation: 'nowhere' });
  await frame.getByRole('heading', { name: 'The app is not installed here' }).waitFor();
  await frame.getByText('An admin of the agency can install it').waitFor();

  // Another process does not know the session secret yet, or no longer.
  const { id, companyId } = await world.install();
  const error = { code: 'unauthorized', message: 'x' };
  await page.route('**/embed/pages/**', (route) => route.fulfill({ status: 401, json: { error } }));
  const refused = await parent.open(page, { companyId, activeLocation: id, role: 'user' });
  await refused.getByRole('heading', { name: 'Session expired' }).waitFor();
  await page.context().close();
});
