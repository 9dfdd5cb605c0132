import { createMailgunConfigSchema } from '../../src/channels/mailgun/config.ts';
import { startMailgunWorld } from './mailgun-world.ts';

const valid = { apiKey: 'k', domain: ' MG.Example.com ', from: 'hello@mg.example.com', webhookSigningKey: 's' };

test('a config is normalised, and a wrong one has a problem at its field', () => {
  const schema = createMailgunConfigSchema(false);
  expect(
    schema.parse({ ...valid, from: '"Doe, Jane"  <hello@mg.example.com>', baseUrl: 'https://api.eu.mailgun.net/' }),
  ).toEqual({
    ...{ apiKey: 'k', domain: 'mg.example.com', from: '"Doe, Jane" <hello@mg.example.com>', webhookSigningKey: 's' },
    ...{ openedIsRead: false, oneClickUnsubscribe: false, baseUrl: 'https://api.eu.mailgun.net' },
  });
  for (const [field, value] of [
    ['domain', 'https://mg.example.com'],
    ['domain', 'mg'],
    ['from', 'Harbour'],
    ['apiKey', ' '],
    ['baseUrl', 'http://api.mailgun.net'],
    ['baseUrl', 'https://10.0.0.1'],
    ['baseUrl', 'https://user@api.mailgun.net'],
  ]) {
    const result = schema.safeParse({ ...valid, [field as string]: value });
    expect([field, value, result.error?.issues[0]?.path]).toEqual([field, value, [field]]);
  }
});

const verify = async (world: Awaited<ReturnType<typeof startMailgunWorld>>, config = {}, webhookUrl?: string) =>
  world.settle(world.channel.setup?.verify(world.createContext(config, webhookUrl)) ?? Promise.reject());

test('the domain must be verified; its problems are at the field', async () => {
  await using world = await startMailgunWorld();
  expect(await verify(world)).toEqual({ kind: 'verified', account: world.domain.name, warnings: [] });
  const problem = (field: string, code: string) => ({ kind: 'rejected', problems: [{ field, code }] });
  expect(await verify(world, { domain: 'other.example' })).toMatchObject(problem('domain', 'domain_unknown'));
  expect(await verify(world, { domain: 'new.harbour.example' })).toMatchObject(problem('domain', 'domain_unverified'));
  expect(await verify(world, { apiKey: 'wrong' })).toMatchObject(problem('apiKey', 'credentials'));
  world.domain.state = 'disabled';
  expect(await verify(world)).toMatchObject(problem('domain', 'domain_disabled'));
  expect(await verify(world, { baseUrl: 'http://127.0.0.1:1' })).toMatchObject({ kind: 'unavailable', code: 'unreachable' });
});

test('what a person should know is a warning: no mail received, a domain for tests, replies elsewhere, a sending key', async () => {
  await using world = await startMailgunWorld();
  world.domain.canReceive = false;
  world.domain.type = 'sandbox';
  const result = await verify(world, { from: 'hello@example.com' });
  expect(result).toMatchObject({
    warnings: [/tests/, /MX records/, /Replies go to example.com/].map((words) => expect.stringMatching(words)),
  });
  const apiKey = world.mailgun.state.sendingKeys[0]?.key ?? '';
  expect(await verify(world, { apiKey })).toMatchObject({ kind: 'verified', warnings: [expect.stringMatching(/sending key/)] });
  expect(world.mailgun.state.messages).toEqual([]);
});

