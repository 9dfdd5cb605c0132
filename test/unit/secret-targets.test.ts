import fc from 'fast-check';
import * as z from 'zod';
import { type ConfigSchema, resolveField, toInputSchema } from '../../src/channels/config-schema.ts';
import { createChannels } from '../../src/channels/registry.ts';
import { findSecretTargets, listMovedSecrets, type SecretTarget } from '../../src/channels/secret-targets.ts';

const client = { clientId: 'c', clientSecret: 's', authorizeUrl: 'https://a.example', tokenUrl: 'https://t.example' };
const channels = [
  ...createChannels({ allowPrivateTargets: true, consentClients: { google: client, microsoft: client } }).values(),
];

/** Names that fields of addresses have: a new one must be the target of a secret, or be listed here with its reason. */
const addressField = /(^|\.)(url|baseUrl|host|tokenUrl)$/;
const isNoTarget: Readonly<Record<string, string>> = { 'gateway url': 'its requests are signed; the secret is not in them' };

function listFields(schema: ConfigSchema, root = schema, prefix = ''): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const { schema: own } = resolveField(property as ConfigSchema, root);
    return own.properties ? listFields(own, root, `${prefix}${name}.`) : [prefix + name];
  });
}

/** Lists the fields by which the targets of a secret are named. */
function listTargetFields(targets: readonly SecretTarget[]): string[] {
  return targets.flatMap((target) =>
    typeof target === 'string' ? target : [target.host, target.port, target.encryption].filter((field) => field !== undefined),
  );
}

test.each(channels.map(({ type, configSchema }) => [type, configSchema] as const))(
  '%s: each secret names the fields of the address that it is sent to, or says that it is sent nowhere',
  (type, configSchema) => {
    const targets = [...findSecretTargets(configSchema)];
    const undeclared = targets.flatMap(([path, declared]) => (declared === null ? path : []));
    expect(undeclared).toEqual([]);
    const fields = listFields(toInputSchema(configSchema));
    const named = targets.flatMap(([, declared]) => listTargetFields(declared ?? []));
    expect(fields).toEqual(expect.arrayContaining(named));
    const addresses = fields.filter((path) => addressField.test(path));
    expect(addresses.filter((path) => !named.includes(path) && !isNoTarget[`${type} ${path}`])).toEqual([]);
  },
);

const secret = (sentTo: unknown) => z.string().optional().meta({ sensitive: true, sentTo });
const schema = z.object({
  baseUrl: z.string().default('https://api.example'),
  apiKey: secret('baseUrl'),
  signingKey: secret([]),
  smtp: z.object({ host: z.string(), port: z.int().default(465), password: z.string().optional() }).optional(),
});
const move = (before: string | undefined, after: string | undefined, given: object = {}) =>
  listMovedSecrets(schema, {
    given,
    stored: schema.parse({ baseUrl: before, apiKey: 'k', signingKey: 's' }),
    config: schema.parse({ baseUrl: after, apiKey: 'k', signingKey: 's' }),
  });

test.each<[string | undefined, string | undefined]>([
  ['https://api.example', 'https://evil.example'],
  ['https://api.example', 'http://api.example'],
  ['https://api.example', 'https://api.example:8443'],
  ['https://api.example', 'https://api.example.evil.example'],
  ['https://api.example', 'https://api.example@evil.example'],
  [undefined, 'https://evil.example'],
  ['https://eu.api.example', undefined],
  ['not an address', 'https://evil.example'],
])('a stored secret is moved when its address changes from %s to %s', (before, after) => {
  expect(move(before, after)).toEqual(['apiKey']);
  expect(move(before, after, { apiKey: 'k' })).toEqual([]);
});

test.each<[string | undefined, string | undefined]>([
  ['https://api.example', 'https://api.example/v2'],
  ['https://api.example', 'https://API.Example'],
  ['https://api.example', 'https://api.example:443/'],
  [undefined, 'https://api.example'],
  ['https://api.example', undefined],
])('a stored secret is kept when its address changes from %s to %s, which is the same host', (before, after) => {
  expect(move(before, after)).toEqual([]);
});

