import { createResendConfigSchema } from '../../src/channels/resend/config.ts';
import { createWebhook } from '../../src/sandbox/vendors/resend/state.ts';
import { type ResendWorld, startResendWorld } from './resend-world.ts';

test('a config has a problem at each wrong field', () => {
  const schema = createResendConfigSchema(false);
  const valid = {
    apiKey: 're_x',
    from: 'Harbour <hello@harbour.example>',
    webhookSecret: `whsec_${Buffer.alloc(24, 1).toString('base64')}`,
  };
  expect(schema.parse(valid)).toMatchObject({ baseUrl: 'https://api.resend.com', openedIsRead: false });
  for (const [field, value] of [
    ['from', 'Harbour'],
    ['webhookSecret', 'secret'],
    ['baseUrl', 'http://api.resend.com'],
    ['apiKey', ''],
  ]) {
    expect([field, schema.safeParse({ ...valid, [field as string]: value }).error?.issues[0]?.path]).toEqual([field, [field]]);
  }
});

const verify = (world: ResendWorld, config = {}) =>
  world.settle(world.channel.setup?.verify(world.createContext(config)) ?? Promise.reject());

test('the key and the domain of the sender are verified, with problems at their fields', async () => {
  await using world = await startResendWorld();
  expect(await verify(world)).toEqual({ kind: 'verified', account: 'harbour.example', warnings: [] });
  const problem = (field: string, code: string) => ({ kind: 'rejected', problems: [{ field, code }] });
  expect(await verify(world, { from: 'hello@other.example' })).toMatchObject(problem('from', 'domain_unknown'));
  expect(await verify(world, { from: 'hello@new.harbour.example' })).toMatchObject(problem('from', 'domain_unverified'));
  expect(await verify(world, { apiKey: 're_wrong' })).toMatchObject(problem('apiKey', 'credentials'));
  expect(await verify(world, { baseUrl: 'http://127.0.0.1:1' })).toMatchObject({ kind: 'unavailable' });
  const warned = { kind: 'verified', warnings: [expect.stringMatching(/\w/)] };
  expect(await verify(world, { from: 'onboarding@resend.dev' })).toMatchObject(warned);
  expect(await verify(world, { apiKey: world.resend.state.account.sendingKey })).toMatchObject(warned);
  Object.assign(world.resend.state.domains[0] ?? {}, { receiving: 'disabled' });
  expect(await verify(world)).toMatchObject(warned);
});

const register = (world: ResendWorld, replace = false, config = {}, url?: string) =>
  world.settle(world.channel.setup?.registerWebhooks?.(world.createContext(config, url), replace) ?? Promise.reject());

test('the webhook whose secret was entered gets our address and events, once', async () => {
  await using world = await startResendWorld();
  const { webhook, webhookUrl } = world;
  expect([await register(world), await register(world)]).toEqual([{ kind: 'registered' }, { kind: 'registered' }]);
  expect(webhook).toMatchObject({
    ...{ endpoint: `${webhookUrl}/webhook`, status: 'enabled' },
    events: expect.arrayContaining(['email.sent', 'email.delivered', 'email.bounced', 'email.complained', 'email.received']),
  });
  webhook.status = 'disabled';
  expect(await register(world)).toEqual({ kind: 'registered' });
  expect(webhook.status).toBe('enabled');
  await world.settle(world.channel.setup?.unregisterWebhooks?.(world.createContext()) ?? Promise.reject());
  expect(world.resend.state.webhooks).toEqual([]);
});

test('a webhook of another program, or of another connection, is taken until a person agrees', async () => {
  await using world = await startResendWorld();
  world.webhook.endpoint = 'https://crm.example/hook';
  expect(await register(world)).toEqual({ kind: 'taken', by: 'crm.example' });
  world.webhook.endpoint = 'https://patchbay.example/channels/other/webhook';
  expect(await register(world)).toMatchObject({ kind: 'taken', by: expect.stringContaining('another connection') });
  expect(await register(world, true)).toEqual({ kind: 'registered' });
});

test('without the webhook, or with a sending key, a person has to do it; a wrong secret is named', async () => {
  await using world = await startResendWorld();
  const manual = { kind: 'manual', message: expect.stringContaining(`${world.webhookUrl}/webhook`) };
  expect(await register(world, false, { apiKey: world.resend.state.account.sendingKey })).toMatchObject(manual);
  world.resend.state.webhooks = [createWebhook((length) => Buffer.alloc(length, 7), 'https://patchbay.example/')];
  expect(await register(world)).toMatchObject(manual);
  Object.assign(world.resend.state.webhooks[0] ?? {}, { endpoint: `${world.webhookUrl}/webhook` });
  expect(await register(world)).toMatchObject({ kind: 'failed', code: 'secret_mismatch' });
  expect(await register(world, false, { baseUrl: 'https://api.resend.com' }, 'http://localhost:3000/channels/c')).toMatchObject(
    {
      code: 'address_private',
    },
  );
});
