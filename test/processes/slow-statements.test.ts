import { startProduction } from '../support/production.ts';
import { pollUntil } from '../support/program.ts';

test('statements over the limit are logged without their values, and counted; with 0 none is', async () => {
  await using production = await startProduction();
  production.vendor.respondWith({ body: { status: 'delivered' } });
  // Each statement that leaves the process takes longer than nothing.
  await using program = await production.start({ SLOW_STATEMENT_MS: '1' });
  await production.setUpLocation(program);
  const { messageId } = await production.sendMessage(3);
  await pollUntil(() => production.highlevel.listStatuses(messageId).includes('delivered'), 'the message is reported');
  const readCount = async () => {
    const text = await (await fetch(`${program.url}/metrics`)).text();
    return Number(/^patchbay_slow_statements_total (\d+)$/m.exec(text)?.[1]);
  };
  await pollUntil(async () => (await readCount()) > 0, 'slow statements are counted');
  const lines = program
    .output()
    .split('\n')
    .filter((line) => line.includes('"msg":"slow statement"'));
  expect(lines.length).toBeGreaterThan(0);
  for (const line of lines) {
    expect(JSON.parse(line)).toMatchObject({ level: 'warn', statement: expect.any(String), count: expect.any(Number) });
    for (const value of ['message 3', production.contacts[3]?.phone ?? 'none', production.location.id, messageId]) {
      expect(line).not.toContain(value);
    }
  }
  expect(await program.end('SIGTERM')).toBe(0);

  await using quiet = await production.start({ SLOW_STATEMENT_MS: '0' });
  expect(quiet.output()).not.toContain('slow statement');
});
