import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import type { VendorRequest } from '../../src/sandbox/vendors/whatsapp-cloud.ts';

interface Schema {
  properties?: Record<string, Schema & Record<string, unknown>>;
  required?: string[];
  additionalProperties?: boolean;
  allOf?: Schema[];
}

/** Meta's OpenAPI description of the operations that the channel calls (source, commit and licence in the file). */
const description: {
  operations: Record<string, { body: object | null }>;
  components: { schemas: Record<string, Schema> };
} = JSON.parse(readFileSync(resolve(import.meta.dirname, '../fixtures/whatsapp-cloud-openapi.json'), 'utf8'));

/** Operations of the description, by those of the simulator. */
const operations: Partial<Record<VendorRequest['operation'], string>> = {
  send: 'send',
  upload: 'upload',
  subscribe: 'subscribe',
  set_webhook: 'setWebhook',
};

/** Fields that Meta takes and its description of November 2025 lacks. */
const newerFields = ['recipient', 'biz_opaque_callback_data'];

/** Creates a check of requests against Meta's description. It returns the deviations of one request, in words. */
export function createDescriptionCheck(): (request: VendorRequest) => string[] {
  const components = structuredClone(description.components);
  const { schemas } = components;
  const base = schemas.BaseMessageProperties;
  if (!base) throw new Error('The description lacks the base of messages.');
  // `to` is absent where `recipient` names the user.
  base.required = ['messaging_product', 'recipient_type', 'type'];
  // A schema that is closed, and combined with another one, forbids the fields of the other one.
  for (const schema of Object.values(schemas)) for (const part of schema.allOf ?? []) part.additionalProperties = true;
  // An empty address removes the override.
  const address = schemas.WebhookConfiguration?.properties?.override_callback_uri;
  if (address) delete address.format;

  const ajv = new Ajv({ strict: false, allErrors: true });
  formats.default(ajv);
  ajv.addFormat('url', /^https?:\/\//);
  ajv.addFormat('binary', true);
  ajv.addSchema({ $id: 'whatsapp', components });
  const known = new Set([...Object.keys(base.properties ?? {}), ...newerFields]);

  return ({ operation, body }) => {
    const name = operations[operation];
    const schema = name ? description.operations[name]?.body : null;
    if (!schema) return [];
    const absolute = JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"whatsapp#/'));
    const problems = ajv.validate(absolute, body)
      ? []
      : (ajv.errors ?? []).map(({ instancePath, message }) => `${operation}${instancePath}: ${message}`);
    // A field that the description does not know is a mistake of ours.
    const unknown = operation === 'send' ? Object.keys(body).filter((field) => !known.has(field) && field !== body.type) : [];
    return [...problems, ...unknown.map((field) => `${operation}: unknown field ${field}`)];
  };
}
