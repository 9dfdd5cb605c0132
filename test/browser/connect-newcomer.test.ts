import { inspect, openPage, testInBrowser } from '../support/browser.ts';
import { createDataFolder } from '../support/databases.ts';
import { createKeyboard } from '../support/keyboard.ts';
import { findFreePorts, startProgram } from '../support/program.ts';

/** The typing speed of a user who reads the page. */
const pressesPerSecond = 2;

testInBrowser(
  'a newcomer gets from the install to a delivered test through the gateway, with the keyboard alone',
  async (browser) => {
    using folder = createDataFolder();
    const port = await findFreePorts();
    // Another site than the sandbox's localhost, which shows it in a frame: a third party, without cookies.
    const app = `http://127.0.0.1:${port}`;
    await using _program = await startProgram({ DATA_DIR: folder.path, PORT: String(port), APP_URL: app });
    const { page, complaints } = await openPage(browser);
    const keyboard = createKeyboard(page);
    await page.goto(app);
    const startedAt = performance.now();

    await keyboard.follow('Install');
    await page.getByRole('heading', { name: 'Install Patchbay' }).waitFor();
    await keyboard.follow('Allow and install');
    await page.getByRole('heading', { name: 'Harbour Dental is connected' }).waitFor();
    await keyboard.follow('Open the app’s page');

    const framed = page.frameLocator('iframe');
    await framed.getByRole('heading', { name: 'Harbour Dental' }).waitFor();
    const frame = page.frames().at(-1) ?? page.mainFrame();
    expect(new URL(frame.url()).origin).toBe(app);
    expect(await frame.evaluate('document.cookie = "a=1; SameSite=None; Secure"; document.cookie')).toBe('');
    await keyboard.follow('Connect a channel');
    await framed.getByRole('heading', { name: 'Channels', level: 1, exact: true }).waitFor();
    await keyboard.follow('Connect Text messages');
    await framed.getByRole('heading', { name: /^Connect a channel/ }).waitFor();
    expect(await inspect(page, 'choose-channel', frame)).toEqual([]);
    await keyboard.follow('Use the demo account HTTP gateway');
    await framed.getByRole('heading', { name: 'Connect HTTP gateway' }).waitFor();
    expect(await framed.getByLabel('Gateway URL').inputValue()).toBe(`http://localhost:${port + 1}/gateway`);
    expect(await inspect(page, 'connect', frame)).toEqual([]);
    await keyboard.follow('Connect');
    await framed.getByRole('heading', { name: 'Send a test message' }).waitFor();
    await keyboard.follow('Send the test');
    await framed.getByText('It works: the message was delivered.').waitFor();
    const seconds = (performance.now() - startedAt) / 1000;
    const reached = framed.getByRole('heading', { name: 'Test to +12025550143' });
    expect(await reached.evaluate((element) => element.ownerDocument.activeElement === element)).toBe(true);
    expect(await inspect(page, 'channel-tested', frame)).toEqual([]);

    const byHand = keyboard.presses() / pressesPerSecond;
    console.log(
      `Install to a delivered test: ${keyboard.presses()} key presses, ${seconds.toFixed(1)} s as this test did it, checks of the pages included; ` +
        `about ${byHand.toFixed(0)} s at ${pressesPerSecond} presses a second.`,
    );
    await page.goto(`http://localhost:${port + 1}/desk`);
    await page.getByRole('button', { name: /1 new/ }).click();
    await page.getByRole('list', { name: 'Texts on the phone' }).getByText('Hello! This is a test message.').waitFor();
    expect(complaints).toEqual([]);
  },
);
