import { buildUnsubscribeHeaders } from '../../src/channels/mail/unsubscribe.ts';
import { mailbox, startSignInWorld } from '../channels/email-sign-in-world.ts';
import { inspect, openPage, testInBrowser } from '../support/browser.ts';

testInBrowser('the owner of a mailbox signs in, and a contact unsubscribes, on pages that all can use', async (browser) => {
  await using test = await startSignInWorld({ isIdle: true });
  const { world, google } = test;
  const connected = await test.connect('google', { oneClickUnsubscribe: true });
  const { page, complaints } = await openPage(browser);
  const heading = (name: string) => page.getByRole('heading', { level: 1, name }).waitFor();

  const { url } = await connected.getPairing();
  for (const decision of [null, { account: mailbox }]) {
    await page.goto(url);
    await heading('Google');
    await page.getByText(mailbox).waitFor();
    expect(await inspect(page, 'consent-start')).toEqual([]);
    const authorizeUrl = await page.getByRole('link', { name: 'Google' }).getAttribute('href');
    await page.goto(google.decide(String(authorizeUrl), decision));
    await heading(decision ? 'Signed in' : 'No permission was given');
    expect(await inspect(page, decision ? 'consent-done' : 'consent-denied')).toEqual([]);
  }

  const connection = await world.services.getConnection(connected.connectionId);
  const [secret = ''] = connection.channel.listUnsubscribeSecrets?.(connection.config) ?? [];
  const header = String(buildUnsubscribeHeaders(connection, secret, 'maya@example.com')['List-Unsubscribe']);
  const link = header.slice(1, -1);
  await page.goto(link);
  await page.getByText('maya@example.com').waitFor();
  expect(await inspect(page, 'unsubscribe-ask')).toEqual([]);
  expect(await world.db.optOut.count()).toBe(0);
  await page.getByRole('button').focus();
  await page.keyboard.press('Enter');
  await page.getByRole('button').waitFor({ state: 'detached' });
  expect(await inspect(page, 'unsubscribe-done')).toEqual([]);
  expect(await world.db.optOut.findMany()).toMatchObject([{ address: 'maya@example.com', category: 'all', liftedAt: null }]);
  // The browser reports the statuses 400 of the denied consent.
  expect(complaints.filter((complaint) => !complaint.includes('status of 400'))).toEqual([]);

  await page.goto(link.replace('maya', 'ana'));
  await page.getByRole('heading', { level: 1 }).waitFor();
  expect(await inspect(page, 'unsubscribe-broken')).toEqual([]);
  await page.context().close();
});
