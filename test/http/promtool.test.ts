import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { startWorld } from '../support/world.ts';
import { parseYaml } from '../support/yaml.ts';

const folder = resolve(import.meta.dirname, '../../deploy/monitoring');
const rulesFile = join(folder, 'prometheus-rules.yaml');
const unitTestsFile = join(folder, 'prometheus-rules.test.yaml');

function runPromtool(args: string[], input?: string): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8', input });
  return { status, output: `${stdout}${stderr}` };
}

const isInstalled = runPromtool(['--version']).status === 0;

/** A test that runs where Prometheus is installed, and says elsewhere that it was not tried. */
function testWithPromtool(title: string, run: () => Promise<void>): void {
  if (isInstalled) return void test(title, run);
  test(`not tried, as promtool is not installed: ${title}`, () => {
    console.log('Install Prometheus to try its alert rules.');
  });
}

test('each alert rule has a unit test in which it fires, and one in which it does not', () => {
  const [{ groups }] = parseYaml(readFileSync(rulesFile, 'utf8')) as [{ groups: { rules: { alert: string }[] }[] }];
  const [{ tests }] = parseYaml(readFileSync(unitTestsFile, 'utf8')) as [
    { tests: { alert_rule_test: { alertname: string; exp_alerts: unknown[] }[] }[] },
  ];
  const expectations = tests.flatMap(({ alert_rule_test }) => alert_rule_test);
  const namesWhere = (fires: boolean) =>
    new Set(expectations.filter(({ exp_alerts }) => exp_alerts.length > 0 === fires).map(({ alertname }) => alertname));
  const alerts = groups.flatMap(({ rules }) => rules.map(({ alert }) => alert));
  expect(namesWhere(true)).toEqual(new Set(alerts));
  expect(namesWhere(false)).toEqual(new Set(alerts));
});

testWithPromtool('Prometheus accepts the alert rules, and they fire when they should and only then', async () => {
  expect(runPromtool(['check', 'rules', rulesFile])).toMatchObject({ status: 0 });
  expect(runPromtool(['test', 'rules', unitTestsFile])).toMatchObject({ status: 0 });
});

testWithPromtool('Prometheus reads /metrics, and finds fault with none of the program’s own metrics', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.advanceUntilReported(messageId);
  const { metrics } = world.services;
  metrics.collectProcess();
  const { text } = await world.client.get('/metrics').expect(200);
  metrics.registry.clear();
  const { output } = runPromtool(['check', 'metrics'], text);
  const lines = output.split('\n').filter((line) => line !== '');
  // The library that collects Node's own figures names three gauges as counters are named.
  expect(lines.filter((line) => !/^nodejs_active_\w+_total non-counter metrics/.test(line))).toEqual([]);
});
