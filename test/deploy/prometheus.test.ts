import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import * as z from 'zod';
import { startProduction } from '../support/production.ts';
import { adminToken } from '../support/production-settings.ts';
import { type Program, pollUntil } from '../support/program.ts';
import { isPrometheusInstalled, startPrometheus } from '../support/prometheus.ts';
import { startWebhookReceiver } from '../support/webhook-receiver.ts';

const folder = resolve(import.meta.dirname, '../../deploy/monitoring');
const dashboard = z
  .looseObject({
    panels: z.array(z.looseObject({ title: z.string(), targets: z.array(z.looseObject({ expr: z.string() })).default([]) })),
  })
  .parse(JSON.parse(readFileSync(join(folder, 'grafana-dashboard.json'), 'utf8')));

/** Panels that are empty as long as nothing is wrong, or the program has nothing of theirs to do. */
const emptyPanels = ['Open alerts', 'Reconnect required', 'Accepted without a receipt', 'Trigger events'];
const metricsToken = 'token-of-the-collector';

type Production = Awaited<ReturnType<typeof startProduction>>;

/** Makes the program count something of each kind: sends and refusals, replies, failures of HighLevel, and requests with wrong credentials. */
async function makeLoad(world: Production, program: Program): Promise<void> {
  const { highlevel, vendor, location } = world;
  const connections = await fetch(`${program.url}/api/locations/${location.id}/channels/sms`, {
    headers: { authorization: `Bearer ${adminToken}` },
  });
  const { connectionId } = z.looseObject({ connectionId: z.string() }).parse(await connections.json());
  let index = 0;
  vendor.respondWith(() => {
    index += 1;
    return index % 4 === 0
      ? { status: 400, body: { error: { code: '21211', message: 'not an address' } } }
      : { body: { status: 'delivered' } };
  });
  for (let round = 0; round < 12; round++) {
    highlevel.faults.add({ operation: 'updateMessageStatus', times: 1, effect: { status: 503 } });
    await Promise.all(Array.from({ length: 5 }, (_, contact) => world.sendMessage(contact)));
    const inbound = { externalId: `reply-${round}`, from: world.contacts[0]?.phone, to: '+15005550006', text: 'reply' };
    const { body, headers } = vendor.signWebhook(inbound);
    const posted = await fetch(`${program.url}/channels/${connectionId}/inbound`, { method: 'POST', body, headers });
    expect(posted.status).toBeLessThan(300);
    await highlevel.postSigned('/webhooks/providers/sms', '{}', { signature: null });
    await fetch(`${program.url}/api/locations`, { headers: { authorization: 'Bearer wrong' } });
    await fetch(`${program.url}/workflows/actions/send_message`, {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'application/json' },
    });
    await new Promise((next) => setTimeout(next, 1_000));
  }
}

if (!isPrometheusInstalled) {
  test('not tried, as Prometheus is not installed: it evaluates each expression of the dashboard and each alert rule', () => {
    console.log('Install Prometheus to try the dashboard and the alert rules.');
  });
} else {
  test('Prometheus evaluates each expression of the dashboard and each alert rule, and what is counted is shown', async () => {
    await using world = await startProduction({}, undefined, { hasWorkflows: true });
    await using receiver = await startWebhookReceiver();
    await using program = await world.start({ METRICS_TOKEN: metricsToken });
    await world.setUpLocation(program);
    await fetch(`${program.url}/api/locations/${world.location.id}/webhooks`, {
      method: 'POST',
      headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
      body: JSON.stringify({ url: receiver.url, eventTypes: ['message.delivered'] }),
    });
    await using prometheus = await startPrometheus({
      targets: [new URL(program.url).host],
      token: metricsToken,
      rulesFile: join(folder, 'prometheus-rules.yaml'),
    });
    await pollUntil(async () => (await prometheus.query('up{job="patchbay"}'))[0] === 1, 'Prometheus reads /metrics');
    await makeLoad(world, program);

    expect(await prometheus.request('/api/v1/label/job/values', { 'match[]': 'patchbay_queue_jobs' })).toEqual(['patchbay']);
    const empty = new Set<string>();
    for (const { title, targets } of dashboard.panels) {
      for (const { expr } of targets) {
        const values = await prometheus.query(expr.replaceAll('$job', '.*').replaceAll('$__rate_interval', '15s'));
        if (values.length === 0) empty.add(title);
        expect({ title, expr, areNumbers: values.every((value) => Number.isFinite(value)) }).toMatchObject({
          areNumbers: true,
        });
      }
    }
    expect([...empty].filter((title) => !emptyPanels.includes(title))).toEqual([]);
    const [sentShare] = await prometheus.query(
      'sum(rate(patchbay_send_attempts_total{outcome="delivered"}[15s])) / sum(rate(patchbay_send_attempts_total[15s]))',
    );
    expect(sentShare).toBeGreaterThan(0.5);

    const { groups } = z
      .looseObject({
        groups: z.array(
          z.looseObject({ rules: z.array(z.looseObject({ name: z.string(), health: z.string(), state: z.string() })) }),
        ),
      })
      .parse(await prometheus.request('/api/v1/rules'));
    const rules = groups.flatMap((group) => group.rules);
    expect(rules.length).toBeGreaterThan(10);
    expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
    expect(rules.filter(({ state }) => state === 'firing')).toEqual([]);
  }, 180_000);
}
