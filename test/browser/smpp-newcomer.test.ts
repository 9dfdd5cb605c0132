import { inspect, testInBrowser } from '../support/browser.ts';
import { createDataFolder } from '../support/databases.ts';
import { findFreePorts, startProgram } from '../support/program.ts';
import { type Channel, connect, holdAndResume, openSandbox, optOutAndIn } from './walk-channel.ts';

testInBrowser('a newcomer tries SMPP with its demo account: segments while typing, a hold and its end', async (browser) => {
  using folder = createDataFolder();
  const port = await findFreePorts();
  await using _program = await startProgram({ DATA_DIR: folder.path, PORT: String(port) });
  const { page, frame, desk, listComplaints } = await openSandbox(browser, port);
  const channel: Channel = { name: 'SMPP', account: 'demo at 127.0.0.1', refusal: /password/i, inspected: ['form'] };
  await connect(page, frame, channel);
  const [text, segments] = [frame.locator('#field-text'), frame.locator('#segments')];
  const example = await text.inputValue();
  expect(await segments.textContent()).toContain(`Segments: 1 · GSM 7-bit · characters left: ${160 - example.length}`);
  await text.fill('a'.repeat(161));
  expect(await segments.textContent()).toBe('Segments: 2 · GSM 7-bit · characters left: 145');
  await text.fill(`${'a'.repeat(66)}😀😀`);
  expect(await segments.textContent()).toBe('Segments: 1 · UCS-2 · characters left: 0');
  await text.fill(`${'a'.repeat(67)}😀😀`);
  expect(await segments.textContent()).toBe('Segments: 2 · UCS-2 · characters left: 63');
  await text.fill(example);
  await frame.getByRole('button', { name: 'Send the test' }).click();
  await frame.locator('#step-delivered.good').waitFor();
  await frame.locator('#test-segments').getByText('Segments: 1').waitFor();
  expect(await inspect(page, 'channel-smpp', frame)).toEqual([]);

  await desk.goto(`http://localhost:${port + 1}/desk`);
  await desk.getByRole('button', { name: /1 new/ }).click();
  await desk.getByRole('list', { name: 'Texts on the phone' }).getByText(example).waitFor();
  await desk.getByLabel('Reply as the contact').fill('Ж'.repeat(100));
  await desk.keyboard.press('Enter');
  await desk.getByRole('list', { name: 'Messages' }).getByText('Ж'.repeat(100)).waitFor();
  await optOutAndIn(desk, frame);
  await frame.locator('#findings').getByText('Receipts name a message in decimal').waitFor();
  await holdAndResume(desk, page, frame, channel);
  // The browser reports each response with an error's status: HighLevel's refusal of a send.
  expect(listComplaints().filter((words) => !words.includes('409'))).toEqual([]);
  await desk.context().close();
  await page.context().close();
});
