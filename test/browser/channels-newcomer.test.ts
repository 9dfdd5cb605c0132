import type { Browser, Frame, Page } from 'playwright-core';
import { inspect, openPage, testInBrowser } from '../support/browser.ts';
import { createDataFolder } from '../support/databases.ts';
import { findFreePorts, pollUntil, startProgram } from '../support/program.ts';
import { type Channel, connect, holdAndResume, openSandbox, optOutAndIn, send, waitForArrival } from './walk-channel.ts';

/** Goes the whole way with a channel's demo account. @returns the seconds from the install to the last reply */
async function tryChannel(browser: Browser, port: number, channel: Channel, more: (frame: Frame) => Promise<void>) {
  const startedAt = performance.now();
  const { page, frame, desk, listComplaints } = await openSandbox(browser, port);
  await connect(page, frame, channel);
  await more(frame);
  await frame.locator('#webhooks').getByText('Registered', { exact: true }).waitFor();
  await frame.getByRole('button', { name: 'Send the test' }).click();
  await frame.locator('#step-delivered.good').waitFor();
  await frame.locator('#first-webhook').getByText('Webhooks arrive.').waitFor();
  if (channel.inspected.includes('tested')) expect(await inspect(page, 'channel-vendor', frame)).toEqual([]);

  await desk.goto(`http://localhost:${port + 1}/desk`);
  await desk.getByRole('button', { name: /1 new/ }).click();
  await desk.getByRole('list', { name: 'Texts on the phone' }).getByText('Hello! This is a test message.').waitFor();
  if (channel.name !== 'Twilio') await frame.locator('#step-read.good').waitFor();
  await sendPicture(desk);
  if (channel.inspected.includes('desk')) expect(await inspect(desk, 'desk')).toEqual([]);
  await optOutAndIn(desk, frame);
  await holdAndResume(desk, page, frame, channel);
  const seconds = (performance.now() - startedAt) / 1000;
  console.log(
    `${channel.name}: ${seconds.toFixed(1)} s from the install to the resumed channel, checks of the pages included.`,
  );
  // The browser reports each response with an error's status: HighLevel's refusal of a send.
  expect(listComplaints().filter((words) => !words.includes('409'))).toEqual([]);
  await desk.context().close();
  await page.context().close();
  return seconds;
}

async function sendPicture(desk: Page): Promise<void> {
  const thread = desk.getByRole('list', { name: 'Messages' });
  await desk.getByRole('button', { name: 'Send a picture: insurance card' }).click();
  const picture = thread.getByRole('img', { name: 'Picture' });
  await picture.waitFor();
  await expectEventually(() => picture.evaluate((image) => (image as unknown as { naturalWidth: number }).naturalWidth > 0));
}

async function expectEventually(condition: () => Promise<boolean>): Promise<void> {
  const timeoutAt = performance.now() + 10_000;
  while (!(await condition()) && performance.now() < timeoutAt) await new Promise((done) => setTimeout(done, 50));
  expect(await condition()).toBe(true);
}

testInBrowser('a newcomer tries Twilio with its demo account: from a delivered test to a hold and its end', async (browser) => {
  using folder = createDataFolder();
  const port = await findFreePorts();
  await using _program = await startProgram({ DATA_DIR: folder.path, PORT: String(port) });
  const channel: Channel = {
    name: 'Twilio',
    account: 'Harbour Dental',
    refusal: /The Twilio account is not active/,
    inspected: ['desk', 'held'],
  };
  const seconds = await tryChannel(browser, port, channel, async (frame) => {
    await frame.getByRole('link', { name: 'Senders' }).first().click();
    await frame.getByLabel('+12025550100').check();
    await frame.getByRole('button', { name: 'Use this sender' }).click();
  });
  expect(seconds).toBeLessThan(120);
});

