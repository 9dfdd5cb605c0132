import { inspect, openPage, testInBrowser } from '../support/browser.ts';
import { createDataFolder } from '../support/databases.ts';
import { createTemporaryFolder, findFreePorts, startProgram } from '../support/program.ts';

testInBrowser(
  'a newcomer goes the whole way in sandbox mode: install, connect, send, delivered, read, reply, workflow',
  async (browser) => {
    using folder = createTemporaryFolder();
    const port = await findFreePorts();
    await using program = await startProgram({ DATA_DIR: folder.path, PORT: String(port) });
    expect(program.output()).toContain(`Open  http://localhost:${port}`);
    const { page, complaints } = await openPage(browser);
    await page.goto(`http://localhost:${port}`);
    expect(await inspect(page, 'landing')).toEqual([]);
    await page.getByRole('link', { name: 'Install' }).first().click();
    await page.getByLabel('Harbour Dental').check();
    await page.getByRole('button', { name: 'Allow and install' }).click();
    await page.getByRole('heading', { name: 'Harbour Dental is connected' }).waitFor();
    expect(await inspect(page, 'installed-location')).toEqual([]);
    await page.getByRole('link', { name: 'Open the app’s page' }).click();
    await page.getByRole('link', { name: 'Back to the conversation' }).click();

    const thread = page.getByRole('list', { name: 'Messages' });
    const status = (name: string) => thread.getByRole('img', { name, exact: true });
    await page.getByLabel('Message as the user').fill('Too early');
    await page.keyboard.press('Enter');
    await status('failed').waitFor();
    await thread.getByText('No channel is connected').waitFor();

    await page.getByRole('button', { name: 'Connect the sandbox phone' }).click();
    await page.getByLabel('Message as the user').fill('See you at ten?');
    await page.keyboard.press('Enter');
    await status('delivered').waitFor();
    await page.getByRole('button', { name: /1 new/ }).click();
    await status('read').waitFor();
    await page.getByLabel('Reply as the contact').fill('Yes, thank you!');
    await page.keyboard.press('Enter');
    await thread.getByText('Yes, thank you!').waitFor();

    await page.getByText('A workflow', { exact: true }).click();
    await page.getByRole('button', { name: 'Add to a workflow' }).click();
    await page.getByText('Triggers: message_delivered.').waitFor();
    await page.getByLabel('Message of the workflow').fill('From a workflow');
    await page.keyboard.press('Enter');
    await page.getByText('Send message “From a workflow”: delivered').waitFor();
    await page.getByText('Started by message_delivered').waitFor();
    expect(await inspect(page, 'sandbox-workflow')).toEqual([]);

    await page.getByLabel('opted out').check();
    await page.getByLabel('Message as the user').fill('Still there?');
    await page.keyboard.press('Enter');
    await thread.getByText('The contact has opted out of messages.').waitFor();
    expect(complaints).toEqual([]);
  },
);

testInBrowser('cancelling an install ends on a page that says so', async (browser) => {
  using folder = createDataFolder();
  const port = await findFreePorts();
  await using _program = await startProgram({ DATA_DIR: folder.path, PORT: String(port) });
  const { page } = await openPage(browser);
  await page.goto(`http://localhost:${port}/install`);
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByText('No location was connected.').waitFor();
  await page.getByRole('link', { name: 'Restart the installation' }).click();
  await page.getByRole('heading', { name: 'Install Patchbay' }).waitFor();
});
