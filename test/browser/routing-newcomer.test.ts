import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Browser, Frame, Page } from 'playwright-core';
import { inspect, openPage, testInBrowser } from '../support/browser.ts';
import { startParentFrame } from '../support/parent-frame.ts';
import { createTemporaryFolder } from '../support/program.ts';
import { startWorld, type World } from '../support/world.ts';

const languages = { en: 'en-US', es: 'es-ES' };
type Language = keyof typeof languages;

/** Reads the texts of a language, so that a person of each language goes the same way. */
function readTexts(language: Language) {
  const texts = JSON.parse(readFileSync(resolve(import.meta.dirname, `../../views/languages/${language}.json`), 'utf8'));
  return (key: string, values: Record<string, string> = {}): string => {
    const found = key.split('.').reduce((part, name) => part[name], texts);
    return Object.entries(values).reduce((text, [name, value]) => text.replace(`{${name}}`, value), found);
  };
}

async function openApp(browser: Browser, world: World, language: Language, hash: string) {
  const location = await world.setUpLocation();
  const parent = await startParentFrame(world);
  const { page, complaints } = await openPage(browser, {
    locale: languages[language],
    viewport: { width: 1280, height: 900 },
  });
  const context = { companyId: location.companyId, activeLocation: location.id, role: 'admin' };
  const frame = await parent.open(page, context, { hash });
  return { page, frame, parent, complaints, text: readTexts(language) };
}

async function press(frame: Frame, name: string): Promise<void> {
  await frame.getByRole('button', { name, exact: true }).click();
}

async function addConnection(world: World, page: Page, frame: Frame, language: Language, text: (key: string) => string) {
  await frame.getByRole('link', { name: text('routing.connections.add') }).click();
  await frame.getByRole('link', { name: 'HTTP', exact: false }).first().click();
  await frame.locator('input[name=url]').fill(world.vendor.url);
  await frame.locator('input[name=secret]').fill(world.vendor.secret);
  expect(await inspect(page, `routing-add-${language}`, frame)).toEqual([]);
  await press(frame, text('channels.form.connect'));
  await frame.locator('#connections li').nth(1).waitFor();
}

