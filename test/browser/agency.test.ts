import { inBrowser, openPage } from '../support/browser.ts';
import { freePorts, startProgram, temporaryFolder } from '../support/program.ts';

inBrowser('an agency installs, watches its locations being connected, and opens the page in its frame', async (browser) => {
  using folder = temporaryFolder();
  const port = await freePorts();
  await using _program = await startProgram({ DATA_DIR: folder.path, PORT: String(port) });
  const { page, complaints } = await openPage(browser);
  await page.goto(`http://localhost:${port}/install`);
  await page.getByLabel('The whole agency').check();
  await page.getByRole('button', { name: 'Allow and install' }).click();
  await page.getByRole('heading', { name: 'Your agency is connected' }).waitFor();
  await page.getByText('Done: 2 of 2 locations are connected.').waitFor();

  await page.getByRole('link', { name: 'Open the conversation' }).click();
  await page.getByRole('link', { name: 'The app’s page' }).click();
  const framed = page.frameLocator('iframe');
  await framed.getByRole('heading', { name: 'Harbour Dental' }).waitFor();
  await framed.getByText('Connected', { exact: true }).waitFor();
  await framed.getByText('No channel is connected yet').waitFor();
  await framed.getByText('Disconnect this location').click();
  await framed.getByRole('button', { name: 'Disconnect now' }).click();
  await framed.getByText('Disconnected', { exact: true }).waitFor();

  await page.goto(`http://localhost:${port + 1}/custom-page?company=SandboxCompany000001`);
  await framed.getByText('Northside Fitness: Connected').waitFor();
  expect(await framed.getByText('Harbour Dental').count()).toBe(0);
  expect(complaints).toEqual([]);
});

inBrowser('the page in the frame renews its token by a new handshake, and a reader can’t disconnect', async (browser) => {
  using folder = temporaryFolder();
  const port = await freePorts();
  await using _program = await startProgram({ DATA_DIR: folder.path, PORT: String(port) });
  const { page } = await openPage(browser);
  const sessions: string[] = [];
  page.on('request', (request) => {
    if (request.url().endsWith('/api/session')) sessions.push(request.postData() ?? '');
  });
  await page.goto(`http://localhost:${port}/install`);
  await page.getByLabel('Harbour Dental').check();
  await page.getByRole('button', { name: 'Allow and install' }).click();
  await page.getByRole('link', { name: 'Open the conversation' }).click();
  const href = await page.getByRole('link', { name: 'The app’s page' }).getAttribute('href');
  await page.clock.install();
  await page.goto(`http://localhost:${port + 1}${href}&role=user`);
  const framed = page.frameLocator('iframe');
  await framed.getByRole('heading', { name: 'Harbour Dental' }).waitFor();
  expect(await framed.getByText('Disconnect this location').isVisible()).toBe(false);
  expect(sessions).toHaveLength(1);
  const renewed = page.waitForResponse((response) => response.url().endsWith('/api/session') && response.status() === 200);
  await page.clock.fastForward('14:30');
  await renewed;
  expect(sessions).toHaveLength(2);
  expect(sessions[0]).not.toBe(sessions[1]);
});

inBrowser('the embedded page outside of any frame says what to do', async (browser) => {
  using folder = temporaryFolder();
  const port = await freePorts();
  await using _program = await startProgram({ DATA_DIR: folder.path, PORT: String(port) });
  const { page, complaints } = await openPage(browser);
  await page.goto(`http://localhost:${port}/embed`);
  await page.getByText('Open this page inside your CRM').waitFor();
  expect(complaints).toEqual([]);
});
