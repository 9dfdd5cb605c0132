import type { Browser, Frame, Page } from 'playwright-core';
import { inspect, openPage } from '../support/browser.ts';

export interface Channel {
  name: string;
  /** The vendor's name for the demo account, as the channel's page shows it. */
  account: string;
  /** The reason of a hold. */
  refusal: RegExp;
  /** Pages whose accessibility is checked: one channel shows each, as a check takes seconds. */
  inspected: readonly ('form' | 'tested' | 'desk' | 'held')[];
}

/** Opens the app's page and the sandbox's conversation of a fresh sandbox, with the app installed in its first location. */
export async function openSandbox(browser: Browser, port: number) {
  const app = await openPage(browser, { viewport: { width: 1280, height: 900 } });
  await app.page.goto(`http://localhost:${port}/install`);
  await app.page.getByRole('button', { name: 'Allow and install' }).click();
  await app.page.getByRole('link', { name: 'Open the app’s page' }).click();
  await app.page.frameLocator('iframe').getByRole('heading', { name: 'Harbour Dental' }).waitFor();
  const frame = app.page.frames().at(-1) as Frame;
  const desk = await openPage(browser, { viewport: { width: 1280, height: 900 } });
  return { page: app.page, frame, desk: desk.page, listComplaints: () => [...app.complaints, ...desk.complaints] };
}

/** Connects a channel with its demo account. */
export async function connect(
  page: Page,
  frame: Frame,
  { name, account, inspected }: Channel,
  provider = 'Text messages',
): Promise<void> {
  await frame.getByRole('link', { name: 'Connect a channel' }).click();
  await frame.getByRole('link', { name: `Connect ${provider}`, exact: true }).click();
  await frame.getByRole('link', { name: `Use the demo account ${name}` }).click();
  await frame.getByRole('heading', { name: `Connect ${name}` }).waitFor();
  if (inspected.includes('form')) expect(await inspect(page, 'connect-vendor', frame)).toEqual([]);
  await frame.getByRole('button', { name: 'Connect', exact: true }).click();
  await frame.getByText(`${name} (${account}), connected since`).waitFor();
}

/** Opts the contact out and in: a message in between is not sent. */
export async function optOutAndIn(desk: Page, frame: Frame): Promise<void> {
  await desk.getByRole('button', { name: 'STOP', exact: true }).click();
  await desk.getByText('Do not disturb').waitFor();
  await send(desk, 'Are you there?');
  await desk.getByText('Cannot send message as DND is active for SMS.').waitFor();
  await frame.getByRole('button', { name: 'Send the test' }).click();
  await frame.getByText('The contact has opted out of messages, so this one was not sent.').waitFor();
  await desk.getByRole('button', { name: 'START', exact: true }).click();
  await desk.getByText('Do not disturb').waitFor({ state: 'hidden' });
  await send(desk, 'Welcome back!');
  await waitForArrival(desk, 'Welcome back!');
}

/** Lets the vendor refuse the account, and then accept it again: the message that waited arrives. */
export async function holdAndResume(desk: Page, page: Page, frame: Frame, { refusal, inspected }: Channel): Promise<void> {
  await desk.getByLabel('refused by the vendor').check();
  await send(desk, 'See you at ten.');
  await frame.locator('#held').getByText(refusal).first().waitFor();
  await frame.getByText('A message to 1 contact is waiting.').waitFor();
  if (inspected.includes('held')) expect(await inspect(page, 'channel-held', frame)).toEqual([]);
  await desk.getByLabel('accepted').check();
  await frame.getByRole('button', { name: 'Resume sending' }).click();
  await waitForArrival(desk, 'See you at ten.');
  await frame.locator('#held').waitFor({ state: 'detached' });
}

/** Sends a message as a user of HighLevel. */
export async function send(desk: Page, text: string): Promise<void> {
  await desk.getByLabel('Message as the user').fill(text);
  await desk.keyboard.press('Enter');
}

/** Waits until a message is delivered, or read at once, as the phone is open. */
export async function waitForArrival(desk: Page, text: string): Promise<void> {
  const message = desk.getByRole('list', { name: 'Messages' }).locator('li', { hasText: text });
  await message.getByRole('img', { name: /^(delivered|read)$/ }).waitFor();
}
