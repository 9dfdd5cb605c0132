import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { WebRequest } from '../../src/sandbox/vendors/evolution.ts';

interface Fields {
  required: Record<string, string>;
  optional: Record<string, string>;
}

/** Fields that the server's own schemas have (source and commit in the file). */
const description: { requests: Record<string, Fields>; webhook: Fields; events: string[] } = JSON.parse(
  readFileSync(resolve(import.meta.dirname, '../fixtures/evolution-fields.json'), 'utf8'),
);

function check({ required, optional }: Fields, value: Record<string, unknown>, of: string): string[] {
  const types = { ...required, ...optional };
  return [
    ...Object.keys(required).flatMap((name) => (value[name] === undefined ? [`${of}: ${name} is missing`] : [])),
    ...Object.entries(value).flatMap(([name, field]) => {
      if (!(name in types)) return [`${of}: unknown field ${name}`];
      return types[name] === typeof field ? [] : [`${of}: ${name} is no ${types[name]}`];
    }),
  ];
}

/** Checks a request against the fields of the server's schemas. @returns its deviations, in words */
export function checkEvolutionRequest({ method, operation, body }: WebRequest): string[] {
  const name = `${method} ${operation}`;
  const fields = description.requests[name];
  if (!fields) return [`${name}: is not described`];
  const webhook = body.webhook as Record<string, unknown> | undefined;
  const events = (webhook?.events ?? []) as string[];
  return [
    ...check(fields, body, name),
    ...(webhook ? check(description.webhook, webhook, name) : []),
    ...events.filter((event) => !description.events.includes(event)).map((event) => `${name}: unknown event ${event}`),
  ];
}
