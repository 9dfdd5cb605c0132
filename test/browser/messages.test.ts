import type { Frame } from 'playwright-core';
import { advanceUntilShown, inspect, openPage, testInBrowser } from '../support/browser.ts';
import { addMessages } from '../support/many-messages.ts';
import { startParentFrame } from '../support/parent-frame.ts';
import { startWorld, type World } from '../support/world.ts';

const services = { frameAncestors: ['http://localhost:*'] };

/** Opens a page as a link does. */
async function goTo(frame: Frame, path: string, heading: string): Promise<void> {
  await frame.evaluate(`location.hash = '#/${path}'`);
  await frame.getByRole('heading', { level: 1, name: heading }).waitFor();
  await frame.waitForSelector('#main:not([aria-busy])');
}

/** Focuses a button and presses Enter. */
async function press(frame: Frame, name: string): Promise<void> {
  const button = frame.getByRole('button', { name, exact: true });
  await button.focus();
  await frame.page().keyboard.press('Enter');
}

async function failing(world: World) {
  const location = await world.setUpLocation();
  world.vendor.respondWith({ status: 422, body: { error: { code: '21610', message: 'The recipient has opted out.' } } });
  const contactId = location.contact.id;
  await world.highlevel.sendMessage(location.id, { contactId, messageId: 'refused-1', text: 'Your table is ready.' });
  await world.advanceUntilReported('refused-1');
  return location;
}

testInBrowser(
  'a location’s log is searched, filtered, paged and followed; a failed message is found, understood and sent again',
  async (browser) => {
    await using world = await startWorld({ services });
    const location = await failing(world);
    const ids = await addMessages(world, location, 10_000, (index) => ({
      ...(index === 1 ? { attachments: ['https://files.example/menu.pdf'] } : {}),
      ...(index === 3
        ? {
            state: 'pending' as const,
            reasonCode: 'outside_window',
            reason: 'x',
            nextAttemptAt: new Date(world.clock.now() + 3_600_000),
          }
        : {}),
      ...(index === 5
        ? { state: 'pending' as const, heldForReviewAt: new Date(), reasonCode: 'interrupted', reason: 'x' }
        : {}),
      ...(index === 9_000 ? { text: 'A needle in the hay' } : {}),
    }));
    await using parent = await startParentFrame(world);
    const { page, complaints } = await openPage(browser);
    const frame = await parent.open(page, { companyId: location.companyId, activeLocation: location.id, role: 'admin' });
    await frame.getByRole('link', { name: 'Messages', exact: true }).click();
    await frame.getByText('This message is outside the channel’s sending hours.').waitFor();
    await frame.getByText('Next attempt:').waitFor();
    expect(await inspect(page, 'messages', frame)).toEqual([]);

    // A message that comes does not move the one that has the focus, nor take the focus.
    await frame.evaluate('scrollTo(0, 900)');
    const read = frame.locator(`#message-${ids[15]} a`);
    await read.focus();
    const before = (await read.boundingBox())?.y;
    world.vendor.respondWith({ body: { status: 'delivered' } });
    await world.highlevel.sendMessage(location.id, {
      contactId: location.contact.id,
      messageId: 'new-1',
      text: 'The newest of all',
    });
    await advanceUntilShown(world, frame.getByText('The newest of all'));
    expect(await read.evaluate((element) => element.ownerDocument.activeElement === element)).toBe(true);
    expect(Math.abs(((await read.boundingBox())?.y ?? 0) - (before ?? 0))).toBeLessThan(2);

    // Older, newer: links.
    await frame.getByRole('link', { name: 'Older' }).click();
    await frame.locator(`#message-${ids[60]}`).waitFor();
    await frame.getByRole('link', { name: 'Newer', exact: true }).click();
    await frame.locator(`#message-${ids[15]}`).waitFor();

    await frame.getByLabel('Search').fill('needle');
    await page.keyboard.press('Enter');
    await frame.locator(`#message-${ids[9_000]}`).waitFor();
    await frame.getByRole('link', { name: 'Clear filters' }).click();
    await frame.locator(`#message-${ids[15]}`).waitFor();
    await frame.getByLabel('State').selectOption('failed');
    await frame.locator(`#message-${ids[15]}`).waitFor({ state: 'detached' });
    await frame.getByText('The recipient has opted out.').waitFor();
    expect(await frame.locator('tbody tr').count()).toBe(1);
    expect(await inspect(page, 'messages-failed', frame)).toEqual([]);
    await frame.getByLabel('State').selectOption('read');
    await frame.getByText('The recipient has opted out.').waitFor({ state: 'detached' });
    await frame.getByLabel('Day').fill('2001-01-01');
    await press(frame, 'Show');
    await frame.getByText('No matching messages').waitFor();
    expect(await frame.evaluate('location.hash')).toContain('zone=');
    expect(await inspect(page, 'messages-none', frame)).toEqual([]);

    // The failed message is retried.
    await goTo(frame, 'messages?status=failed', 'Messages');
    await frame.locator('tbody a').first().focus();
    await page.keyboard.press('Enter');
    await frame.getByRole('heading', { name: 'Message to +12025550143' }).waitFor();
    await frame.getByText('HTTP gateway rejected it').waitFor();
    await frame.getByText('Reported “Failed” to the CRM').waitFor();
    await frame.getByText('CRM trace id').first().waitFor();
    await frame.getByText('Response from HTTP gateway').first().click();
    await frame
      .getByText(/HTTP 422/)
      .first()
      .waitFor();
    expect(await inspect(page, 'message-failed', frame)).toEqual([]);
    await press(frame, 'Retry');
    await frame.getByText('The message is being sent again.').waitFor();
    await advanceUntilShown(world, frame.getByText('Reported “Delivered” to the CRM'));
    expect(await frame.getByRole('button', { name: 'Retry' }).count()).toBe(0);

    await goTo(frame, `messages/${ids[5]}`, `Message to +12025550105`);
    await frame.getByText('Was it sent?').waitFor();
    expect(await inspect(page, 'message-unknown', frame)).toEqual([]);
    await press(frame, 'Mark as sent');
    await frame.getByText('The message is marked as sent.').waitFor();
    await frame.getByText('The channel accepted the message and has not confirmed its delivery yet.').waitFor();
    await page.context().close();
    expect(complaints).toEqual([]);
  },
);

