import { minIdAt } from '../../src/core/ids.ts';
import { createKeyedQueue } from '../../src/core/keyed-queue.ts';
import { adminToken } from '../support/production-settings.ts';
import { startWorld } from '../support/world.ts';

/** No request of anyone is an error of ours, and none costs others much. */

test.each([
  ['/assets/embed.js', { range: 'bytes=99999999-' }, 416, 'range_invalid'],
  ['/assets/embed.js', { 'if-match': '"x"' }, 412, 'precondition_failed'],
  ['/docs/gateway-protocol.md', { 'if-unmodified-since': 'Thu, 01 Jan 1970 00:00:00 GMT' }, 412, 'precondition_failed'],
])('a condition that %s can’t meet is the caller’s error', async (path, headers, status, code) => {
  await using world = await startWorld({ isIdle: true });
  const { body } = await world.client
    .get(path)
    .set({ accept: 'application/json', ...headers })
    .expect(status);
  expect(body.error.code).toBe(code);
});

test.each(['/ADMIN', '/Admin/sign-in', '/MEDIA/secret/name', '/API/locations'])(
  'paths are compared by letter: %s is nothing',
  async (path) => {
    await using world = await startWorld({ isIdle: true });
    await world.client.get(path).set('accept', 'application/json').expect(404);
  },
);

test('an error is a page for a person who posts a form in a browser, and JSON for a program', async () => {
  await using world = await startWorld({ isIdle: true });
  const post = (path: string, accept: string) => world.client.post(path).set('accept', accept).type('form').send({ a: '1' });
  const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8';
  const typeOf = async (path: string, accept: string) => (await post(path, accept)).headers['content-type'];
  expect(await typeOf('/nothing', browser)).toMatch('text/html');
  expect(await typeOf('/nothing', '*/*')).toMatch('application/json');
  // The embedded page's script posts.
  expect(await typeOf('/embed/pages/', '*/*')).toMatch('application/json');
  expect(await typeOf('/api/session', browser)).toMatch('application/json');
  expect(await typeOf('/webhooks/providers/sms', browser)).toMatch('application/json');
});

test('what PostgreSQL can’t store is refused in paths, queries, bodies and forms', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = await world.setUpLocation();
  await world.api.get('/locations/%00').expect(404);
  await world.api.get('/locations?cursor=%00').expect(422);
  await world.api.get(`/locations/${location.id}/messages?q=%00`).expect(422);
  await world.api.get(`/locations/${location.id}/messages?since=0000-01-01T00:00:00Z`).expect(422);
  await world.api.get(`/locations/${location.id}/messages?since=1969-01-01T00:00:00Z`).expect(422);
  await world.api.get(`/locations/${location.id}/redrives?cursor=x`).expect(422);
  await world.api.post(`/locations/${location.id}/redrives`, { reason: '\u0000' }).expect(422);
  await world.api.post(`/locations/${location.id}/channels/sms/test`, { text: 'a\u0000' }).expect(422);
  const token = await world.createUserToken({ companyId: location.companyId, activeLocation: location.id, role: 'admin' });
  const page = (path: string) => world.client.get(`/embed/pages/${path}`).set('authorization', `Bearer ${token}`);
  await page('messages?day=1900-01-01').expect(422);
  await page('messages?q=%00').expect(422);
});

test.each([
  { 'content-type': 'text/plain' },
  { 'content-type': 'application/x-www-form-urlencoded' },
  { 'content-type': 'application/json; charset=latin1' },
  { 'content-type': 'application/json', 'content-encoding': 'compress' },
])('a body that would be ignored is refused and changes nothing: %j', async (headers) => {
  await using world = await startWorld({ isIdle: true });
  const location = await world.setUpLocation();
  const { connectionId } = location;
  const routing = `/locations/${location.id}/routing/sms`;
  const policy = { rules: [{ when: { prefix: '+1' }, connectionId }], sticky: true };
  await world.api.put(routing, policy).expect(200);
  const authorization = `Bearer ${adminToken}`;
  const changes = [
    world.client.put(`/api${routing}`),
    world.client.put(`/api/connections/${connectionId}`),
    world.client.post(`/api/locations/${location.id}/channels/sms/test`),
  ];
  for (const change of changes) {
    const { body } = await change
      .set({ authorization, ...headers })
      .send('{"to":"+12025550100","name":"x","rules":[]}')
      .expect(415);
    expect(body.error.code).toBe('media_type_unsupported');
  }
  expect((await world.api.get(routing)).body).toMatchObject(policy);
  expect((await world.api.get(`/locations/${location.id}/messages`)).body.items).toEqual([]);
});

test.each(['{"rules":[', 'null', '"text"'])('the response to a body that is no JSON object says so: %s', async (text) => {
  await using world = await startWorld({ isIdle: true });
  const session = world.client.post('/api/session').set('content-type', 'application/json');
  const { body } = await session.send(text).expect(400);
  expect(body.error).toMatchObject({ code: 'payload_invalid', message: 'The body is not a JSON object.' });
});

