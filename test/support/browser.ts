import { existsSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { AxeResults, RunOptions } from 'axe-core';
import { type Browser, chromium, type Frame, type Locator, type Page } from 'playwright-core';
import type { World } from './world.ts';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const screenshots = process.env.SCREENSHOTS;
const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Where it is not the default yet: no cookies and no storage for frames of another site.
  '--test-third-party-cookie-phaseout',
];
/** Shorter than a test may take, so that it says what it waited for. */
const timeoutMs = 30_000;
const widths = [360, 768, 1280];
const reportViolations = `addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
  console.error('The policy forbids ' + violatedDirective + ': ' + blockedURI))`;
/** In the dark only colours are others. */
const rules: Record<'light' | 'dark', RunOptions['runOnly']> = {
  light: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  dark: { type: 'rule', values: ['color-contrast', 'link-in-text-block'] },
};

/** A way to run tests that need a browser: where there is none, they say so. One browser serves all tests of a file. */
export const testInBrowser: (name: string, run: (browser: Browser) => Promise<void>) => void = existsSync(executablePath)
  ? (name, run) => test(name, async () => run(await getBrowser()))
  : (name) =>
      test(`not tried, as there is no Chromium at ${executablePath}: ${name}`, () => {
        console.log('Install Chromium, or set CHROMIUM to where it is, to run the browser tests.');
      });

let opened: Promise<Browser> | undefined;

function getBrowser(): Promise<Browser> {
  opened ??= chromium.launch({ executablePath, args });
  return opened;
}

afterAll(async () => {
  await (await opened)?.close();
});

/** A page that keeps what the browser complains of, a blocked script or style included. It is alone: no cookie of another test. */
export async function openPage(browser: Browser, options: Parameters<Browser['newContext']>[0] = {}) {
  const complaints: string[] = [];
  const context = await browser.newContext({ locale: 'en-US', ...options });
  await context.addInitScript({ path: axe });
  await context.addInitScript({ content: reportViolations });
  const page = await context.newPage();
  page.setDefaultTimeout(timeoutMs);
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  return { page, complaints };
}

/**
 * What axe finds wrong with what a page shows, in light and in dark, by WCAG 2.2 AA and by good practice. With `SCREENSHOTS=<folder>`
 * it also keeps pictures at three widths.
 *
 * @param name of the pictures
 * @param shown the frame to look at, where it is not the whole page
 */
export async function inspect(page: Page, name: string, shown: Frame = page.mainFrame()): Promise<string[]> {
  const found: string[] = [];
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    // What has scrolled below the tabs counts as obscured.
    await shown.evaluate('scrollTo(0, 0)');
    found.push(...(await listViolations(shown, colorScheme)).map((violation) => `${name}, ${colorScheme}: ${violation}`));
    if (screenshots) await takeScreenshots(page, screenshots, `${name}-${colorScheme}`);
  }
  found.push(...(await findOverflowingWidths(page, shown)).map((width) => `${name}: wider than ${width} px`));
  await page.emulateMedia({ colorScheme: 'light' });
  return found;
}

async function listViolations(shown: Frame, colorScheme: keyof typeof rules): Promise<string[]> {
  const results = await shown.evaluate(
    (options) => (globalThis as unknown as { axe: { run(options: unknown): Promise<AxeResults> } }).axe.run(options),
    { runOnly: rules[colorScheme], iframes: false } as RunOptions,
  );
  return results.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary?.replaceAll('\n', ' ')}`),
  );
}

/** Widths at which one would have to scroll sideways. */
async function findOverflowingWidths(page: Page, shown: Frame): Promise<number[]> {
  const wrong: number[] = [];
  const before = page.viewportSize();
  for (const width of widths) {
    await page.setViewportSize({ width, height: 800 });
    const { scrollWidth, clientWidth } = await shown.evaluate(() => {
      const { scrollWidth, clientWidth } = (globalThis as unknown as { document: { documentElement: HTMLSize } }).document
        .documentElement;
      return { scrollWidth, clientWidth };
    });
    if (scrollWidth > clientWidth) wrong.push(width);
  }
  if (before) await page.setViewportSize(before);
  return wrong;
}

interface HTMLSize {
  scrollWidth: number;
  clientWidth: number;
}

async function takeScreenshots(page: Page, folder: string, name: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const before = page.viewportSize();
  for (const width of widths) {
    await page.setViewportSize({ width, height: 800 });
    await page.screenshot({ path: join(folder, `${name}-${width}.png`) });
  }
  if (before) await page.setViewportSize(before);
}

/** Moves the clock until an element is shown, slowly enough for a browser, whose own time goes on: pages load, and poll or receive updates. */
export function advanceUntilShown(world: World, what: Locator): Promise<void> {
  const isShown = () =>
    what
      .first()
      .waitFor({ timeout: 200 })
      .then(
        () => true,
        () => false,
      );
  return world.advanceUntil(isShown, `shown: ${what}`);
}
