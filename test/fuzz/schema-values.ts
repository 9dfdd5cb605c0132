import fc from 'fast-check';
import { createValidOrOdd, oddJson, oddText } from './inputs.ts';

/** JSON Schema, as far as the values of the API's bodies and of the pages' forms need it. */
export interface JsonSchema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  format?: string;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  allOf?: JsonSchema[];
}

/** Values of fields by their names: what exists in the world, and what is likely to be accepted. */
export type KnownValues = Readonly<Record<string, readonly string[]>>;

interface Draw {
  known: KnownValues;
  schemas: Readonly<Record<string, JsonSchema>>;
}

const maxDepth = 5;

/** Draws values of a schema, each with an odd value or a missing field here and there. */
export function drawValues(draw: Draw, schema: JsonSchema, name = '', depth = 0): fc.Arbitrary<unknown> {
  const valid = drawValid(draw, schema, name, depth);
  // Where half of the fields are odd, no request gets past the first check.
  return fc.oneof({ arbitrary: valid, weight: depth === 0 ? 12 : 8 }, { arbitrary: oddJson, weight: 1 });
}

function drawValid(draw: Draw, schema: JsonSchema, name: string, depth: number): fc.Arbitrary<unknown> {
  if (depth > maxDepth) return oddJson;
  const named = schema.$ref?.match(/^#\/(?:components\/schemas|\$defs)\/(.+)$/)?.[1];
  if (named) return drawValid(draw, draw.schemas[named] ?? {}, name, depth + 1);
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  const choices = schema.anyOf ?? schema.oneOf ?? schema.allOf;
  if (choices) return fc.oneof(...choices.map((choice) => drawValid(draw, choice, name, depth + 1)));
  switch (Array.isArray(schema.type) ? schema.type[0] : schema.type) {
    case 'object':
      return drawObject(draw, schema, depth);
    case 'array':
      return fc.array(drawValues(draw, schema.items ?? {}, name, depth + 1), { maxLength: 3 });
    case 'integer':
    case 'number':
      return fc.constantFrom(0, 1, 5, 60, 465, -1, 1.5, 1e15);
    case 'boolean':
      return fc.boolean();
    case 'string':
      return createValidOrOdd(draw.known[name] ?? ['hi'], 8);
    default:
      return fc.oneof(createValidOrOdd(draw.known[name] ?? ['hi']), oddJson);
  }
}

function drawObject(draw: Draw, { properties = {}, required = [] }: JsonSchema, depth: number): fc.Arbitrary<unknown> {
  const fields = Object.entries(properties).map(([name, schema]): [string, fc.Arbitrary<unknown>] => [
    name,
    drawValues(draw, schema, name, depth + 1),
  ]);
  const isFree = fields.length === 0;
  if (isFree) return fc.dictionary(fc.constantFrom(...Object.keys(draw.known)), createKnown(draw), { maxKeys: 4 });
  return fc.oneof(
    { arbitrary: fc.record(Object.fromEntries(fields), { requiredKeys: required }), weight: 8 },
    { arbitrary: fc.record(Object.fromEntries(fields), { requiredKeys: [] }), weight: 1 },
  );
}

function createKnown({ known }: Draw): fc.Arbitrary<unknown> {
  return fc.oneof(createValidOrOdd(Object.values(known).flat()), oddText);
}
