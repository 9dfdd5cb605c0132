import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';
import { freePorts, startProgram, temporaryFolder } from '../support/program.ts';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A page that fails the test when the browser complains of anything, a blocked script or style included. */
async function openPage(browser: Browser, complaints: string[]): Promise<Page> {
  const page = await browser.newPage();
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  return page;
}

const whereThereIsChromium = existsSync(executablePath) ? test : noBrowser;

function noBrowser(name: string): void {
  test(`not tried, as there is no Chromium at ${executablePath}: ${name}`, () => {
    console.log('Install Chromium, or set CHROMIUM to where it is, to run the browser tests.');
  });
}

whereThereIsChromium(
  'a newcomer goes the whole way in sandbox mode: install, connect, send, delivered, read, answer',
  async () => {
    using folder = temporaryFolder();
    const port = await freePorts();
    await using program = await startProgram({ DATA_DIR: folder.path, PORT: String(port) });
    expect(program.output()).toContain(`Open  http://localhost:${port}`);
    const browser = await chromium.launch({ executablePath, args });
    const complaints: string[] = [];
    try {
      const page = await openPage(browser, complaints);
      await page.goto(`http://localhost:${port}`);
      await page.getByRole('link', { name: 'Install' }).first().click();
      await page.getByLabel('Harbour Dental').check();
      await page.getByRole('button', { name: 'Allow and install' }).click();
      await page.getByRole('heading', { name: 'Harbour Dental is connected' }).waitFor();
      await page.getByRole('link', { name: 'Open the conversation' }).click();

      const thread = page.getByRole('list', { name: 'Messages' });
      const status = (name: string) => thread.getByRole('img', { name, exact: true });
      await page.getByLabel('Message as the user').fill('Too early');
      await page.keyboard.press('Enter');
      await status('failed').waitFor();
      await thread.getByText('No channel is connected').waitFor();

      await page.getByRole('button', { name: 'Connect the sandbox phone' }).click();
      await page.getByLabel('Message as the user').fill('See you at ten?');
      await page.keyboard.press('Enter');
      await status('delivered').waitFor();
      await page.getByRole('button', { name: /1 new/ }).click();
      await status('read').waitFor();
      await page.getByLabel('Answer as the contact').fill('Yes, thank you!');
      await page.keyboard.press('Enter');
      await thread.getByText('Yes, thank you!').waitFor();

      await page.getByLabel('opted out').check();
      await page.getByLabel('Message as the user').fill('Still there?');
      await page.keyboard.press('Enter');
      await thread.getByText('The contact has opted out of messages.').waitFor();
      expect(complaints).toEqual([]);
    } finally {
      await browser.close();
    }
  },
);

whereThereIsChromium('cancelling an install ends on a page that says so', async () => {
  using folder = temporaryFolder();
  const port = await freePorts();
  await using _program = await startProgram({ DATA_DIR: folder.path, PORT: String(port) });
  const browser = await chromium.launch({ executablePath, args });
  try {
    const page = await openPage(browser, []);
    await page.goto(`http://localhost:${port}/install`);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByText('The install was cancelled: nothing was connected.').waitFor();
    await page.getByRole('link', { name: 'Start the install again' }).click();
    await page.getByRole('heading', { name: 'Install Patchbay' }).waitFor();
  } finally {
    await browser.close();
  }
});