testInBrowser('dead letters are counted by reason and resent with progress', async (browser) => {
  await using world = await startWorld({ services });
  const location = await failing(world);
  const reason = 'No channel.';
  await addMessages(world, location, 620, (index) =>
    index % 2
      ? { state: 'failed', direction: 'outbound', to: `+1202555${1000 + index}`, reasonCode: 'no_channel', reason }
      : {},
  );
  world.vendor.respondWith({ body: { status: 'delivered' } });
  await using parent = await startParentFrame(world);
  const { page, complaints } = await openPage(browser, { locale: 'es-MX' });
  const frame = await parent.open(page, { companyId: location.companyId, activeLocation: location.id, role: 'admin' });
  await frame.getByRole('link', { name: 'Sin entregar' }).click();
  await frame.getByRole('listitem').filter({ hasText: 'En esta ubicación' }).getByText('310').waitFor();
  expect(await inspect(page, 'dead-letters', frame)).toEqual([]);
  await frame.getByLabel('Motivo', { exact: true }).selectOption('no_channel');
  await frame.getByText('Quitar filtros').waitFor();
  await frame.getByText('Volver a enviar todos estos').focus();
  await page.keyboard.press('Enter');
  expect(await inspect(page, 'dead-letters-confirm', frame)).toEqual([]);
  await press(frame, 'Volver a enviar ahora');
  await frame.getByText('Se están enviando de nuevo 310 mensajes.').waitFor();
  await frame.getByText('0 de 310 mensajes reenviados').first().waitFor();
  expect(await frame.locator('progress').count()).toBe(1);
  expect(await inspect(page, 'dead-letters-progress', frame)).toEqual([]);
  await advanceUntilShown(world, frame.getByText('Listo: 310 de 310 mensajes reenviados'));
  await frame.getByText('Ningún mensaje coincide').waitFor();
  expect(await world.db.message.count({ where: { state: 'failed' } })).toBe(1);
  await goTo(frame, 'dead-letters', 'Mensajes sin entregar');
  await frame.getByText('The recipient has opted out.').first().waitFor();
  await page.context().close();
  expect(complaints).toEqual([]);
});

testInBrowser('an agency sees the messages of all its locations, and changes none of them', async (browser) => {
  await using world = await startWorld({ services, isIdle: true });
  const location = await world.install();
  const other = await world.install();
  const [own] = await addMessages(world, location, 3, () => ({ state: 'failed', reasonCode: 'no_channel', reason: 'x' }));
  const [foreign] = await addMessages(world, other, 3);
  await using parent = await startParentFrame(world);
  const { page, complaints } = await openPage(browser);
  const frame = await parent.open(page, { companyId: location.companyId, type: 'agency', role: 'admin' });
  await goTo(frame, 'messages', 'Messages');
  await frame.getByRole('columnheader', { name: 'Location' }).waitFor();
  expect(await frame.locator(`#message-${own}`).count()).toBe(1);
  expect(await frame.locator(`#message-${foreign}`).count()).toBe(other.companyId === location.companyId ? 1 : 0);
  expect(await inspect(page, 'messages-of-agency', frame)).toEqual([]);
  await frame.locator(`#message-${own} th a`).click();
  await frame.getByRole('heading', { name: /^Message to/ }).waitFor();
  expect(await frame.getByRole('button', { name: 'Retry' }).count()).toBe(0);
  expect(await frame.getByRole('link', { name: 'Messages', exact: true }).getAttribute('aria-current')).toBe('true');
  expect(await inspect(page, 'message-of-agency', frame)).toEqual([]);
  await page.context().close();
  expect(complaints).toEqual([]);
});
