import fc from 'fast-check';
import * as z from 'zod';
import { findSecretFields, listSecretPaths } from '../../src/channels/config-schema.ts';
import { readConfig, toConfigFields, toFormValues } from '../../src/http/pages/channels/config-form.ts';
import { toFieldErrors, toLabelledFields } from '../../src/http/pages/channels/config-labels.ts';
import { loadLanguages } from '../../src/http/pages/framework/texts.ts';

const english = loadLanguages('views/languages').text('en');

/** The schema of an invented channel: a field of every kind. */
const schema = z.strictObject({
  accountSid: z.string().min(2).max(64).meta({ title: 'Account', placeholder: 'AC…' }),
  endpoint: z.url().optional().describe('Where it listens.'),
  contact: z.email().optional(),
  greeting: z.string().max(2_000).optional(),
  authToken: z.string().min(8).meta({ sensitive: true }),
  spareToken: z.string().meta({ sensitive: true }).optional(),
  region: z.enum(['us', 'eu']).default('us'),
  tier: z.enum(['a', 'b']).optional(),
  port: z.int().min(1).max(65_535),
  factor: z.number().positive().optional(),
  isFast: z.boolean().default(true),
  numbers: z.array(z.string()).min(1),
  days: z
    .array(z.enum(['mon', 'tue']))
    .min(1)
    .default(['mon']),
  proxy: z.object({ host: z.string().min(1), port: z.int() }).optional(),
  version: z.literal('v2'),
  nothing: z.string().nullable(),
  headers: z.record(z.string(), z.string()).optional(),
  keys: z.object({ key: z.string().meta({ sensitive: true }) }).optional(),
  vault: z.array(z.object({ key: z.string().meta({ sensitive: true }) })).optional(),
});
const fields = toConfigFields(schema);
const kinds = Object.fromEntries(fields.map(({ name, kind }) => [name, kind]));
const filled = {
  accountSid: 'AC1',
  authToken: 'longenough',
  region: 'eu',
  port: '2775',
  numbers: '+1\r\n +2 \r\n',
  days: ['mon', 'tue'],
};

test('every kind of field becomes an input of its kind, in the order of the schema', () => {
  expect(fields.map(({ name }) => name)).toEqual(Object.keys(schema.shape));
  expect(kinds).toEqual({
    accountSid: 'text',
    endpoint: 'url',
    contact: 'email',
    greeting: 'multiline',
    authToken: 'text',
    spareToken: 'text',
    region: 'choice',
    tier: 'choice',
    port: 'number',
    factor: 'number',
    isFast: 'boolean',
    numbers: 'lines',
    days: 'choices',
    proxy: 'group',
    version: 'fixed',
    nothing: 'text',
    headers: 'json',
    keys: 'group',
    vault: 'json',
  });
  expect(fields.filter(({ isRequired: isNeeded }) => isNeeded).map(({ name }) => name)).toEqual([
    'accountSid',
    'authToken',
    'port',
    'numbers',
    'version',
  ]);
  const worded = toLabelledFields(english, 'channels.types.unheard-of', fields);
  expect(worded.slice(0, 2).map(({ label, help }) => [label, help])).toEqual([
    ['Account', undefined],
    ['Endpoint', 'Where it listens.'],
  ]);
  expect(worded.find(({ name }) => name === 'isFast')?.label).toBe('Is fast');
});

test('what is typed becomes a config that the schema takes, and what is left empty is left out', () => {
  const config = readConfig(fields, {
    ...filled,
    proxy: 'on',
    'proxy.host': 'p.example',
    'proxy.port': '8080',
    factor: '0,5',
    headers: '{"a":"b"}',
  });
  expect(schema.parse(config)).toEqual({
    accountSid: 'AC1',
    authToken: 'longenough',
    region: 'eu',
    port: 2775,
    factor: 0.5,
    isFast: false,
    numbers: ['+1', '+2'],
    days: ['mon', 'tue'],
    proxy: { host: 'p.example', port: 8080 },
    version: 'v2',
    nothing: null,
    headers: { a: 'b' },
  });
  expect(readConfig(fields, { authToken: '  ' })).toEqual({
    isFast: false,
    numbers: [],
    days: [],
    version: 'v2',
    nothing: null,
  });
});

test('a secret is never among what a form holds, wherever the schema has hidden it', () => {
  const secrets = { authToken: 'hush', spareToken: 'hush', keys: { key: 'hush' }, vault: [{ key: 'hush' }] };
  const config = { ...readConfig(fields, filled), ...secrets };
  expect(listSecretPaths(findSecretFields(schema), config)).toEqual(['authToken', 'spareToken', 'keys.key', 'vault']);
  expect(JSON.stringify(toFormValues(fields, config))).not.toContain('hush');
});

test('an invalid value is reported at its field, in words', () => {
  const listProblems = (values: Record<string, unknown>) => {
    const result = schema.safeParse(readConfig(fields, values));
    return toFieldErrors(english, 'channels.types.unheard-of', fields, result.error?.issues ?? [], values);
  };
  expect(listProblems(filled)).toEqual({});
  expect(
    listProblems({ ...filled, port: '', proxy: 'on', 'proxy.port': 'x', factor: '0', days: undefined, headers: '{' }),
  ).toEqual({
    port: 'This field is required.',
    'proxy.host': 'This field is required.',
    'proxy.port': 'Enter a number.',
    factor: 'More than 0.',
    days: 'Choose at least one.',
    headers: expect.stringContaining('record'),
  });
  expect(listProblems({ ...filled, port: '70000' })).toEqual({ port: 'At most 65,535.' });
  expect(listProblems({ ...filled, port: '1.5' })).toEqual({ port: 'Enter a whole number.' });
});

test('a form that is sent as it was shown leaves the configuration unchanged', () => {
  const word = fc.stringMatching(/^[a-z]{2,12}$/);
  const config = fc.record(
    {
      accountSid: word,
      endpoint: word.map((host) => `https://${host}.example/x`),
      greeting: word.map((text) => `${text}\n${text}`),
      region: fc.constantFrom('us', 'eu'),
      tier: fc.constantFrom('a', 'b'),
      port: fc.integer({ min: 1, max: 65_535 }),
      factor: fc.double({ min: 0.001, max: 1e9, noNaN: true }),
      isFast: fc.boolean(),
      numbers: fc.array(word, { minLength: 1 }),
      days: fc.uniqueArray(fc.constantFrom('mon', 'tue'), { minLength: 1 }),
      proxy: fc.record({ host: word, port: fc.integer() }),
      nothing: fc.option(word),
      headers: fc.dictionary(word, word),
    },
    { requiredKeys: ['accountSid', 'region', 'port', 'isFast', 'numbers', 'days', 'nothing'] },
  );
  fc.assert(
    fc.property(config, (given) => {
      const whole = { ...given, version: 'v2' };
      expect(readConfig(fields, toFormValues(fields, whole))).toEqual(JSON.parse(JSON.stringify(whole)));
    }),
  );
});