test('webhooks and a route are registered once, beside those of others, and removed', async () => {
  await using world = await startMailgunWorld();
  const { mailgun, domain, webhookUrl } = world;
  const { setup } = world.channel;
  domain.webhooks = {
    delivered: ['https://other.example/a'],
    complained: ['https://other.example/a', 'https://other.example/b'],
  };
  mailgun.state.routes.push({
    id: 'r1',
    priority: 1,
    description: '',
    expression: 'catch_all()',
    actions: ['forward("https://other.example/in")'],
  });
  const register = (config = {}) =>
    world.settle(setup?.registerWebhooks?.(world.createContext(config), false) ?? Promise.reject());
  expect([await register(), await register()]).toEqual([{ kind: 'registered' }, { kind: 'registered' }]);
  const own = `${webhookUrl}/webhook`;
  expect(domain.webhooks).toEqual({
    delivered: ['https://other.example/a', own],
    permanent_fail: [own],
    complained: ['https://other.example/a', 'https://other.example/b', own],
    unsubscribed: [own],
  });
  expect(mailgun.state.routes).toMatchObject([
    { id: 'r1' },
    { expression: `match_recipient("hello@${domain.name}")`, actions: [`store(notify="${webhookUrl}/inbound")`] },
  ]);
  // Another sender changes the route, and opens are asked for where they count.
  expect(await register({ from: `hello+a@${domain.name}`, openedIsRead: true })).toEqual({ kind: 'registered' });
  expect(mailgun.state.routes).toMatchObject([{ id: 'r1' }, { expression: `match_recipient("hello[+]a@${domain.name}")` }]);
  expect(domain.webhooks.opened).toEqual([own]);
  await world.settle(setup?.unregisterWebhooks?.(world.createContext()) ?? Promise.reject());
  expect(domain.webhooks).toEqual({
    delivered: ['https://other.example/a'],
    complained: ['https://other.example/a', 'https://other.example/b'],
  });
  expect(mailgun.state.routes).toMatchObject([{ id: 'r1' }]);
});

test('what another program holds is taken, and replaced where a person agrees', async () => {
  await using world = await startMailgunWorld();
  const { mailgun, domain, webhookUrl } = world;
  const register = (replace: boolean) =>
    world.settle(world.channel.setup?.registerWebhooks?.(world.createContext(), replace) ?? Promise.reject());
  domain.webhooks.delivered = ['https://a.example/1', 'https://b.example/2', 'https://c.example/3'];
  expect(await register(false)).toEqual({ kind: 'taken', by: 'c.example' });
  expect(domain.webhooks).toEqual({ delivered: ['https://a.example/1', 'https://b.example/2', 'https://c.example/3'] });
  expect(await register(true)).toEqual({ kind: 'registered' });
  expect(domain.webhooks.delivered).toEqual(['https://a.example/1', 'https://b.example/2', `${webhookUrl}/webhook`]);
  mailgun.state.routes = [
    {
      id: 'r1',
      priority: 0,
      description: '',
      expression: `match_recipient('hello@${domain.name}')`,
      actions: ['forward("https://crm.example/in")'],
    },
  ];
  expect(await register(false)).toEqual({ kind: 'taken', by: 'crm.example' });
  expect(await register(true)).toEqual({ kind: 'registered' });
  expect(mailgun.state.routes).toMatchObject([{ id: 'r1', actions: [`store(notify="${webhookUrl}/inbound")`] }]);
});

test('a sending key leaves the addresses to a person; a private address and an outage are failures', async () => {
  await using world = await startMailgunWorld();
  const register = (config = {}, url?: string) =>
    world.settle(world.channel.setup?.registerWebhooks?.(world.createContext(config, url), false) ?? Promise.reject());
  const apiKey = world.mailgun.state.sendingKeys[0]?.key ?? '';
  const manual = await register({ apiKey });
  expect(manual).toMatchObject({ kind: 'manual', message: expect.stringContaining(`${world.webhookUrl}/inbound`) });
  expect(await register({ baseUrl: 'https://api.mailgun.net' }, 'http://localhost:3000/channels/c')).toMatchObject({
    code: 'address_private',
  });
  expect(await register({ baseUrl: 'http://127.0.0.1:1' })).toMatchObject({ kind: 'failed', code: 'unreachable' });
  expect(await register({ domain: 'other.example' })).toMatchObject({ kind: 'failed', code: 'http_404' });
});
