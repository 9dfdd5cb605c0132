import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import type { ApiCall } from '../../src/sandbox/vendors/twilio/api.ts';

interface Parameter {
  name: string;
  in: 'path' | 'query';
  schema: { type: string; pattern?: string; format?: string };
}

interface Operation {
  parameters?: Parameter[];
  requestBody?: { content: Record<string, { schema: { required?: string[]; properties: Record<string, { type?: string }> } }> };
  responses: Record<string, { content?: Record<string, { schema: object }> }>;
}

/** Twilio's own description of the operations that the channel uses, without texts. */
const description: { paths: Record<string, Record<string, Operation>>; components: { schemas: Record<string, object> } } =
  JSON.parse(readFileSync(resolve(import.meta.dirname, '../fixtures/twilio-openapi.json'), 'utf8'));

const formType = 'application/x-www-form-urlencoded';

/** Paths of the newer APIs, which the description of 2010 does not have. */
const newerPath = /^\/v[12]\/(Services|Channels)\b/;

/** Twilio's text asks for a day where the schema says date and time; and an empty address clears one. */
const dayParameters = new Set(['DateSent', 'DateSent<', 'DateSent>']);
const clearable = new Set(['SmsUrl']);

function createAjv(): Ajv {
  // Of the formats, the library knows `uri`, `date-time` and `int64`; Twilio's own ones have no rule.
  const ajv = new Ajv({ strict: false, allErrors: true, coerceTypes: true, logger: false });
  formats.default(ajv);
  ajv.addSchema({ $id: 'twilio', components: description.components });
  return ajv;
}

const ajv = createAjv();

function validate(schema: object, value: unknown, name: string): string[] {
  // A reference in the file is one into the file.
  const absolute = JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"twilio#/components'));
  return ajv.validate(absolute, value)
    ? []
    : (ajv.errors ?? []).map((error) => `${name}${error.instancePath} ${error.message}`);
}

function findOperation(method: string, path: string): { operation: Operation; values: Map<string, string> } | null {
  // Fixed names come before parameters, as in `Messages.json` and `Messages/{Sid}.json`.
  for (const [template, operations] of Object.entries(description.paths)) {
    const names = [...template.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
    const match = new RegExp(`^${template.replaceAll('.', '\\.').replace(/\{\w+\}/g, '([^/]+?)')}$`).exec(path);
    const operation = operations[method.toLowerCase()];
    if (match && operation) return { operation, values: new Map(names.map((name, index) => [name, match[index + 1] ?? ''])) };
  }
  return null;
}

/** Checks a request against Twilio's description. @returns what is wrong with it */
export function checkCall(call: ApiCall): string[] {
  const name = `${call.method} ${call.path}`;
  if (newerPath.test(call.path) || /\/Media\/ME/.test(call.path)) return [];
  const found = findOperation(call.method, call.path);
  if (!found) return [`${name}: no such operation`];
  const { operation, values } = found;
  const parameters = operation.parameters ?? [];
  const inPath = parameters.filter((one) => one.in === 'path');
  const inQuery = new Map(parameters.filter((one) => one.in === 'query').map((one) => [one.name, one.schema]));
  const problems = inPath.flatMap((one) => validate(one.schema, values.get(one.name), `${name} {${one.name}}`));
  for (const [field, value] of call.query) {
    const schema = inQuery.get(field);
    if (!schema) problems.push(`${name}: unknown parameter ${field}`);
    else
      problems.push(...validate(dayParameters.has(field) ? { ...schema, format: 'date' } : schema, value, `${name}?${field}`));
  }
  const body = operation.requestBody?.content[formType]?.schema;
  if (call.method === 'POST' && call.contentType !== formType) problems.push(`${name}: the type ${call.contentType}`);
  if (body) problems.push(...checkForm(name, body, call.form));
  return problems;
}

function checkForm(name: string, schema: { properties: Record<string, { type?: string }> }, form: URLSearchParams): string[] {
  const problems: string[] = [];
  const value: Record<string, unknown> = {};
  for (const field of new Set(form.keys())) {
    const values = form.getAll(field);
    const isList = schema.properties[field]?.type === 'array';
    if (!(field in schema.properties)) problems.push(`${name}: unknown field ${field}`);
    if (!isList && values.length > 1) problems.push(`${name}: ${field} is repeated`);
    if (!(clearable.has(field) && values[0] === '')) value[field] = isList ? values : values[0];
  }
  return [...problems, ...validate(schema, value, name)];
}

/** Checks a response of the simulator against Twilio's description. */
export function checkResponse(method: string, path: string, status: number, body: unknown): string[] {
  const schema = findOperation(method, path)?.operation.responses[String(status)]?.content?.['application/json']?.schema;
  // Twilio's own examples have paths where the schema says address.
  const withPaths = JSON.parse(JSON.stringify(schema ?? {}).replaceAll('"format":"uri"', '"format":"uri-reference"'));
  return schema ? validate(withPaths, body, `${method} ${path} ${status}`) : [`${method} ${path} ${status}: not described`];
}