const email = channels.find(({ type }) => type === 'email');
const mailbox = (changes: { smtp?: object; imap?: object | null; oauth?: object } = {}) => ({
  from: 'shop@example.com',
  smtp: { host: 'smtp.example.com', port: 465, security: 'tls', password: 'one', ...changes.smtp },
  ...(changes.imap === null
    ? {}
    : { imap: { host: 'imap.example.com', port: 993, security: 'tls', password: 'two', ...changes.imap } }),
  ...(changes.oauth ? { oauth: changes.oauth } : {}),
});
const token = { tokenUrl: 'https://t.example/token', clientId: 'c', clientSecret: 'cs', refreshToken: 'rt' };

test.each<[string, ReturnType<typeof mailbox>, ReturnType<typeof mailbox>, string[]]>([
  ['another SMTP server', mailbox(), mailbox({ smtp: { host: 'evil.example' } }), ['smtp.password']],
  ['another port of it', mailbox(), mailbox({ smtp: { port: 587 } }), ['smtp.password']],
  ['no encryption', mailbox(), mailbox({ smtp: { security: 'none' } }), ['smtp.password']],
  ['another IMAP server', mailbox(), mailbox({ imap: { host: 'evil.example' } }), ['imap.password']],
  [
    'a first IMAP server that uses the password of SMTP',
    mailbox({ imap: null }),
    mailbox({ imap: { password: undefined } }),
    ['smtp.password'],
  ],
  ['an IMAP server that used a password of its own', mailbox(), mailbox({ imap: { password: undefined } }), ['smtp.password']],
  ['no IMAP server', mailbox(), mailbox({ imap: null }), []],
  ['another folder', mailbox(), mailbox({ imap: { folder: 'Other' } }), []],
  [
    'another token address',
    mailbox({ oauth: token }),
    mailbox({ oauth: { ...token, tokenUrl: 'https://evil.example/token' } }),
    ['oauth.clientSecret', 'oauth.refreshToken'],
  ],
  [
    'another server for the access tokens',
    mailbox({ oauth: token, imap: null }),
    mailbox({ oauth: token, imap: null, smtp: { host: 'evil.example', password: undefined } }),
    ['oauth.refreshToken'],
  ],
])('mailbox: %s', (_, stored, config, moved) => {
  expect(listMovedSecrets(email?.configSchema as z.ZodObject, { given: {}, stored, config })).toEqual(moved);
});

test('whatever changes, a secret that is not given again goes to no origin to which it did not go before', () => {
  const host = fc.constantFrom('a.example', 'b.example', 'c.example');
  const server = fc.record({ host, port: fc.constantFrom(1, 2), password: fc.constantFrom('p', undefined) });
  const drawn = fc.record({ smtp: server, imap: fc.option(server, { nil: undefined }) });
  const serverSchema = (sentTo: unknown) => z.object({ host: z.string(), port: z.int(), password: secret(sentTo) });
  const imap = { host: 'imap.host', port: 'imap.port' };
  const mail = z.object({
    smtp: serverSchema([
      { host: 'smtp.host', port: 'smtp.port' },
      { ...imap, unless: 'imap.password' },
    ]),
    imap: serverSchema(imap).optional(),
  });
  type Config = z.output<typeof mail>;
  const listReached = ({ smtp, imap: other }: Config, name: 'smtp' | 'imap') => {
    const reached =
      name === 'smtp' ? [smtp, ...(other && !other.password ? [other] : [])] : [other].flatMap((one) => one ?? []);
    return reached.map(({ host: at, port }) => `${at}:${port}`);
  };
  fc.assert(
    fc.property(drawn, drawn, (stored, config) => {
      const moved = listMovedSecrets(mail, { given: {}, stored, config });
      for (const name of ['smtp', 'imap'] as const) {
        if (!stored[name]?.password || !config[name]?.password) continue;
        const known = listReached(stored, name);
        const isMoved = listReached(config, name).some((origin) => !known.includes(origin));
        expect(moved.includes(`${name}.password`)).toBe(isMoved);
      }
    }),
    { numRuns: 500 },
  );
});
