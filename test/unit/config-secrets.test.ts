import fc from 'fast-check';
import * as z from 'zod';
import {
  findSecretFields,
  listSecretPaths,
  omitSecrets,
  omitsSecret,
  pickSecrets,
  retainSecrets,
} from '../../src/channels/config-schema.ts';
import { createConfigSchema as createEvolutionSchema } from '../../src/channels/evolution/config.ts';
import { createConfigSchema as createWahaSchema } from '../../src/channels/waha/config.ts';
import { createConfigSchema as createWhatsAppSchema } from '../../src/channels/whatsapp-cloud/config.ts';
import { type Connection, toPublicConfig } from '../../src/connections/connection.ts';
import { generateOmittedValues } from '../../src/connections/generate-secrets.ts';
import { redactSecrets } from '../../src/connections/redact-secrets.ts';
import { flattenFields, readConfig, toConfigFields, toFormValues } from '../../src/http/pages/channels/config-form.ts';

test('a secret that the vendor or its server made may have any length', () => {
  const server = { baseUrl: 'https://server.example', apiKey: 'k' };
  const meta = { phoneNumberId: '106540352242922', businessAccountId: '102290129340398', accessToken: 't', appSecret: 's' };
  expect(createWahaSchema(false).safeParse(server).error).toBeUndefined();
  expect(createEvolutionSchema(false).safeParse({ ...server, instance: 'i' }).error).toBeUndefined();
  expect(createWhatsAppSchema(false).safeParse({ ...meta, verifyToken: 'v' }).error).toBeUndefined();
});

/** A field of a config with one value of it; `undefined` is left out. */
interface Sample {
  schema: z.ZodType;
  value: unknown;
}

let groupCount = 0;
const word = fc.stringMatching(/^plain-[a-z]{1,8}$/);
const token = fc.integer({ min: 0, max: 0xffff_ffff }).map((n) => `s3cret-${n.toString(16)}`);
const secret = () => z.string().meta({ sensitive: true });

const leaf: fc.Arbitrary<Sample> = fc.oneof(
  word.map((value) => ({ schema: z.string(), value })),
  fc.option(word, { nil: undefined }).map((value) => ({ schema: z.string().optional(), value })),
  fc.boolean().map((value) => ({ schema: z.boolean().default(false), value })),
  token.map((value) => ({ schema: secret(), value })),
  fc.option(token, { nil: undefined }).map((value) => ({ schema: secret().optional(), value })),
  fc.option(token, { nil: undefined }).map((value) => ({ schema: z.string().optional().meta({ sensitive: true }), value })),
  fc
    .array(fc.record({ key: token, name: word }), { minLength: 1, maxLength: 2 })
    .map((value) => ({ schema: z.array(z.object({ key: secret(), name: z.string() })), value })),
  fc.dictionary(word, token, { maxKeys: 2 }).map((value) => ({ schema: z.record(z.string(), secret()), value })),
  token.map((key) => ({ schema: z.union([z.object({ key: secret() }), z.number()]), value: { key } })),
  token.map((key) => ({ schema: z.object({ key: secret() }).and(z.object({ other: z.string().optional() })), value: { key } })),
);

const toShape = (fields: Record<string, Sample>) => ({
  shape: Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.schema])),
  value: Object.fromEntries(
    Object.entries(fields).flatMap(([name, field]) => (field.value === undefined ? [] : [[name, field.value]])),
  ),
});

const fieldNames = fc.constantFrom('host', 'port', 'login', 'inner', 'password', 'folder');

function group(depth: number): fc.Arbitrary<Sample> {
  const kind = fc.constantFrom('required', 'optional', 'absent', 'nullable', 'null', 'named', 'loose');
  return fc.record({ fields: fc.dictionary(fieldNames, field(depth - 1), { minKeys: 1, maxKeys: 4 }), kind }).map((drawn) => {
    const { shape, value } = toShape(drawn.fields);
    const schema = drawn.kind === 'loose' ? z.looseObject(shape) : z.strictObject(shape);
    switch (drawn.kind) {
      case 'optional':
        return { schema: schema.optional(), value };
      case 'absent':
        return { schema: schema.optional(), value: undefined };
      case 'nullable':
        return { schema: schema.nullable(), value };
      case 'null':
        return { schema: schema.nullable(), value: null };
      case 'named':
        // Named schemas are references in JSON Schema.
        groupCount += 1;
        return { schema: schema.meta({ id: `group-${groupCount}` }).optional(), value };
      default:
        return { schema, value };
    }
  });
}

const field = (depth: number): fc.Arbitrary<Sample> =>
  depth === 0 ? leaf : fc.oneof({ weight: 2, arbitrary: leaf }, { weight: 3, arbitrary: group(depth) });

const sample = fc
  .dictionary(fieldNames, field(2), { minKeys: 1, maxKeys: 4 })
  .map(toShape)
  .map(({ shape, value }) => ({ schema: z.strictObject(shape), config: value }));

const toConnection = (schema: z.ZodObject, config: object) =>
  ({ channel: { configSchema: schema }, config, previousConfig: undefined }) as unknown as Connection;

