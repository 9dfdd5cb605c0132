import { advanceUntilShown, inspect, openPage, testInBrowser } from '../support/browser.ts';
import { startParentFrame } from '../support/parent-frame.ts';
import { startWebhookReceiver } from '../support/webhook-receiver.ts';
import { startWorld } from '../support/world.ts';

testInBrowser('an admin creates an API token in the CRM, copies it and revokes it', async (browser) => {
  await using world = await startWorld({ isIdle: true, services: { frameAncestors: ['http://localhost:*'] } });
  const { id, companyId } = await world.install();
  await using parent = await startParentFrame(world);
  const { page, complaints } = await openPage(browser, { viewport: { width: 1280, height: 900 } });
  const frame = await parent.open(page, { companyId, activeLocation: id, role: 'admin' }, { hash: '#/api-tokens' });
  await frame.getByText('No API tokens').waitFor();
  await frame.locator('#create summary').click();
  await frame.getByLabel('Name').fill('Report');
  await frame.getByLabel('messages:read').check();
  await frame.getByLabel('channels:read').check();
  expect(await inspect(page, 'api-tokens-create', frame)).toEqual([]);
  await frame.getByRole('button', { name: 'Create token' }).click();
  const token = await frame.locator('#created-token').inputValue();
  expect(await inspect(page, 'api-tokens-created', frame)).toEqual([]);
  const listed = () => world.client.get(`/api/locations/${id}/channels/sms`).set('authorization', `Bearer ${token}`);
  await listed().expect(404);

  await frame.locator('tbody details summary').click();
  await frame.getByRole('button', { name: 'Revoke token' }).click();
  await frame.getByText('No API tokens').waitFor();
  await listed().expect(401);
  expect(complaints).toEqual([]);
});

testInBrowser('an admin adds a webhook endpoint in the CRM, tries it and sees its attempts come', async (browser) => {
  await using world = await startWorld({ services: { frameAncestors: ['http://localhost:*'] } });
  await using receiver = await startWebhookReceiver();
  const { id, companyId } = await world.install();
  await using parent = await startParentFrame(world);
  const { page, complaints } = await openPage(browser, { viewport: { width: 1280, height: 900 } });
  const frame = await parent.open(page, { companyId, activeLocation: id, role: 'admin' }, { hash: '#/webhooks' });
  await frame.getByText('No webhooks').waitFor();
  await frame.locator('#add summary').click();
  await frame.getByLabel('URL').fill(receiver.url);
  await frame.getByLabel('message.failed').check();
  expect(await inspect(page, 'webhooks-add', frame)).toEqual([]);
  await frame.getByRole('button', { name: 'Add endpoint' }).click();
  expect(await frame.locator('#new-secret').inputValue()).toMatch(/^whsec_/);
  expect(await inspect(page, 'webhooks-added', frame)).toEqual([]);

  receiver.respondWith({ status: 500, body: 'broken' });
  await frame.getByRole('link', { name: receiver.url }).click();
  await frame.getByRole('button', { name: 'Send a test event' }).click();
  await advanceUntilShown(world, frame.getByText('Failing'));
  await advanceUntilShown(world, frame.getByText('broken'));
  expect(await inspect(page, 'webhook-endpoint', frame)).toEqual([]);
  expect(complaints).toEqual([]);
});
