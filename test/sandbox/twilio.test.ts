import { randomBytes } from 'node:crypto';
import express from 'express';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import { createTwilio } from '../../src/sandbox/vendors/twilio.ts';
import { listen } from '../support/http.ts';
import { createTestClock } from '../support/test-clock.ts';

/** Starts a simulated Twilio and a program that keeps what it posts. */
async function startWorld() {
  const clock = createTestClock('2026-03-01T10:00:00Z');
  const http = createHttpClient({ timeoutMs: 5_000, allowPrivateTargets: true });
  const posts: { path: string; token: string | undefined }[] = [];
  let response: { status: number; type: string; body: string } = {
    status: 200,
    type: 'text/xml',
    body: '<Response></Response>',
  };
  const app = express();
  app.post('/*path', (request, reply) => {
    posts.push({ path: request.url, token: request.get('i-twilio-idempotency-token') });
    reply.status(response.status).type(response.type).end(response.body);
  });
  const { url, close } = await listen(app);
  const twilio = createTwilio({ clock, random: randomBytes, http, url: () => 'http://twilio.example' });
  const [number] = twilio.state.numbers;
  if (!number) throw new Error('The demo account has no number.');
  return {
    ...{ clock, posts, url, twilio, number, close },
    respondWith(next: Partial<typeof response>) {
      response = { ...response, ...next };
    },
    async [Symbol.asyncDispose]() {
      await close();
    },
  };
}

const text = { from: '+12025550143', text: 'hi' };

test.each([
  ['', 1],
  ['#rc=2', 1],
  ['#rc=2&rp=5xx', 3],
  ['#rc=2&rp=all', 3],
  ['#rc=2&rp=4xx', 1],
])('a webhook that fails with a 503 is repeated on the terms "%s" of its address', async (terms, count) => {
  await using world = await startWorld();
  world.number.smsUrl = `${world.url}/inbound${terms}`;
  world.respondWith({ status: 503 });
  await world.twilio.receive({ ...text, to: world.number.phoneNumber });
  for (let tries = 0; tries < 10; tries++) {
    await world.clock.tick(1_000);
    await new Promise((done) => setTimeout(done, 20));
  }
  expect(world.posts.map(({ path }) => path)).toEqual(Array(count).fill('/inbound'));
  expect(world.posts.map(({ token }) => token !== undefined)).toEqual([false, ...Array(count - 1).fill(true)]);
});

test.each([
  [{ type: 'application/json', body: '{}' }, 12300],
  [{ body: 'thanks' }, 12100],
  [{ status: 404 }, 11200],
])('a response %j is an error in the account’s log', async (response, code) => {
  await using world = await startWorld();
  world.number.smsUrl = `${world.url}/inbound`;
  world.respondWith(response);
  await world.twilio.receive({ ...text, to: world.number.phoneNumber });
  expect(world.twilio.problems).toMatchObject([{ code }]);
});

test('the address of a Messaging Service overrules that of its number, unless it defers to it', async () => {
  await using world = await startWorld();
  const [service] = world.twilio.state.services;
  const pooled = world.twilio.state.numbers.find(({ phoneNumber }) => service?.pool.includes(phoneNumber));
  if (!service || !pooled) throw new Error('The demo account has no Messaging Service.');
  pooled.smsUrl = `${world.url}/number`;
  service.inboundRequestUrl = `${world.url}/service`;
  await world.twilio.receive({ ...text, to: pooled.phoneNumber });
  service.useInboundWebhookOnNumber = true;
  await world.twilio.receive({ ...text, to: pooled.phoneNumber });
  expect(world.posts.map(({ path }) => path)).toEqual(['/service', '/number']);
});

test('the state is plain data, from which another process continues', async () => {
  await using world = await startWorld();
  await world.twilio.receive({
    ...text,
    to: world.number.phoneNumber,
    text: 'STOP',
    media: [{ data: Buffer.from('x'), contentType: 'image/png' }],
  });
  const copy = JSON.parse(JSON.stringify(world.twilio.state));
  expect(copy).toEqual(world.twilio.state);
  const http = createHttpClient({ timeoutMs: 1_000, allowPrivateTargets: true });
  const next = createTwilio({ clock: world.clock, random: randomBytes, http, url: () => '', state: copy });
  expect(next.state.optOuts).toEqual([{ sender: world.number.phoneNumber, contact: text.from }]);
});
