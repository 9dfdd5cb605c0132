import { startWorld } from '../support/world.ts';

test('/healthz reports that the process is up, /readyz whether database and queue respond', async () => {
  await using world = await startWorld({ isIdle: true });
  await world.client.get('/healthz').expect(200, { status: 'ok' });
  await world.client.get('/readyz').expect(200, { status: 'ready', checks: { database: true, queue: true } });
  await world.db.$executeRaw`ALTER TABLE jobs RENAME TO jobs_away`;
  await world.client.get('/readyz').expect(503, { status: 'not ready', checks: { database: true, queue: false } });
  await world.db.$executeRaw`ALTER TABLE jobs_away RENAME TO jobs`;
  await world.client.get('/readyz').expect(200);
});

test('/metrics counts webhooks, sends and reports by outcome, and names no tenant', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.advanceUntilReported(messageId);
  await world.waitFor(async () => (await world.getMessage(messageId)).reportedState === 'delivered');
  await world.highlevel.repost(messageId);
  await world.highlevel.postSigned('/webhooks/providers/sms', '{}', { signature: null });
  const { text } = await world.client.get('/metrics').expect(200);
  expect(text).toContain('patchbay_webhooks_total{kind="provider",outcome="stored"} 1');
  expect(text).toContain('patchbay_webhooks_total{kind="provider",outcome="repeated"} 1');
  expect(text).toContain('patchbay_webhooks_total{kind="provider",outcome="signature_invalid"} 1');
  expect(text).toContain('patchbay_send_attempts_total{channel="gateway",outcome="delivered"} 1');
  expect(text).toContain('patchbay_status_reports_total{outcome="accepted"} 1');
  expect(text).toMatch(/patchbay_queue_jobs\{queue="deliver",state="ready"\} \d/);
  expect(text).toMatch(/patchbay_queue_latency_seconds\{queue="deliver"\} \d/);
  expect(text).toContain('patchbay_webhook_ack_duration_seconds_count 3');
  expect(text).not.toContain(location.id);
});

test('every response has a request id and a strict policy, and does not disclose its software', async () => {
  await using world = await startWorld({ isIdle: true });
  const { headers, text } = await world.client.get('/').set('accept', 'text/html').expect(200);
  expect(headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  expect(headers['content-security-policy']).toContain("default-src 'none'");
  expect(headers['content-security-policy']).not.toMatch(/unsafe|\*/);
  expect(headers['x-powered-by']).toBeUndefined();
  expect(headers['set-cookie']).toBeUndefined();
  expect(text).toContain('href="/install"');
});

test('an address that is not there is a page for people and JSON for programs', async () => {
  await using world = await startWorld({ isIdle: true });
  const page = await world.client.get('/nothing').set('accept', 'text/html').expect(404);
  expect(page.text).toContain('Not found');
  const { body } = await world.client.get('/nothing').set('accept', 'application/json').expect(404);
  expect(body.error.code).toBe('not_found');
});

test('a defect is logged and results in a 500 that does not disclose it', async () => {
  await using world = await startWorld({ isIdle: true });
  const { db } = world.services;
  Object.assign(db, { client: { ...db.client, installation: undefined } });
  const { body } = await world.api.get('/locations').expect(500);
  expect(body).toEqual({ error: { code: 'internal', message: 'Internal error. It has been logged.', details: [] } });
  Object.assign(db, { client: world.db });
});