function check(property: (schema: z.ZodObject, config: Record<string, unknown>) => void): void {
  fc.assert(
    fc.property(sample, ({ schema, config }) => property(schema, config)),
    { numRuns: 80 },
  );
}

test('no secret of any schema is in what a response or a form shows', () => {
  check((schema, config) => {
    const connection = toConnection(schema, config);
    const fields = toConfigFields(schema);
    const shown = [toPublicConfig(connection, true), toPublicConfig(connection, false), toFormValues(fields, config)];
    expect(JSON.stringify(shown)).not.toContain('s3cret');
  });
});

test('a config that is sent back as it was shown is the stored one, also through the form', () => {
  check((schema, config) => {
    const [secrets, fields] = [findSecretFields(schema), toConfigFields(schema)];
    const stored = schema.parse(config);
    const shown = toPublicConfig(toConnection(schema, stored), true);
    expect(retainSecrets(secrets, shown, stored)).toEqual(stored);
    const typed = readConfig(fields, toFormValues(fields, shown));
    expect(schema.parse(retainSecrets(secrets, typed, stored))).toEqual(stored);
    // The stored config is only read where it is needed.
    expect(omitsSecret(secrets, shown) || listSecretPaths(secrets, stored).length === 0).toBe(true);
  });
});

test('each secret that is given replaces the stored one alone, and one that is removed is gone', () => {
  check((schema, config) => {
    const [secrets, fields] = [findSecretFields(schema), flattenFields(toConfigFields(schema))];
    const stored = schema.parse(config);
    for (const path of listSecretPaths(secrets, stored)) {
      const own = fields.find(({ name }) => name === path);
      if (own?.kind !== 'text') continue;
      const given = withValue(omitSecrets(secrets, stored), path, 'other');
      expect(retainSecrets(secrets, given, stored)).toEqual(withValue(stored, path, 'other'));
      const removed = withValue(omitSecrets(secrets, stored), path, null);
      if (!own.isRequired) expect(retainSecrets(secrets, removed, stored)).toEqual(withValue(stored, path, undefined));
    }
  });
});

/** Copies a config with another value at a path. */
function withValue(config: object, path: string, value: unknown): object {
  const copy = structuredClone(config) as Record<string, unknown>;
  const names = path.split('.');
  const last = names.pop() as string;
  const parent = names.reduce((at, name) => at[name] as Record<string, unknown>, copy);
  parent[last] = value;
  return copy;
}

test('a group that is left out is not brought back by its stored secrets', () => {
  const schema = z.strictObject({
    smtp: z.strictObject({ host: z.string(), password: secret() }),
    imap: z.strictObject({ host: z.string(), password: secret().optional() }).optional(),
  });
  const secrets = findSecretFields(schema);
  const stored = { smtp: { host: 'a', password: 's3cret-1' }, imap: { host: 'b', password: 's3cret-2' } };
  expect(retainSecrets(secrets, { smtp: { host: 'c' } }, stored)).toEqual({ smtp: { host: 'c', password: 's3cret-1' } });
  expect(pickSecrets(secrets, stored)).toEqual({ smtp: { password: 's3cret-1' }, imap: { password: 's3cret-2' } });
  const { imap: _, ...without } = stored;
  expect(retainSecrets(secrets, { ...without, imap: { host: 'd' } }, without)).toEqual({ ...without, imap: { host: 'd' } });
});

test('every secret of any schema is redacted in a text, and nothing else is', () => {
  check((schema, config) => {
    const connection = toConnection(schema, config);
    const text = redactSecrets(connection, JSON.stringify(config));
    expect(text).not.toContain('s3cret');
    expect(text.match(/plain-[a-z]+/g)).toEqual(JSON.stringify(config).match(/plain-[a-z]+/g));
  });
});

test('values are made in the groups that a config has, and nowhere else', () => {
  const made = z.string().optional().meta({ sensitive: true, generate: 'signingSecret' });
  const schema = z.object({ top: made, on: z.object({ key: made }).optional(), off: z.object({ key: made }).optional() });
  const random = (size: number) => Buffer.alloc(size, 7);
  expect(generateOmittedValues(random, schema, { on: {} })).toEqual({
    top: expect.stringMatching(/^whsec_/),
    on: { key: expect.stringMatching(/^whsec_/) },
  });
  expect(generateOmittedValues(random, schema, { top: 'own', on: { key: 'own' } })).toEqual({ top: 'own', on: { key: 'own' } });
});

test('a schema that contains itself has an end', () => {
  interface Node {
    key: string;
    next?: Node | undefined;
  }
  const node: z.ZodType<Node> = z.lazy(() => z.object({ key: secret(), next: node.optional() }));
  const schema = z.object({ node });
  const config = { node: { key: 's3cret-1', next: { key: 's3cret-2' } } };
  expect(JSON.stringify(omitSecrets(findSecretFields(schema), config))).not.toContain('s3cret');
  expect(JSON.stringify(toFormValues(toConfigFields(schema), config))).not.toContain('s3cret');
});
