import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Browser, Frame } from 'playwright-core';
import { allScopes } from '../../src/highlevel/operations.ts';
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
  return { page, frame, parent, complaints, location, text: readTexts(language) };
}

async function press(frame: Frame, name: string): Promise<void> {
  await frame.getByRole('button', { name, exact: true }).click();
}

type Walk = Awaited<ReturnType<typeof openApp>> & { world: World; language: Language };

const getConnection = (frame: Frame, name: string) => frame.locator('#connections li', { hasText: name });

/** Opens the changes of a connection in the list, and does one of them. */
async function change({ frame, text }: Walk, name: string, action: string): Promise<void> {
  const row = getConnection(frame, name);
  await row.locator('summary').click();
  await row.getByRole('button', { name: `${text(`routing.connections.${action}`)} ${name}`, exact: true }).click();
  await frame.getByText(text('routing.saved')).first().waitFor();
}

/** Adds a second connection, which opens on a page of its own, and gives it the name Branch in the list. */
async function addConnection(walk: Walk): Promise<void> {
  const { world, page, frame, text, language } = walk;
  await frame.getByRole('link', { name: text('routing.connections.add') }).click();
  await frame.getByRole('link', { name: 'HTTP', exact: false }).first().click();
  await frame.locator('input[name=url]').fill(world.vendor.url);
  await frame.locator('input[name=secret]').fill(world.vendor.secret);
  expect(await inspect(page, `routing-add-${language}`, frame)).toEqual([]);
  await press(frame, text('channels.form.connect'));
  await frame.getByRole('heading', { name: text('channels.test.title') }).waitFor();
  expect(await inspect(page, `connection-${language}`, frame)).toEqual([]);
  await frame.locator('.above a').click();
  const second = frame.locator('#connections li').nth(1);
  await second.locator('summary').click();
  await second.getByLabel(text('routing.connections.name')).fill('x'.repeat(101));
  await second.getByRole('button', { name: text('routing.connections.rename') }).click();
  await second.locator('input[name=name][aria-invalid=true]:focus').waitFor();
  await second.getByLabel(text('routing.connections.name')).fill('Branch');
  await second.getByRole('button', { name: text('routing.connections.rename') }).click();
  await frame.locator('.row-name', { hasText: 'Branch' }).waitFor();
  expect(await inspect(page, `connections-${language}`, frame)).toEqual([]);
}

/** Pauses and resumes the second connection, and sets limits for it and for one of its senders. */
async function limitConnection(walk: Walk): Promise<void> {
  const { page, frame, text, language } = walk;
  await change(walk, 'Branch', 'pause');
  await frame.locator('#connections .badge', { hasText: text('routing.connections.paused') }).waitFor();
  await frame.getByRole('link', { name: 'Branch', exact: true }).click();
  await frame.locator('#paused').waitFor();
  expect(await inspect(page, `connection-paused-${language}`, frame)).toEqual([]);
  await press(frame, text('routing.connections.unpause'));
  await frame.locator('#paused').waitFor({ state: 'detached' });
  await frame.getByRole('link', { name: text('channels.settings.open') }).click();
  await frame.locator('input[name=dailyCap]').fill('70');
  await press(frame, text('channels.settings.save'));
  await frame.getByText(text('channels.limits.today', { sent: '0', cap: '70' })).waitFor();

  await frame.getByRole('link', { name: text('channels.senders.link'), exact: true }).click();
  await frame.getByLabel(text('channels.senders.list.another')).fill('+12025550199');
  await press(frame, text('channels.senders.list.open'));
  const sender = frame.locator('#sender');
  await sender.locator('input[name=dailyCap]').fill('many');
  await sender.getByLabel(text('channels.settings.hours.options.some')).check();
  await press(frame, text('channels.settings.save'));
  await sender.locator('input[aria-invalid=true]:focus').waitFor();
  expect(await inspect(page, `sender-wrong-${language}`, frame)).toEqual([]);
  await sender.locator('input[name=dailyCap]').fill('40');
  await sender.locator('input[type=time]').first().fill('09:00');
  await sender.locator('input[type=time]').last().fill('17:00');
  await press(frame, text('channels.settings.save'));
  await frame.locator('#senders li', { hasText: '+12025550199' }).getByText('09:00–17:00').waitFor();
  expect(await inspect(page, `senders-${language}`, frame)).toEqual([]);
  await frame.locator('.above a').click();
  await frame.locator('.above a').click();
  await change(walk, 'Branch', 'up');
  await frame.locator('#connections li').first().getByRole('link', { name: 'Branch', exact: true }).waitFor();
}

/** Chooses an assigned user by name, and moves that rule before the other one. */
async function ruleForUser({ page, frame, text, language }: Walk): Promise<void> {
  const rules = frame.getByRole('region', { name: text('routing.rules.title') });
  await frame.locator('#user-rule summary').click();
  await frame.locator('#user-rule').getByLabel(text('routing.rules.assignedTo')).selectOption('Ana Álvarez');
  await press(frame, text('routing.rules.addForUser'));
  const rule = rules.locator('li', { hasText: 'Ana Álvarez' });
  await rule.getByRole('button', { name: `${text('routing.connections.up')} ana`, exact: true }).click();
  await rules.locator('li').first().getByText('Ana Álvarez').waitFor();
  expect(await inspect(page, `routing-rules-${language}`, frame)).toEqual([]);
}

for (const language of ['en', 'es'] as const) {
  testInBrowser(`a person adds a connection and a rule, and sees the decision and why, in ${language}`, async (browser) => {
    const services = { frameAncestors: ['http://localhost:*'] };
    await using world = await startWorld({ services, hasWorkflows: true, scopes: allScopes });
    const opened = await openApp(browser, world, language, '#/channels/sms');
    const { page, frame, parent, complaints, text, location } = opened;
    await using _parent = parent;
    const user = { companyId: location.companyId, activeLocation: location.id, type: 'account', userId: 'ana' };
    world.highlevel.createUserContext({ ...user, userName: 'Ana Álvarez' });
    const walk = { ...opened, world, language };
    await addConnection(walk);
    await limitConnection(walk);
    await frame.getByRole('link', { name: text('routing.open') }).click();
    await frame.getByText(text('routing.rules.none')).waitFor();

    await frame.getByLabel(text('routing.policy.next')).check();
    await press(frame, text('routing.policy.save'));
    await frame.getByText(text('routing.saved')).first().waitFor();
    const rules = frame.getByRole('region', { name: text('routing.rules.title') });
    await rules.getByLabel(text('routing.rules.kind'), { exact: true }).selectOption('country');
    await rules.locator('#field-connectionId').selectOption('Branch');
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
    await ruleForUser(walk);

    await world.highlevel.addTrigger(location.id, 'message_failed', [{ field: 'provider', value: 'sms' }]);
    await frame.getByRole('link', { name: text('channels.nav'), exact: true }).click();
    await frame.getByRole('link', { name: text('workflows.triggers.open') }).click();
    await frame.getByText(text('workflows.triggers.kinds.message_failed')).waitFor();
    expect(await inspect(page, `workflow-triggers-${language}`, frame)).toEqual([]);
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
