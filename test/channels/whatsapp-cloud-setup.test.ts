import type { WhatsAppConfig } from '../../src/channels/whatsapp-cloud/config.ts';
import { createWhatsAppCloudChannel } from '../../src/channels/whatsapp-cloud/whatsapp-cloud.ts';
import { readConfig, toConfigFields, toFormValues } from '../../src/http/pages/channels/config-form.ts';
import { startWhatsAppWorld, verifyToken, waitFor } from './whatsapp-cloud-world.ts';

const open = createWhatsAppCloudChannel({ allowPrivateTargets: true });
const guarded = createWhatsAppCloudChannel({ allowPrivateTargets: false });
const config = {
  ...{ phoneNumberId: '106540352242922', businessAccountId: '102290129340398' },
  ...{ accessToken: 'EAAG-token', appSecret: '0123456789abcdef0123456789abcdef' },
};

test('the rest of a config has defaults, and pasted blanks are trimmed', () => {
  expect(open.configSchema.parse({ ...config, accessToken: ' EAAG-token\r\n', phoneNumberId: '106540352242922 ' })).toEqual({
    ...config,
    outsideWindow: 'fail',
    baseUrl: 'https://graph.facebook.com',
    apiVersion: 'v25.0',
  });
});

test.each([
  [{ ...config, phoneNumberId: '+1 555 078 3881' }, 'phoneNumberId'],
  [{ ...config, businessAccountId: 'Acme' }, 'businessAccountId'],
  [{ ...config, accessToken: 'two words here' }, 'accessToken'],
  [{ ...config, appSecret: '' }, 'appSecret'],
  [{ ...config, outsideWindow: 'sms' }, 'outsideWindow'],
  [{ ...config, fallbackTemplate: { name: 'Big Name', language: 'en_US' } }, 'fallbackTemplate'],
  [{ ...config, apiVersion: '25' }, 'apiVersion'],
  [{ ...config, baseUrl: 'ftp://x.example' }, 'baseUrl'],
  [{ ...config, typo: 1 }, undefined],
])('the config %j is refused, naming the field', (given, field) => {
  const result = open.configSchema.safeParse(given);
  expect(result.error?.issues[0]?.path[0]).toBe(field);
  expect(result.success).toBe(false);
});

test.each(['http://x.example', 'https://127.0.0.1', 'https://[::1]'])('with the guard closed %s is rejected', (baseUrl) => {
  expect(guarded.configSchema.safeParse({ ...config, baseUrl }).success).toBe(false);
  expect(open.configSchema.safeParse({ ...config, baseUrl }).success).toBe(true);
});

describe('the check of a config', () => {
  test('names the account by its verified name and number', async () => {
    await using world = await startWhatsAppWorld();
    expect(await open.setup?.verify(world.context)).toEqual({ kind: 'verified', account: 'Harbour Dental, +15550783881' });
  });

  test.each([
    [{ accessToken: 'EAA-expired' }, 'accessToken', '190'],
    [{ phoneNumberId: '999999999' }, 'phoneNumberId', '100'],
    [{ businessAccountId: '999999999' }, 'businessAccountId', '100'],
  ])('%j is a problem of the field %s', async (changes, field, code) => {
    await using world = await startWhatsAppWorld();
    const result = await open.setup?.verify(world.withConfig(changes));
    expect(result).toMatchObject({ kind: 'rejected', problems: [{ field, code, message: expect.stringMatching(/\S/) }] });
    expect(JSON.stringify(result)).not.toContain(world.config.accessToken);
  });

  test('a fallback template that can’t be used is to be corrected before saving, and no problem of the account: Meta may pause it any time', async () => {
    await using world = await startWhatsAppWorld();
    const verify = (fallbackTemplate?: WhatsAppConfig['fallbackTemplate']) =>
      open.setup?.verify(world.withConfig({ outsideWindow: 'template', ...(fallbackTemplate ? { fallbackTemplate } : {}) }));
    const named = (name: string) => ({ name, language: 'en_US', parameter: '1' });
    const [paused] = world.vendor.state.templates.filter(({ name }) => name === 'message_from_team');
    expect(await verify(named('message_from_team'))).not.toHaveProperty('problems');
    Object.assign(paused ?? {}, { status: 'PAUSED' });
    for (const [template, code] of [
      [undefined, 'template_missing'],
      [named('none'), 'template_not_found'],
      [named('message_from_team'), 'template_not_found'],
      [named('appointment_reminder'), 'template_parameters'],
    ] as const) {
      const problem = { field: 'fallbackTemplate', code, message: expect.stringMatching(/\S/) };
      expect(await verify(template)).toMatchObject({ kind: 'verified', problems: [problem] });
    }
  });

  test('a blocked number is a problem, a limited one a warning, and a server that is not there neither', async () => {
    await using world = await startWhatsAppWorld();
    world.vendor.state.business.health = 'BLOCKED';
    expect(await open.setup?.verify(world.context)).toMatchObject({ kind: 'rejected', problems: [{ code: 'blocked' }] });
    world.vendor.state.business.health = 'LIMITED';
    expect(await open.setup?.verify(world.context)).toMatchObject({
      kind: 'verified',
      warnings: [expect.stringContaining('limits')],
    });
    const gone = world.withConfig({ baseUrl: 'http://127.0.0.1:1' });
    expect(await open.setup?.verify(gone)).toMatchObject({ kind: 'unavailable', code: 'unreachable' });
    const wrong = world.withConfig({ baseUrl: `${world.url}/none` });
    expect(await open.setup?.verify(wrong)).toMatchObject({ kind: 'rejected', problems: [{ field: 'baseUrl' }] });
  });
});