testInBrowser('a newcomer tries WhatsApp with its demo account, and then in Spanish', async (browser) => {
  using folder = createDataFolder();
  const port = await findFreePorts();
  await using _program = await startProgram({ DATA_DIR: folder.path, PORT: String(port) });
  const channel: Channel = {
    name: 'WhatsApp Cloud API',
    account: 'Harbour Dental, +15550783881',
    refusal: /Session has expired \(190\)/,
    inspected: ['form', 'tested'],
  };
  const seconds = await tryChannel(browser, port, channel, async () => undefined);
  expect(seconds).toBeLessThan(120);

  const { page, complaints } = await openPage(browser, { locale: 'es-ES', viewport: { width: 1280, height: 900 } });
  await page.goto(`http://localhost:${port + 1}/desk`);
  await page.getByRole('link', { name: 'The app’s page' }).click();
  const framed = page.frameLocator('iframe');
  await framed.getByRole('link', { name: 'Canales', exact: true }).click();
  await framed.getByRole('link', { name: 'Mensajes de texto' }).click();
  await framed.getByText('Los webhooks llegan.').waitFor();
  const frame = page.frames().at(-1) as Frame;
  expect(await inspect(page, 'channel-spanish', frame)).toEqual([]);
  await framed.getByRole('link', { name: 'Ver las plantillas' }).click();
  await framed.getByText('appointment_reminder').waitFor();
  expect(complaints).toEqual([]);
});

testInBrowser('a newcomer pairs WAHA with its QR code, after which the message that waited is delivered', async (browser) => {
  using folder = createDataFolder();
  const port = await findFreePorts();
  await using _program = await startProgram({ DATA_DIR: folder.path, PORT: String(port) });
  const { page, frame, desk, listComplaints } = await openSandbox(browser, port);
  await connect(page, frame, { name: 'WAHA', account: 'Harbour Dental, +15550783882', refusal: /logged out/, inspected: [] });
  await frame.locator('#webhooks').getByText('Registered', { exact: true }).waitFor();
  await desk.goto(`http://localhost:${port + 1}/desk`);
  await desk.getByLabel('logged out').check();
  await send(desk, 'See you at ten.');
  await frame.locator('#held').getByText('WhatsApp has logged this session out').waitFor();
  await frame.locator('#held').getByRole('link', { name: 'Pair a device' }).click();
  await frame.getByRole('img', { name: 'QR code to scan with the phone' }).waitFor();
  expect(await inspect(page, 'channel-pairing', frame)).toEqual([]);
  await desk.getByLabel('linked: the QR code is scanned').check();
  await frame.getByText('WAHA is paired.').waitFor();
  await frame.getByRole('link', { name: 'Continue' }).click();
  await waitForArrival(desk, 'See you at ten.');
  await frame.locator('#held').waitFor({ state: 'detached' });
  expect(listComplaints()).toEqual([]);
  await desk.context().close();
  await page.context().close();
});