for (const language of ['en', 'es'] as const) {
  testInBrowser(`a person adds a connection and a rule, and sees the decision and why, in ${language}`, async (browser) => {
    await using world = await startWorld({ services: { frameAncestors: ['http://localhost:*'] } });
    const { page, frame, parent, complaints, text } = await openApp(browser, world, language, '#/channels/sms');
    await using _parent = parent;
    await frame.getByRole('link', { name: text('routing.open') }).click();
    await frame.getByText(text('routing.rules.none')).waitFor();
    await addConnection(world, page, frame, language, text);

    const second = frame.locator('#connections li').nth(1);
    await second.locator('summary').click();
    await second.getByLabel(text('routing.connections.name')).fill('x'.repeat(101));
    await second.getByRole('button', { name: text('routing.connections.rename') }).click();
    await second.locator('input[name=name][aria-invalid=true]:focus').waitFor();
    await second.getByLabel(text('routing.connections.name')).fill('Branch');
    await second.getByRole('button', { name: text('routing.connections.rename') }).click();
    await frame.locator('.row-name', { hasText: 'Branch' }).waitFor();

    await frame.getByLabel(text('routing.policy.next')).check();
    await press(frame, text('routing.policy.save'));
    await frame.getByText(text('routing.saved')).first().waitFor();
    const rules = frame.getByRole('region', { name: text('routing.rules.title') });
    await rules.getByLabel(text('routing.rules.kind'), { exact: true }).selectOption('country');
    await rules.locator('select[name=connectionId]').selectOption('Branch');
    await rules.locator('input[name=value]').fill('Spain');
    await press(frame, text('routing.rules.addNow'));
    await frame.getByText(text('routing.kinds.country.wrong')).waitFor();
    await rules.locator('input[name=value]:focus').waitFor();
    // An error of one form leaves what the others show.
    expect(await frame.getByLabel(text('routing.policy.next')).isChecked()).toBe(true);
    expect(await inspect(page, `routing-wrong-${language}`, frame)).toEqual([]);
    await rules.locator('input[name=value]').fill('ES');
    await press(frame, text('routing.rules.addNow'));
    await rules.getByText(text('routing.kinds.country.name')).and(rules.locator('.row-main')).waitFor();

    const preview = frame.getByRole('region', { name: text('routing.preview.title') });
    await preview.locator('input[name=to]').fill('+34612345678');
    await press(frame, text('routing.preview.run'));
    await preview.getByRole('status').getByText('Branch').waitFor();
    await preview
      .locator('li.good', { hasText: text('routing.rules.address') })
      .getByText(text('routing.results.chosen'))
      .waitFor();
    expect(await preview.locator('input[name=to]').inputValue()).toBe('+34612345678');
    expect(await inspect(page, `routing-decided-${language}`, frame)).toEqual([]);

    await frame.locator('#pool-form summary').click();
    await frame.locator('#pool-weight').fill('many');
    await press(frame, text('routing.pool.addNow'));
    await frame.locator('#pool-weight[aria-invalid=true]:focus').waitFor();
    expect(await inspect(page, `routing-pool-${language}`, frame)).toEqual([]);
    expect(complaints.filter((words) => !words.includes('422'))).toEqual([]);
    await page.context().close();
  });

  testInBrowser(`a person adds, finds, lifts, imports and exports opt-outs, in ${language}`, async (browser) => {
    using folder = createTemporaryFolder();
    await using world = await startWorld({ services: { frameAncestors: ['http://localhost:*'] } });
    const { page, frame, parent, complaints, text } = await openApp(browser, world, language, '');
    await using _parent = parent;
    await frame.getByRole('link', { name: text('optOuts.nav'), exact: true }).click();
    await frame.getByText(text('optOuts.empty.title')).waitFor();
    await frame.locator('#add summary').click();
    await frame.locator('#add').getByLabel(text('optOuts.address')).fill('somebody');
    await frame.locator('#add').getByLabel(text('optOuts.reason')).fill('Asked at the desk');
    await press(frame, text('optOuts.add.now'));
    await frame.getByText(text('optOuts.add.wrong')).waitFor();
    await frame.locator('#add input[name=address]:focus').waitFor();
    expect(await frame.locator('#add').getByLabel(text('optOuts.reason')).inputValue()).toBe('Asked at the desk');
    expect(await inspect(page, `opt-outs-wrong-${language}`, frame)).toEqual([]);
    await frame.locator('#add').getByLabel(text('optOuts.address')).fill('+1 (202) 555-0143');
    await press(frame, text('optOuts.add.now'));
    await frame.getByText(text('optOuts.added', { address: '+12025550143' })).waitFor();

    await frame.locator('#import summary').click();
    await frame.locator('#import-file').setInputFiles({
      name: 'list.csv',
      mimeType: 'text/csv',
      buffer: Buffer.from('phone,reason\n+34612345678,By letter\n12,?\n,\nmaya@ortiz.example,\n'),
    });
    await frame.locator('#import').getByLabel(text('optOuts.import.reason')).fill('The old system');
    await press(frame, text('optOuts.import.now'));
    await frame.locator('#import-errors li', { hasText: text('optOuts.import.line', { line: '3' }) }).waitFor();
    expect(await inspect(page, `opt-outs-imported-${language}`, frame)).toEqual([]);

    await frame.locator('#q').fill('0143');
    await press(frame, text('log.apply'));
    const row = frame.locator('tr[id]');
    await expectCount(frame, 1);
    await row.locator('summary').click();
    await row.getByLabel(text('optOuts.reason')).fill(' ');
    await press(frame, text('optOuts.lift.now'));
    await row.locator('input[name=reason][aria-invalid=true]:focus').waitFor();
    expect(await inspect(page, `opt-outs-lift-${language}`, frame)).toEqual([]);
    await row.getByLabel(text('optOuts.reason')).fill('Asked for messages again');
    await press(frame, text('optOuts.lift.now'));
    await frame.getByText(text('optOuts.lifted', { address: '+12025550143' })).waitFor();
    await frame.locator('#state').selectOption('all');
    await frame.getByText('Asked for messages again', { exact: true }).waitFor();
    expect(await inspect(page, `opt-outs-all-${language}`, frame)).toEqual([]);

    const download = page.waitForEvent('download');
    await frame.getByRole('link', { name: text('optOuts.export') }).click();
    const path = join(folder.path, 'opt-outs.csv');
    await (await download).saveAs(path);
    const lines = readFileSync(path, 'utf8').trim().split('\n');
    expect(lines).toHaveLength(4);
    expect(lines.some((line) => line.includes('Asked for messages again'))).toBe(true);
    expect(complaints.filter((words) => !words.includes('422'))).toEqual([]);
    await page.context().close();
  });
}

async function expectCount(frame: Frame, count: number): Promise<void> {
  await frame.locator('tr[id]').nth(count).waitFor({ state: 'detached' });
  expect(await frame.locator('tr[id]').count()).toBe(count);
}
