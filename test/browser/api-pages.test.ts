import { inspect, openPage, testInBrowser } from '../support/browser.ts';
import { startParentFrame } from '../support/parent-frame.ts';
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