describe('webhook addresses', () => {
  test('are registered for the number, confirmed by Meta’s question, and repeating it changes nothing', async () => {
    await using world = await startWhatsAppWorld();
    for (let count = 0; count < 2; count++) {
      expect(await open.setup?.registerWebhooks?.(world.context, false)).toEqual({ kind: 'registered' });
    }
    expect(world.vendor.state).toMatchObject({
      webhook: { url: `${world.context.connection.webhookUrl}/webhook`, verifyToken },
      isSubscribed: true,
    });
    await open.setup?.unregisterWebhooks?.(world.context);
    expect(world.vendor.state.webhook).toBeNull();
  });

  test.each(['number', 'account'])('of another program for the %s stay, until a person agrees', async (scope) => {
    await using world = await startWhatsAppWorld();
    const other = 'https://flows.example/hook';
    if (scope === 'number') world.vendor.state.webhook = { url: other, verifyToken: 'theirs' };
    else world.vendor.state.accountWebhookUrl = other;
    world.vendor.state.isSubscribed = true;
    expect(await open.setup?.registerWebhooks?.(world.context, false)).toEqual({ kind: 'taken', by: 'flows.example' });
    await open.setup?.unregisterWebhooks?.(world.context);
    expect(JSON.stringify(world.vendor.state)).toContain(other);
    expect(await open.setup?.registerWebhooks?.(world.context, true)).toEqual({ kind: 'registered' });
    // Other numbers of the account keep theirs.
    expect(world.vendor.state.accountWebhookUrl).toBe(scope === 'account' ? other : null);
  });

  test('that are too long for Meta, or have another verify token, are reported', async () => {
    await using world = await startWhatsAppWorld();
    const { connection } = world.context;
    const long = { ...world.context, connection: { ...connection, webhookUrl: `https://x.example/${'a'.repeat(200)}` } };
    expect(await open.setup?.registerWebhooks?.(long, false)).toMatchObject({ kind: 'manual' });
    const elsewhere = { ...world.context, connection: { ...connection, webhookUrl: `${world.url}/none` } };
    expect(await open.setup?.registerWebhooks?.(elsewhere, false)).toMatchObject({ kind: 'failed', code: '2200' });
    const { verifyToken: _, ...without } = world.config;
    const bare = { ...world.context, connection: { ...connection, config: without } };
    expect(await open.setup?.registerWebhooks?.(bare, false)).toMatchObject({ kind: 'failed', code: 'verify_token_missing' });
  });

  test('a webhook that was not acknowledged is repeated', async () => {
    await using world = await startWhatsAppWorld();
    await open.setup?.registerWebhooks?.(world.context, false);
    const secret = world.vendor.state.business.appSecret;
    world.vendor.state.business.appSecret = 'rotated-secret';
    world.vendor.receive({ from: '+16505551234', text: 'first' });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(world.events).toEqual([]);
    world.vendor.state.business.appSecret = secret;
    await waitFor(() => world.events.length === 1);
  });
});

test('approved templates are listed with their parameters, and the numbers of the account', async () => {
  await using world = await startWhatsAppWorld();
  world.vendor.state.templates.push({
    ...{ name: 'pending', language: 'en_US', category: 'UTILITY', status: 'PENDING', parameterFormat: 'POSITIONAL', body: 'x' },
  });
  expect(await open.setup?.listTemplates?.(world.context)).toMatchObject([
    { name: 'appointment_reminder', language: 'en_US', category: 'UTILITY', parameters: ['1', '2'] },
    { name: 'message_from_team', parameters: ['1'] },
    { name: 'spring_offer', language: 'es', category: 'MARKETING', parameters: ['first_name', 'offer'] },
  ]);
  expect(await open.setup?.listSenders?.(world.context)).toEqual([
    { address: '+15550783881', label: 'Harbour Dental, +15550783881' },
  ]);
});

test('a list that Meta refuses is an error of the connection, and one without a response is not', async () => {
  await using world = await startWhatsAppWorld();
  const refused = world.withConfig({ accessToken: 'EAA-expired' });
  const gone = world.withConfig({ baseUrl: 'http://127.0.0.1:1' });
  for (const list of [open.setup?.listTemplates, open.setup?.listSenders]) {
    await expect(list?.(refused)).rejects.toMatchObject({ code: 'connection_rejected' });
    await expect(list?.(gone)).rejects.toMatchObject({ code: 'vendor_unavailable' });
  }
});

test('more templates than a page has are listed too', async () => {
  await using world = await startWhatsAppWorld();
  world.vendor.state.templates = Array.from({ length: 250 }, (_, index) => ({
    ...{
      name: `t${index}`,
      language: 'en_US',
      category: 'UTILITY',
      status: 'APPROVED',
      parameterFormat: 'POSITIONAL',
      body: 'x',
    },
  })) as typeof world.vendor.state.templates;
  expect(await open.setup?.listTemplates?.(world.context)).toHaveLength(250);
});

test('the connect form, filled in with the required fields alone, is valid; a template in it is one object', () => {
  const fields = toConfigFields(open.configSchema);
  const shown = toFormValues(fields, undefined);
  const parsed = open.configSchema.parse(readConfig(fields, { ...shown, ...config }));
  expect(parsed).not.toHaveProperty('fallbackTemplate');
  const filled = {
    ...shown,
    ...config,
    fallbackTemplate: 'on',
    'fallbackTemplate.name': 'message_from_team',
    'fallbackTemplate.language': 'en_US',
  };
  expect(open.configSchema.parse(readConfig(fields, filled))).toMatchObject({
    fallbackTemplate: { name: 'message_from_team', language: 'en_US' },
  });
});
