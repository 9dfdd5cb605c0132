import { inspect, openPage, testInBrowser } from '../support/browser.ts';
import { createDataFolder } from '../support/databases.ts';
import { findFreePorts, startProgram } from '../support/program.ts';

testInBrowser('an agency installs, watches its locations being connected, and opens the page in its frame', async (browser) => {
  using folder = createDataFolder();
  const port = await findFreePorts();
  await using _program = await startProgram({ DATA_DIR: folder.path, PORT: String(port) });
  const { page, complaints } = await openPage(browser);
  await page.goto(`http://localhost:${port}/install`);
  await page.getByLabel('The whole agency').check();
  await page.getByRole('button', { name: 'Allow and install' }).click();
  await page.getByRole('heading', { name: 'Your agency is connected' }).waitFor();
  await page.getByText('Done: 2 of 2 locations are connected.').waitFor();
  expect(await inspect(page, 'installed-agency')).toEqual([]);

  await page.getByRole('link', { name: 'Open the app’s page' }).click();
  const framed = page.frameLocator('iframe');
  await framed.getByText('Totals of 2 locations.').waitFor();
  await framed.getByRole('link', { name: 'Locations', exact: true }).click();
  await framed.getByRole('link', { name: 'Harbour Dental' }).click();
  await framed.getByText('No channel is connected').waitFor();
  await page.goto(`http://localhost:${port + 1}/desk`);
  await page.getByRole('link', { name: 'The app’s page' }).click();
  await framed.getByRole('heading', { name: 'Harbour Dental' }).waitFor();
  await framed.getByText('Connected', { exact: true }).waitFor();
  await framed.getByText('Connect a channel to start').waitFor();
  await framed.getByText('Disconnect this location').click();
  await framed.getByRole('button', { name: 'Disconnect now' }).click();
  await framed.getByText('Disconnected', { exact: true }).waitFor();

  await page.goto(`http://localhost:${port + 1}/custom-page?company=SandboxCompany000001`);
  await framed.getByRole('link', { name: 'Locations', exact: true }).click();
  await framed.getByRole('row', { name: /Northside Fitness Connected/ }).waitFor();
  expect(await framed.getByText('Harbour Dental').count()).toBe(0);
  expect(complaints).toEqual([]);
});
