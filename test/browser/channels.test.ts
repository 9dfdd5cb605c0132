import { advanceUntilShown, inspect, openPage, testInBrowser } from '../support/browser.ts';
import { startParentFrame } from '../support/parent-frame.ts';
import { startWorld } from '../support/world.ts';

const services = { frameAncestors: ['http://localhost:*'] };

testInBrowser(
  'a channel is connected by its own form, tested, edited without its secret, rate-limited and disconnected',
  async (browser) => {
    await using world = await startWorld({ services });
    const location = await world.install();
    await using parent = await startParentFrame(world);
    const { page, complaints } = await openPage(browser, { viewport: { width: 1280, height: 900 } });
    const admin = { companyId: location.companyId, activeLocation: location.id, role: 'admin' };
    const frame = await parent.open(page, admin);
    const heading = (name: string | RegExp) => frame.getByRole('heading', { name }).first().waitFor();

    await frame.getByRole('link', { name: 'Connect a channel' }).click();
    await heading('Channels');
    expect(await inspect(page, 'channels', frame)).toEqual([]);
    await frame.getByRole('link', { name: 'Connect Text messages' }).click();
    await heading('Connect a channel: Text messages');
    expect(await inspect(page, 'connect-choose', frame)).toEqual([]);
    await frame.getByRole('link', { name: 'HTTP gateway', exact: true }).click();
    await heading('Connect HTTP gateway');

    // An error is shown at its field, which gets the focus; the generated secret stays the same.
    const secret = await frame.getByLabel('Secret').inputValue();
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    await frame.getByLabel('Gateway URL').fill('gateway');
    await frame.getByRole('button', { name: 'Connect', exact: true }).click();
    await frame.getByText('Enter a URL that starts with https://').waitFor();
    await frame.locator('input[name=url]:focus').waitFor();
    expect(await frame.getByLabel('Secret').inputValue()).toBe(secret);
    expect(await inspect(page, 'connect-wrong', frame)).toEqual([]);
    await frame.getByLabel('Gateway URL').fill(world.vendor.url);
    await frame.getByLabel('Secret').fill(world.vendor.secret);
    await frame.getByRole('button', { name: 'Connect', exact: true }).click();
    await heading('Send a test message');
    expect(await frame.getByText(/\/channels\/.+\/status$/).count()).toBe(1);
    expect(await frame.content()).not.toContain(world.vendor.secret);
    expect(await inspect(page, 'channel-new', frame)).toEqual([]);

    // A test's steps are shown live; a rejected one shows the reason.
    world.vendor.respondWith({ body: { status: 'accepted', externalId: 'e1' } });
    await frame.getByRole('button', { name: 'Send the test' }).click();
    await frame.getByText('Queued', { exact: true }).waitFor();
    await advanceUntilShown(world, frame.locator('#step-accepted.good'));
    expect(await frame.locator('#step-delivered.now').isVisible()).toBe(true);
    const { connectionId, id } = await world.db.message.findFirstOrThrow({ where: { isTest: true } });
    await world.postChannelWebhook(connectionId as string, 'status', { id, status: 'delivered' }).expect(202);
    await advanceUntilShown(world, frame.getByText('It works: the message was delivered.'));
    world.vendor.respondWith({ status: 400, body: { error: { code: '21610', message: 'The number is not on our list.' } } });
    await frame.getByRole('button', { name: 'Send the test' }).click();
    await advanceUntilShown(world, frame.getByText('The number is not on our list.').first());
    expect(await inspect(page, 'channel-refused', frame)).toEqual([]);

    await frame.getByRole('link', { name: 'Edit the connection' }).click();
    await heading('Edit HTTP gateway');
    await frame.getByText('stored, not changed').waitFor();
    expect(await inspect(page, 'connect-change', frame)).toEqual([]);
    await frame.getByText('More settings').click();
    await frame.getByLabel('Response timeout').fill('2000');
    await frame.getByRole('button', { name: 'Save' }).click();
    await heading('Text messages');
    world.vendor.respondWith({ body: { status: 'delivered' } });

    await frame.getByRole('link', { name: 'Edit the sending settings' }).click();
    await heading('Text messages: sending settings');
    expect(await frame.getByLabel('From', { exact: true }).isVisible()).toBe(false);
    await frame.getByLabel('Send from').fill('+12025550999');
    await frame.getByLabel('Maximum messages per day').fill('0');
    await frame.getByLabel('only during these hours').check();
    await frame.getByRole('button', { name: 'Save' }).click();
    await frame.getByText('At least 1.').waitFor();
    await frame.getByText('Enter a time such as 18:00.').waitFor();
    expect(await inspect(page, 'settings-wrong', frame)).toEqual([]);
    await frame.getByLabel('Maximum messages per day').fill('1');
    await frame.getByLabel('From', { exact: true }).fill('00:00');
    await frame.getByLabel('Until').fill('23:59');
    await frame.getByRole('button', { name: 'Save' }).click();
    await heading('Text messages');
    await frame.getByText('0 of 1 used today').waitFor();

    for (const wait of ['now', 'later']) {
      await frame.getByRole('button', { name: 'Send the test' }).click();
      await frame.getByRole('heading', { name: /^Test to/ }).waitFor();
      if (wait === 'now') await advanceUntilShown(world, frame.getByText('It works: the message was delivered.'));
    }
    await advanceUntilShown(world, frame.getByText('A message to 1 contact is waiting.'));
    expect(world.vendor.requests.at(-1)?.body.from).toBe('+12025550999');
    expect(await inspect(page, 'channel-waits', frame)).toEqual([]);

    await frame.getByText('Disconnect this channel').click();
    await frame.getByRole('button', { name: 'Disconnect now' }).click();
    await frame.getByText('No channel is connected').waitFor();
    expect(complaints.filter((words) => !words.includes('422'))).toEqual([]);
    await page.context().close();
  },
);
