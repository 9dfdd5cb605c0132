import { startCollector } from '../support/collector.ts';
import { startProduction } from '../support/production.ts';
import { pollUntil } from '../support/program.ts';

test('a message has one trace over two processes, from its webhook to its report, without content or secrets', async () => {
  await using collector = await startCollector();
  await using production = await startProduction();
  const otel = {
    OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/`,
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20collector-token',
    OTEL_SERVICE_NAME: 'patchbay-test',
  };
  await using web = await production.start({ ...otel, ROLE: 'web' });
  await using worker = await production.startAnother({ ...otel, ROLE: 'worker' });
  await production.setUpLocation(web);
  production.vendor.respondWith({ body: { status: 'delivered' } });
  const { messageId } = await production.sendMessage(7);
  await pollUntil(() => production.highlevel.listStatuses(messageId).includes('delivered'), 'the message is reported');
  // A process that stops sends what it has.
  expect(await Promise.all([web.end('SIGTERM'), worker.end('SIGTERM')])).toEqual([0, 0]);

  const spans = collector.listSpans();
  const [webhook] = spans.filter(({ name }) => name === 'webhook');
  const trace = spans.filter(({ traceId }) => traceId === webhook?.traceId);
  const id = String(webhook?.attributes['patchbay.message.id']);
  expect(webhook?.traceId).toBe(id.replaceAll('-', ''));
  expect(new Set(trace.map(({ service }) => service))).toEqual(new Set(['patchbay-test']));
  const findSpan = (name: string, parent: { spanId: string } | undefined) =>
    trace.find((span) => span.name === name && (span.parentSpanId || undefined) === parent?.spanId);
  const deliver = findSpan('deliver', webhook);
  const send = findSpan('send', deliver);
  const report = trace.find(
    ({ name, spanId }) => name === 'report' && trace.some(({ parentSpanId }) => parentSpanId === spanId),
  );
  const request = findSpan('highlevel', report);
  expect([webhook, deliver, send, report, request].map((span) => span?.role)).toEqual(['web', ...Array(4).fill('worker')]);
  expect(webhook?.parentSpanId ?? '').toBe('');
  expect(report?.parentSpanId).toBe(webhook?.spanId);
  expect(send?.attributes).toEqual({ 'patchbay.channel': 'gateway', 'patchbay.outcome': 'delivered' });
  expect(request?.attributes).toEqual({ 'patchbay.operation': 'updateMessageStatus' });
  for (const span of trace) expect(BigInt(span.endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(span.startTimeUnixNano));

  const metrics = collector.listMetrics();
  const attempts = metrics
    .filter(({ name }) => name === 'patchbay_send_attempts_total')
    .flatMap(({ sum }) => sum?.dataPoints ?? []);
  expect(attempts.map(({ asDouble }) => asDouble)).toEqual([1]);
  const histogram = metrics.find(
    ({ name, histogram: found }) => name === 'patchbay_send_duration_seconds' && found?.dataPoints.length,
  )?.histogram?.dataPoints[0];
  expect(histogram?.count).toBe(1);
  expect(histogram?.bucketCounts.reduce((sum, count) => sum + Number(count), 0)).toBe(1);
  expect(histogram?.bucketCounts).toHaveLength((histogram?.explicitBounds.length ?? 0) + 1);
  expect(metrics.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['patchbay_queue_jobs', 'nodejs_eventloop_lag_seconds']),
  );

  expect(new Set(collector.requests.map(({ path }) => path))).toEqual(new Set(['/v1/traces', '/v1/metrics']));
  expect(new Set(collector.requests.map(({ authorization }) => authorization))).toEqual(new Set(['Bearer collector-token']));
  const all = collector.readAll();
  const { phone } = production.contacts[7 % production.contacts.length] ?? {};
  for (const secret of ['message 7', phone ?? 'none', production.vendor.secret, 'collector-token'])
    expect(all).not.toContain(secret);
});

test('a receipt has a span of the web process in the trace of its message, before that of its report', async () => {
  await using collector = await startCollector();
  await using production = await startProduction();
  await using program = await production.start({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
  await production.setUpLocation(program);
  production.vendor.respondWith({ body: { status: 'accepted', externalId: 'ext-1' } });
  const { messageId } = await production.sendMessage(3);
  await pollUntil(() => production.vendor.requests.length === 1, 'the message is sent');
  const { connectionId } = await production.getFromApi(program, `/locations/${production.location.id}/channels/sms`);
  const post = async () => {
    const { headers, body } = production.vendor.signWebhook({ externalId: 'ext-1', status: 'delivered' });
    const response = await fetch(`${program.url}/channels/${connectionId}/status`, { method: 'POST', headers, body });
    expect(response.status).toBe(202);
  };
  await pollUntil(async () => {
    await post();
    return production.highlevel.listStatuses(messageId).includes('delivered');
  }, 'the receipt is reported');
  expect(await program.end('SIGTERM')).toBe(0);

  const spans = collector.listSpans();
  const [webhook] = spans.filter(({ name }) => name === 'webhook');
  const receipts = spans.filter(({ name }) => name === 'receipt');
  expect(receipts.length).toBeGreaterThan(0);
  for (const receipt of receipts) {
    expect([receipt.traceId, receipt.parentSpanId]).toEqual([webhook?.traceId, webhook?.spanId]);
    expect(receipt.attributes).toMatchObject({ 'patchbay.state': 'delivered' });
  }
  const report = spans.find(({ name, traceId }) => name === 'report' && traceId === webhook?.traceId);
  expect(report?.parentSpanId).toBe(webhook?.spanId);
});

test('without a collector nothing is exported, and a collector that is away stops no message and no end of the process', async () => {
  await using collector = await startCollector();
  await using production = await startProduction();
  production.vendor.respondWith({ body: { status: 'delivered' } });
  const deliverOne = async (changes: Record<string, string>, index: number) => {
    await using program = await production.start(changes);
    if (index === 0) await production.setUpLocation(program);
    const { messageId } = await production.sendMessage(index);
    await pollUntil(() => production.highlevel.listStatuses(messageId).includes('delivered'), 'the message is reported');
    expect(await program.end('SIGTERM')).toBe(0);
    return program.output();
  };
  await deliverOne({}, 0);
  expect(collector.requests).toEqual([]);

  const output = await deliverOne({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' }, 1);
  expect(output).toContain('"msg":"stopped"');
  await deliverOne({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_TRACES_SAMPLER_ARG: '0' }, 2);
  expect(collector.listSpans()).toEqual([]);
  expect(collector.listMetrics().length).toBeGreaterThan(0);
});
