// Takes the pictures of the README and of the guides: a fresh sandbox, used as a newcomer does, and then two weeks old, in Chromium at 1280 px.
//   npm run screenshots
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { openDatabase } from '../src/database/client.ts';
import { createTwoWeeks, storeMessages } from '../test/support/stored-messages.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'docs', 'images');
const port = Number(process.env.PORT ?? 3210);
const app = `http://localhost:${port}`;
const data = mkdtempSync(join(tmpdir(), 'patchbay-pictures-'));
const { PATH, HOME } = process.env;
const env = { PATH, HOME, PORT: String(port), DATA_DIR: data, LOG_LEVEL: 'error' };
let program = start();
let browser;

try {
  await ready();
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  const page = await browser.newPage({
    viewport: { width: 1280, height: 800 },
    locale: 'en-US',
    colorScheme: 'light',
    reducedMotion: 'reduce',
  });
  mkdirSync(folder, { recursive: true });
  await install(page);
  await page.frameLocator('iframe').getByRole('link', { name: 'Connect a channel' }).click();
  await connectAndTest(page, 'HTTP gateway');
  await picture(page, 'channel');
  await connectAndTest(page, 'Twilio');
  await picture(page, 'channels-twilio');
  await connectAndTest(page, 'WhatsApp Cloud API');
  await readOnPhone(page);
  await picture(page, 'channels-whatsapp_cloud');
  for (const [channel, type] of [
    ['Telnyx', 'telnyx'],
    ['Android SMS Gateway', 'android_sms_gateway'],
  ]) {
    await connectAndTest(page, channel);
    await picture(page, `channels-${type}`);
  }
  await connect(page, 'SMPP');
  await page.frameLocator('iframe').getByRole('button', { name: 'Send the test' }).click();
  await page.frameLocator('iframe').getByText('It works: the message was delivered.').waitFor();
  await picture(page, 'channels-smpp');
  for (const [channel, type] of [
    ['WAHA', 'waha'],
    ['Evolution API', 'evolution'],
  ]) {
    await connectAndTest(page, channel);
    await pair(page, () => picture(page, `channels-${type}`));
  }
  await connect(page, 'Telegram');
  await openLink(page);
  await sendTest(page);
  await picture(page, 'channels-telegram');
  await connectAndTest(page, 'HTTP gateway');
  await fillInMailbox(page);
  await converse(page);
  await stop();
  await addTwoWeeks();
  program = start();
  await ready();
  await page.setViewportSize({ width: 1280, height: 960 });
  await openOverview(page);
  await picture(page, 'overview');
} finally {
  await browser?.close();
  await stop();
  rmSync(data, { recursive: true, force: true });
}

function start() {
  const options = { cwd: tmpdir(), env, stdio: ['ignore', 'ignore', 'inherit'] };
  return spawn(process.execPath, [join(root, 'src', 'main.ts')], options);
}

async function stop() {
  if (program.exitCode !== null || program.signalCode !== null) return;
  program.kill('SIGTERM');
  await new Promise((done) => program.once('exit', done));
}

/** Stores the messages of a location that has used the app for two weeks. */
async function addTwoWeeks() {
  const db = await openDatabase({ kind: 'embedded', dataDir: data });
  const { locationId } = await db.client.connection.findFirstOrThrow();
  const messages = createTwoWeeks(Date.now(), 120).filter(({ isUnknown }) => !isUnknown);
  await storeMessages({ db: db.client }, locationId, messages);
  await db.close();
}

