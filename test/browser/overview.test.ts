import { advanceUntilShown, inspect, openPage, testInBrowser } from '../support/browser.ts';
import { startParentFrame } from '../support/parent-frame.ts';
import { createTwoWeeks, jumpToNoon, storeMessages } from '../support/stored-messages.ts';
import { startWorld } from '../support/world.ts';

const services = { frameAncestors: ['http://localhost:*'] };
const minute = 60_000;

testInBrowser('staff see live whether messages are sent, and get from a number to its messages', async (browser) => {
  await using world = await startWorld({ services, isIdle: true });
  jumpToNoon(world);
  const location = await world.install();
  await using parent = await startParentFrame(world);
  const { page, complaints } = await openPage(browser);
  const admin = { companyId: location.companyId, activeLocation: location.id, role: 'admin' };
  const frame = await parent.open(page, admin, { hash: '#/overview' });
  await frame.getByText('No channel is connected', { exact: true }).waitFor();
  await frame.getByText('No messages in the last 14 days').waitFor();
  expect(await inspect(page, 'overview-empty', frame)).toEqual([]);

  const connectionId = await world.connect(location.id);
  await storeMessages(world, location.id, createTwoWeeks(world.clock.now(), 180));
  await advanceUntilShown(world, frame.getByText('Messages are being sent normally.'));
  const sent = await frame.locator('.tile').first().locator('a').textContent();
  expect(await inspect(page, 'overview', frame)).toEqual([]);

  // The chart and its table have the same numbers.
  const drawn = await frame
    .locator('#chart-sent-numbers')
    .locator('xpath=..')
    .locator('.bar[data-value]')
    .evaluateAll((bars) => bars.map((bar) => Number(bar.getAttribute('data-value'))));
  await frame.locator('#chart-sent-numbers summary').click();
  const shownText = await frame
    .locator('#chart-sent-numbers td')
    .evaluateAll((cells) => cells.map((cell) => Number(cell.textContent?.replaceAll(',', ''))));
  const sorted = (numbers: number[]) => numbers.filter((number) => number > 0).sort((a, b) => a - b);
  expect(sorted(shownText)).toEqual(sorted(drawn));

  const startedAt = new Date(world.clock.now() - 90 * minute);
  await world.db.alert.create({
    data: {
      id: world.services.newId(),
      kind: 'channel_failing',
      subject: connectionId,
      dedupKey: `channel_failing/${connectionId}`,
      locationId: location.id,
      companyId: location.companyId,
      details: 'Channel sms: 12 of the last 12 attempts failed.',
      startedAt: startedAt,
      lastSeenAt: startedAt,
    },
  });
  await storeMessages(world, location.id, [{ at: world.clock.now(), state: 'failed', reason: ['no_address', 'x'] }]);
  await advanceUntilShown(world, frame.getByText('This location needs attention.'));
  expect(Number((await frame.locator('.tile').first().locator('a').textContent())?.replace(',', ''))).toBe(
    Number(sent?.replace(',', '')) + 1,
  );
  // Open details stay open, and the links count the alert.
  expect(await frame.locator('#chart-sent-numbers').getAttribute('open')).not.toBeNull();
  await frame.getByRole('link', { name: 'Alerts 1 open' }).waitFor();
  expect(await frame.getByRole('link', { name: 'View failed messages' }).getAttribute('href')).toBe('#/messages?status=failed');
  const href = await frame.locator('.tile-bad a').getAttribute('href');
  expect(href).toMatch(/^#\/messages\?direction=outbound&status=failed&day=\d{4}-\d\d-\d\d$/);
  expect(await inspect(page, 'overview-alert', frame)).toEqual([]);

  await frame.getByRole('link', { name: 'Alerts 1 open' }).click();
  await frame.getByRole('heading', { name: 'Channel failing' }).waitFor();
  expect(await inspect(page, 'alerts', frame)).toEqual([]);
  await world.db.alert.updateMany({ data: { dedupKey: null, endedAt: new Date(world.clock.now()) } });
  await advanceUntilShown(world, frame.getByText('No open alerts'));
  await frame.getByRole('row', { name: /Channel failing/ }).waitFor();
  expect(await frame.getByRole('link', { name: 'Alerts', exact: true }).count()).toBe(1);
  expect(complaints).toEqual([]);
  await page.context().close();
});

testInBrowser('an agency sees which locations need attention, sorts and filters them, and opens one', async (browser) => {
  await using world = await startWorld({ services, isIdle: true });
  jumpToNoon(world);
  const companyId = 'CompanyOfTheTests01';
  const now = world.clock.now();
  const names = ['Harbour Dental', 'Northside Fitness', 'A clinic with a very long name that has to go somewhere', 'Oak & Elm'];
  await world.db.installation.createMany({
    data: names.map((name, n) => ({
      kind: 'location' as const,
      resourceId: `location-${n}`,
      companyId,
      name,
      timezone: 'America/New_York',
      status: n === 1 ? ('reauth_required' as const) : ('active' as const),
      updatedAt: new Date(now),
    })),
  });
  for (const n of [0, 1, 2]) await world.connect(`location-${n}`);
  for (const n of [0, 1, 2]) await storeMessages(world, `location-${n}`, createTwoWeeks(now - n * 80 * minute, 60 - n * 25));
  const silent = { id: world.services.newId(), kind: 'location_silent' as const, subject: 'location-2' };
  await world.db.alert.create({
    data: {
      ...silent,
      dedupKey: 'location_silent/location-2',
      locationId: 'location-2',
      companyId,
      details: 'A clinic used to send on most days and has sent nothing for 48 hours.',
      startedAt: new Date(now),
      lastSeenAt: new Date(now),
    },
  });

  await using parent = await startParentFrame(world);
  const { page, complaints } = await openPage(browser);
  const frame = await parent.open(page, { companyId, type: 'agency', role: 'admin' });
  await frame.getByText('Totals of 4 locations.').waitFor();
  expect(await inspect(page, 'overview-agency', frame)).toEqual([]);
  await frame.getByRole('link', { name: 'Alerts 1 open' }).waitFor();

  await frame.getByRole('link', { name: 'Locations', exact: true }).click();
  await frame.getByText('4 locations have the app.').waitFor();
  const shown = () => frame.locator('tbody th a').allTextContents();
  expect((await shown()).slice(0, 2)).toEqual(['Northside Fitness', 'Oak & Elm']);
  expect(await inspect(page, 'locations', frame)).toEqual([]);
  await frame.getByRole('columnheader', { name: '7 days' }).getByRole('link').click();
  await frame.locator('th[aria-sort="descending"]', { hasText: '7 days' }).waitFor();
  expect((await shown())[0]).toBe('Harbour Dental');
  await frame.getByLabel('Show').selectOption('silent');
  await frame.getByText('1 of 4 locations.').waitFor();
  expect(await shown()).toEqual(['A clinic with a very long name that has to go somewhere']);
  await frame.getByLabel('Name or id').fill('unheard-of');
  await page.keyboard.press('Enter');
  await frame.getByText('No matching locations').waitFor();
  expect(await inspect(page, 'locations-none', frame)).toEqual([]);
  await frame.getByRole('link', { name: 'Show all locations' }).click();
  await frame.getByRole('link', { name: 'Harbour Dental' }).click();
  await frame.getByText('Messages are being sent normally.').waitFor();
  expect(complaints).toEqual([]);
  await page.context().close();
});
