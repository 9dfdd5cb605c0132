import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Ajv } from 'ajv';
import type { WebRequest } from '../../src/sandbox/vendors/waha.ts';

interface Schema {
  properties?: Record<string, object>;
}

/** WAHA's OpenAPI description of what the channel calls and reads (source, commit and licence in the file). */
const description: {
  paths: string[];
  operations: Record<string, string>;
  events: Record<string, string>;
  components: { schemas: Record<string, Schema> };
} = JSON.parse(readFileSync(resolve(import.meta.dirname, '../fixtures/waha-openapi.json'), 'utf8'));

/** Fields that the description calls objects, and that are texts in its own examples. */
const texts: [schema: string, field: string][] = [
  ...['VoiceBinaryFile', 'VoiceRemoteFile', 'VideoBinaryFile', 'VideoRemoteFile'].flatMap((schema): [string, string][] => [
    [schema, 'mimetype'],
    [schema, 'filename'],
  ]),
  ...Object.values(description.events).map((schema): [string, string] => [schema, 'event']),
];
for (const [schema, field] of texts) {
  const property = description.components.schemas[schema]?.properties?.[field];
  if (property) Object.assign(property, { type: 'string' });
}
const webhook = description.components.schemas.WebhookConfig?.properties?.events;
if (webhook) Object.assign(webhook, { items: { type: 'string' } });

const ajv = new Ajv({ strict: false, allErrors: true });
ajv.addSchema({ $id: 'waha', components: description.components });

function check(schema: string, value: unknown, of: string): string[] {
  if (ajv.validate({ $ref: `waha#/components/schemas/${schema}` }, value)) return [];
  return (ajv.errors ?? []).map(({ instancePath, message }) => `${of}${instancePath}: ${message}`);
}

/** Checks a request against the description. @returns its deviations, in words */
export function checkWahaRequest({ method, operation, body }: WebRequest): string[] {
  if (operation.startsWith('/api/files/')) return [];
  const path = operation.replace(/\/lids\/[^/]+$/, '/lids/{lid}');
  const name = `${method} ${path}`;
  if (!description.paths.includes(name)) return [`${name}: is not described`];
  const schema = description.operations[name];
  if (!schema) return [];
  const known = Object.keys(description.components.schemas[schema]?.properties ?? {});
  // A field that the description does not know is a mistake of ours.
  const unknown = Object.keys(body).filter((field) => !known.includes(field));
  return [...check(schema, body, name), ...unknown.map((field) => `${name}: unknown field ${field}`)];
}

/** Checks the body of an event against the description. */
export function checkWahaEvent(body: Buffer): string[] {
  const document = JSON.parse(body.toString());
  const schema = description.events[document.event];
  return schema ? check(schema, document, document.event) : [`${document.event}: is not described`];
}