test('a method that an endpoint of the API lacks is 405, so that 404 is about what the path names', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = await world.install();
  const { body, headers } = await world.api.get(`/locations/${location.id}/opt-outs/+12025550143`).expect(405);
  expect(headers.allow).toBe('PUT, DELETE');
  expect(body.error.code).toBe('method_not_allowed');
  await world.api.post(`/locations/${location.id}`).expect('allow', 'GET, HEAD, DELETE').expect(405);
  await world.api.get('/nothing').expect(404);
});

test('an id of ours is the same in capitals, in paths, cursors and bodies', async () => {
  await using world = await startWorld({ isIdle: true });
  const { id, connectionId } = await world.setUpLocation();
  const capitals = connectionId.toUpperCase();
  expect((await world.api.get(`/connections/${capitals}`).expect(200)).body.connectionId).toBe(connectionId);
  const rules = [{ when: { prefix: '+1' }, connectionId: capitals }];
  const { body } = await world.api.put(`/locations/${id}/routing/sms`, { rules }).expect(200);
  expect(body.rules[0].connectionId).toBe(connectionId);
  await world.api.get(`/locations/${id}/messages?cursor=${capitals}`).expect(200);
});

test('a slash at the end of a channel’s webhook address changes nothing', async () => {
  await using world = await startWorld({ isIdle: true });
  const { connectionId } = await world.setUpLocation();
  const reply = { externalId: 'i', from: '+12025550143', text: 'hi' };
  await world.postChannelWebhook(connectionId, 'inbound/', reply).expect(202);
  await world.postChannelWebhook(connectionId, 'inbound', reply).expect(200);
});

test('a query parameter without a value counts as one that was left out', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = await world.setUpLocation();
  const path = `/locations/${location.id}`;
  const list = async (query: string) => (await world.api.get(`${path}/${query}`).expect(200)).body;
  expect(await list('messages?direction=&status=&q=&cursor=&limit=')).toEqual(await list('messages'));
  expect(await list('opt-outs?q=&cursor=')).toEqual(await list('opt-outs'));
});

test('a time as a place among ids is one for every time that there is', () => {
  for (const at of [-1, 0, 8.64e15, -8.64e15]) expect(minIdAt(new Date(at))).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-0000-/);
});

test('an address with credentials in it is shown whole only to who may change it', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = await world.install();
  const url = 'https://user:hunter2@gateway.example/send?api_key=hunter3&v=1';
  await world.connect(location.id, 'sms', { url });
  const path = `/locations/${location.id}/channels/sms`;
  const reader = await world.apiAs({ companyId: location.companyId, activeLocation: location.id, role: 'user' });
  const { text } = await reader.get(path).expect(200);
  expect(text).not.toMatch(/hunter/);
  expect(JSON.parse(text).config.url).toContain('gateway.example/send');
  const { body } = await world.api.get(path).expect(200);
  expect(body.config.url).toBe(url);
});

test('/metrics asks for its token where there is one', async () => {
  await using world = await startWorld({ isIdle: true, services: { metricsToken: 'token-of-the-collector' } });
  await world.client.get('/metrics').expect(401);
  await world.client.get('/metrics').set('authorization', 'Bearer wrong').expect(401);
  await world.client.get('/metrics').set('authorization', 'Bearer token-of-the-collector').expect(200);
});

test('a user has so many streams, however many tokens it asks for; another user of the location has its own', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = await world.install();
  const user = { companyId: location.companyId, activeLocation: location.id };
  const open = async (userId: string) => {
    const token = await world.createUserToken({ ...user, userId });
    const stop = new AbortController();
    const headers = { authorization: `Bearer ${token}` };
    const { status } = await fetch(`${world.url}/embed/live/`, { headers, signal: stop.signal });
    return status;
  };
  const first = await Promise.all(Array.from({ length: 12 }, () => open('one')));
  expect(first.filter((status) => status === 200)).toHaveLength(8);
  expect(first.filter((status) => status === 429)).toHaveLength(4);
  expect(await open('two')).toBe(200);
});

test('work of one key runs one after another and has a bound; another key does not wait', async () => {
  const queue = createKeyedQueue(2, () => new Error('full'));
  const steps: string[] = [];
  const gates: (() => void)[] = [];
  const wait = (name: string) => () =>
    new Promise<void>((resolve) => {
      steps.push(name);
      gates.push(resolve);
    });
  const first = queue.run('a', wait('a1'));
  const second = queue.run('a', wait('a2'));
  const third = queue.run('a', wait('a3'));
  await expect(queue.run('a', wait('a4'))).rejects.toThrow('full');
  const other = queue.run('b', wait('b1'));
  await Promise.resolve();
  await new Promise(setImmediate);
  expect(steps).toEqual(['a1', 'b1']);
  for (const running of [first, other, second, third]) {
    gates.shift()?.();
    await running;
    await new Promise(setImmediate);
  }
  expect(steps).toEqual(['a1', 'b1', 'a2', 'a3']);
  await expect(queue.run('a', () => Promise.reject(new Error('own')))).rejects.toThrow('own');
  expect(await queue.run('a', async () => 'next')).toBe('next');
});