async function ready() {
  for (let tries = 0; tries < 600; tries++) {
    const response = await fetch(`${app}/readyz`).catch(() => null);
    if (response?.ok) return;
    if (program.exitCode !== null) break;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error('The program did not start.');
}

async function install(page) {
  await page.goto(`${app}/install`);
  await page.getByRole('button', { name: 'Allow and install' }).click();
  await page.getByRole('link', { name: 'Open the app’s page' }).click();
}

/** Connects a channel with its demo account, in place of the one before, and sends a test. */
async function connectAndTest(page, channel) {
  await connect(page, channel);
  await sendTest(page);
}

async function connect(page, channel) {
  const framed = page.frameLocator('iframe');
  // Without any channel there is a link for each provider: text messages come first.
  const links = framed.getByRole('link', { name: /^(Connect Text messages|Connect Email|Choose another channel)$/ });
  await links.first().click();
  await framed.getByRole('link', { name: `Use the demo account ${channel}` }).click();
  await framed.getByRole('button', { name: 'Connect', exact: true }).click();
}

async function sendTest(page) {
  const framed = page.frameLocator('iframe');
  await framed.getByRole('button', { name: 'Send the test' }).click();
  await framed.getByText('It works: the message was delivered.').waitFor();
  await framed.getByText('Webhooks arrive.').waitFor();
}

/** Shows the form for a mailbox, filled in for the host of its address. */
async function fillInMailbox(page) {
  const framed = page.frameLocator('iframe');
  await framed.getByRole('link', { name: 'Channels', exact: true }).click();
  await framed.getByRole('link', { name: 'Connect Email' }).click();
  await framed.getByRole('link', { name: 'Email (SMTP and IMAP)', exact: true }).click();
  await framed.getByLabel('Sender').first().fill('Harbour Dental <harbour.dental@gmail.com>');
  await page.setViewportSize({ width: 1280, height: 1000 });
  await picture(page, 'channels-email');
  await page.setViewportSize({ width: 1280, height: 800 });
}

/** Reads the test on the contact's phone, so that its channel reports it as read. */
async function readOnPhone(page) {
  const desk = await browser.newPage();
  await desk.goto(`http://localhost:${port + 1}/desk`);
  await desk.getByRole('button', { name: /new/ }).click();
  await page.frameLocator('iframe').locator('#step-read.good').waitFor();
  await desk.getByRole('button', { name: 'Close the phone' }).click();
  await desk.close();
}

/** Logs the phone of a server out, shows the pairing page, and scans its code. */
async function pair(page, show) {
  const framed = page.frameLocator('iframe');
  const desk = await browser.newPage();
  await desk.goto(`http://localhost:${port + 1}/desk`);
  await desk.getByLabel('logged out').check();
  await framed.getByRole('link', { name: 'Pair a device' }).first().click();
  await framed.getByRole('img', { name: 'QR code' }).waitFor();
  await show();
  await desk.getByLabel('linked').check();
  await framed.getByRole('link', { name: 'Continue' }).click();
  await framed.getByRole('heading', { name: 'Send a test message' }).waitFor();
  await desk.close();
}

/** Makes a link for the contact, who opens it on the phone. */
async function openLink(page) {
  const framed = page.frameLocator('iframe');
  await framed.getByRole('textbox', { name: 'Contact' }).fill('+12025550143');
  await framed.getByRole('button', { name: 'Create the link' }).click();
  const url = await framed.locator('#address-contact-link').textContent();
  const desk = await browser.newPage();
  await desk.goto(`http://localhost:${port + 1}/desk`);
  await desk.getByRole('button', { name: /new/ }).click();
  await desk.getByLabel('Reply as the contact').fill(url);
  await desk.keyboard.press('Enter');
  await desk.getByRole('list', { name: 'Messages' }).getByText('[Started the chat by a link]').waitFor();
  await desk.getByRole('button', { name: 'Close the phone' }).click();
  await desk.close();
}

/** Exchanges a few messages: delivered, read, replied to and failed. */
async function converse(page) {
  await page.goto(`http://localhost:${port + 1}/desk`);
  const thread = page.getByRole('list', { name: 'Messages' });
  const send = async (text, status) => {
    await page.getByLabel('Message as the user').fill(text);
    await page.keyboard.press('Enter');
    await thread.locator('li', { hasText: text }).getByRole('img', { name: status, exact: true }).waitFor();
  };
  await send('Hi Maya, see you at ten tomorrow?', 'delivered');
  await page.getByRole('button', { name: /new/ }).click();
  await page.getByLabel('Reply as the contact').fill('Yes, thank you!');
  await page.keyboard.press('Enter');
  await thread.getByText('Yes, thank you!').waitFor();
  await send('Great. Please bring your insurance card.', 'read');
  await page.getByLabel('opted out').check();
  await send('Your next check-up is due in May.', 'failed');
}

async function openOverview(page) {
  await page.goto(`http://localhost:${port + 1}/desk`);
  await page.getByRole('link', { name: 'The app’s page' }).click();
  const framed = page.frameLocator('iframe');
  await framed.getByRole('link', { name: 'Overview', exact: true }).click();
  await framed.getByRole('heading', { name: 'Messages sent by day' }).waitFor();
}

async function picture(page, name) {
  // A toast disappears after a few seconds.
  await page.frameLocator('iframe').locator('.toast').first().waitFor({ state: 'detached' });
  const path = join(folder, `${name}.png`);
  await page.screenshot({ path });
  console.log(`docs/images/${name}.png, ${Math.round(statSync(path).size / 1024)} KB`);
}
