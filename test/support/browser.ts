import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Runs where there is a browser, and says so where there is none. */
export const inBrowser: (name: string, run: (browser: Browser) => Promise<void>) => void = existsSync(executablePath)
  ? (name, run) =>
      test(name, async () => {
        const browser = await chromium.launch({ executablePath, args });
        try {
          await run(browser);
        } finally {
          await browser.close();
        }
      })
  : (name) =>
      test(`not tried, as there is no Chromium at ${executablePath}: ${name}`, () => {
        console.log('Install Chromium, or set CHROMIUM to where it is, to run the browser tests.');
      });

/** A page that keeps what the browser complains of, a blocked script or style included. */
export async function openPage(browser: Browser): Promise<{ page: Page; complaints: string[] }> {
  const complaints: string[] = [];
  const page = await browser.newPage();
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  return { page, complaints };
}