testInBrowser(
  'a newcomer tries email with each demo account: delivered or accepted, replied to, and bounced',
  async (browser) => {
    using folder = createDataFolder();
    const port = await findFreePorts();
    await using program = await startProgram({ DATA_DIR: folder.path, PORT: String(port) });
    const { page, frame, desk, listComplaints } = await openSandbox(browser, port);
    const thread = desk.getByRole('list', { name: 'Messages' });
    const mails = desk.getByRole('list', { name: 'Texts on the phone' });
    for (const [name, account, isFirst] of [
      ['Email (SMTP and IMAP)', 'hello@harbour.example', true],
      ['Mailgun', 'mg.harbour.example', false],
      ['Resend', 'harbour.example', false],
    ] as const) {
      if (isFirst) await connect(page, frame, { name, account, refusal: /x/, inspected: ['form'] }, 'Email');
      else {
        await frame.getByRole('link', { name: 'Choose another channel' }).click();
        await frame.getByRole('link', { name: `Use the demo account ${name}` }).click();
        await frame.getByRole('button', { name: 'Connect', exact: true }).click();
        await frame.getByText(`${name} (${account}), connected since`).waitFor();
        await frame.locator('#webhooks').getByText('Registered', { exact: true }).waitFor();
      }
      await desk.goto(`http://localhost:${port + 1}/desk`);
      await desk.locator('#provider').selectOption('email');
      await send(desk, `See you at ten, says ${name}`);
      if (isFirst) {
        await desk.getByRole('button', { name: /new/ }).click();
        // The mailbox is read from its end at that moment.
        await pollUntil(() => program.output().includes('the session with the vendor is open'), 'the mailbox is read');
      }
      await mails.getByText(`See you at ten, says ${name}`).last().waitFor();
      await desk.getByLabel('Reply as the contact').fill(`Yes, by ${name}`);
      await desk.keyboard.press('Enter');
      await thread.getByText(`Yes, by ${name}`).waitFor();
      if (isFirst) expect(await inspect(desk, 'desk-email')).toEqual([]);
      await send(desk, `Bounce of ${name}`);
      const bounced = mails.locator('li', { hasText: `Bounce of ${name}` });
      await bounced.getByRole('button', { name: 'Let it bounce' }).click();
      await thread
        .locator('li', { hasText: `Bounce of ${name}` })
        .getByRole('img', { name: 'failed', exact: true })
        .waitFor();
    }
    expect(listComplaints()).toEqual([]);
  },
);

testInBrowser('the address of a mailbox fills in the servers of its host as it is typed', async (browser) => {
  using folder = createDataFolder();
  const port = await findFreePorts();
  await using _program = await startProgram({ DATA_DIR: folder.path, PORT: String(port) });
  const { page, frame, listComplaints } = await openSandbox(browser, port);
  await frame.getByRole('link', { name: 'Connect a channel' }).click();
  await frame.getByRole('link', { name: 'Connect Email', exact: true }).click();
  await frame.getByRole('link', { name: 'Email (SMTP and IMAP)', exact: true }).click();
  const sender = frame.getByLabel('Sender', { exact: false }).first();
  const outgoing = frame.getByRole('group', { name: 'Outgoing mail (SMTP)' });
  for (const { domain, host } of [
    ...[
      { domain: 'gmail.com', host: 'smtp.gmail.com' },
      { domain: 'clinic.onmicrosoft.com', host: 'smtp.office365.com' },
    ],
    ...[
      { domain: 'hotmail.com', host: 'smtp-mail.outlook.com' },
      { domain: 'yahoo.com', host: 'smtp.mail.yahoo.com' },
    ],
    ...[
      { domain: 'icloud.com', host: 'smtp.mail.me.com' },
      { domain: 'aol.com', host: 'smtp.aol.com' },
    ],
    ...[
      { domain: 'zoho.com', host: 'smtp.zoho.com' },
      { domain: 'fastmail.com', host: 'smtp.fastmail.com' },
    ],
    ...[
      { domain: 'gmx.com', host: 'mail.gmx.com' },
      { domain: 'gmx.net', host: 'mail.gmx.net' },
    ],
  ]) {
    await sender.fill(`Harbour Dental <clinic@${domain}>`);
    expect(await outgoing.getByLabel('Server').inputValue()).toBe(host);
    expect(await frame.locator('#suggestion-hint').textContent()).toMatch(/^Servers filled in\./);
  }
  await sender.fill('clinic@harbour.example');
  await sender.blur();
  expect(await frame.locator('#suggestion-hint').textContent()).toContain('a domain of its own');
  // What a person has entered stays.
  await outgoing.getByLabel('Server').fill('relay.harbour.example');
  await sender.fill('clinic@gmail.com');
  expect(await outgoing.getByLabel('Server').inputValue()).toBe('relay.harbour.example');
  await frame.getByLabel('Mail host').selectOption('Zoho');
  expect(await outgoing.getByLabel('Server').inputValue()).toBe('smtp.zoho.com');
  expect(await inspect(page, 'connect-email', frame)).toEqual([]);
  expect(listComplaints()).toEqual([]);
});
