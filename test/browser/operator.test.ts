import type { Page } from 'playwright-core';
import { advanceUntilShown, inspect, openPage, testInBrowser } from '../support/browser.ts';
import { seedOperatorPages } from '../support/operator-session.ts';
import { adminToken } from '../support/production-settings.ts';
import { startWorld } from '../support/world.ts';

const press = async (page: Page, ...keys: string[]) => {
  for (const key of keys) await page.keyboard.press(key);
};
const heading = (page: Page, name: string) => page.getByRole('heading', { level: 1, name }).waitFor();

testInBrowser('the operator signs in, goes through all pages and signs out, with the keyboard alone', async (browser) => {
  await using world = await startWorld({ isIdle: true });
  const { locationId } = await seedOperatorPages(world);
  const { page, complaints } = await openPage(browser);

  await page.goto(`${world.url}/admin/audit?action=channel_connected`);
  await heading(page, 'Operator sign-in');
  expect(await inspect(page, 'operator-sign-in')).toEqual([]);
  await page.keyboard.type('not the token');
  await press(page, 'Enter');
  await page.getByText('Wrong token').waitFor();
  expect(await inspect(page, 'operator-sign-in-wrong')).toEqual([]);
  await page.getByLabel('Operator token').focus();
  await page.keyboard.type(adminToken);
  await press(page, 'Enter');
  // Back to the requested page.
  await heading(page, 'Audit');
  expect(await page.getByRole('row').count()).toBe(2);

  const visit = async (link: string, title: string, name: string) => {
    await page.getByRole('navigation', { name: 'Pages', exact: true }).getByRole('link', { name: link, exact: true }).focus();
    await press(page, 'Enter');
    await heading(page, title);
    expect(await inspect(page, name)).toEqual([]);
  };
  await visit('Audit', 'Audit', 'operator-audit');
  await visit('Agencies', 'Agencies', 'operator-agencies');
  await visit('Dead letters', 'Dead letters', 'operator-dead-letters');
  await visit('Limits', 'Limits', 'operator-limits');
  await visit('Keys', 'Keys', 'operator-keys');

  // A filter works by keyboard, with and without the script; empty fields are not part of the address.
  await visit('Locations', 'All locations', 'operator-locations');
  await page.getByLabel('Name or id').focus();
  await page.keyboard.type('harbour');
  await press(page, 'Enter');
  await page.waitForURL(`${world.url}/admin/locations?q=harbour`);
  expect(await page.getByRole('row').count()).toBe(2);
  await page.getByRole('link', { name: 'Harbour Dental' }).focus();
  await press(page, 'Enter');
  await heading(page, 'Harbour Dental');
  expect(page.url()).toBe(`${world.url}/admin/locations/${locationId}`);
  await page.getByText('Disconnect this location').focus();
  await press(page, 'Enter', 'Tab', 'Enter');
  await page.getByText('The location is disconnected.').waitFor();
  expect(await inspect(page, 'operator-location')).toEqual([]);
  await page.reload();
  await page.getByText('Disconnected', { exact: true }).waitFor();

  await visit('System', 'System status', 'operator-system');
  // Live changes keep the focus.
  await page.getByRole('button', { name: 'Sign out' }).focus();
  await world.db.alert.updateMany({ data: { dedupKey: null, endedAt: new Date(world.clock.now()) } });
  await advanceUntilShown(world, page.getByText('No alert is open.'));
  await press(page, 'Enter');
  await heading(page, 'Operator sign-in');
  await page.goBack();
  await page.reload();
  await heading(page, 'Operator sign-in');
  expect(complaints.filter((words) => !words.includes('401'))).toEqual([]);
  await page.context().close();
});

testInBrowser(
  'an empty installation says what comes next, and a session that ends while a page is open asks to sign in',
  async (browser) => {
    await using world = await startWorld({ isIdle: true });
    const { page, complaints } = await openPage(browser, { locale: 'es-MX' });
    await page.goto(`${world.url}/admin`);
    await page.getByLabel('Token del operador').fill(adminToken);
    await page.keyboard.press('Enter');
    await heading(page, 'Estado del sistema');
    await page.getByText('No hay ningún proceso de trabajo').waitFor();
    expect(await inspect(page, 'operator-system-empty-es')).toEqual([]);
    for (const [path, words] of [
      ['agencies', 'Ninguna agencia tiene la aplicación todavía'],
      ['locations', 'Ninguna ubicación'],
      ['dead-letters', 'No hay mensajes fallidos'],
      ['limits', 'Aún no se ha comunicado ninguna cuota'],
      ['audit?action=installed', 'No hay coincidencias'],
    ]) {
      await page.goto(`${world.url}/admin/${path}`);
      await page.getByText(String(words)).first().waitFor();
      expect(await inspect(page, `operator-${path?.split('?')[0]}-empty-es`)).toEqual([]);
    }
    await world.db.session.deleteMany();
    await world.advanceUntil(
      () => page.getByRole('heading', { name: 'Inicio de sesión del operador' }).isVisible(),
      'asked to sign in',
      600_000,
    );
    expect(complaints.filter((words) => !words.includes('401'))).toEqual([]);
    await page.context().close();
  },
);

testInBrowser(
  'many open tabs do not keep the next one from loading, and one that is shown again is current',
  async (browser) => {
    await using world = await startWorld({ isIdle: true });
    const { page } = await openPage(browser);
    await page.goto(`${world.url}/admin`);
    await page.getByLabel('Operator token').fill(adminToken);
    await page.keyboard.press('Enter');
    await heading(page, 'System status');
    // A browser under test shows all tabs at once.
    const setHidden = (tab: Page, isHidden: boolean) =>
      tab.evaluate(`Object.defineProperty(document, 'hidden', { value: ${isHidden}, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'))`);
    await setHidden(page, true);
    for (let count = 0; count < 6; count++) {
      const tab = await page.context().newPage();
      await tab.goto(`${world.url}/admin/locations`);
      await heading(tab, 'Locations');
      await setHidden(tab, true);
    }
    await page.getByText('No alert is open.').waitFor();
    const now = new Date(world.clock.now());
    const alert = {
      kind: 'auth_failures' as const,
      subject: 'x',
      dedupKey: 'x',
      details: 'x',
      startedAt: now,
      lastSeenAt: now,
    };
    await world.db.alert.create({ data: { id: world.services.newId(), ...alert } });
    await setHidden(page, false);
    await advanceUntilShown(world, page.getByText('1 alert is open'));
    await page.context().close();
  },
);
