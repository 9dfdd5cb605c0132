type Schema = Readonly<Record<string, unknown>>;

interface Operation {
  summary: string;
  security?: readonly Record<string, readonly string[]>[];
  parameters: readonly { name: string; in: 'path' | 'query'; required: boolean; schema: Schema; description?: string }[];
  requestBody?: { content: Record<string, { schema: Schema }> };
  responses: Record<string, { content?: Record<string, { schema: Schema }> }>;
}

const head = `// Generated from the API's description by \`npm run client\`. Changes here are lost.

`;
const refPrefix = '#/components/schemas/';

/** Builds the types of the TypeScript client from the API's description (OpenAPI): one type a schema, and one map of all operations. */
export function buildClientTypes(description: Record<string, unknown>): string {
  const { components, paths } = description as {
    components: { schemas: Record<string, Schema> };
    paths: Record<string, Record<string, Operation>>;
  };
  const types = Object.entries(components.schemas)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, schema]) => `export type ${name} = ${toType(schema, '')};\n`);
  const operations = Object.entries(paths).flatMap(([path, byMethod]) =>
    Object.entries(byMethod).map(([method, operation]) => buildOperation(path, method, operation)),
  );
  return `${head}${types.join('\n')}
/** Every operation, by its method and path: what it takes and what it returns. */
export interface Operations {
${operations.join('\n')}
}
`;
}

function buildOperation(path: string, method: string, operation: Operation): string {
  const ofKind = (kind: string) => operation.parameters.filter((parameter) => parameter.in === kind);
  const scope = operation.security?.find(({ token }) => token)?.token?.[0];
  const note = scope ? ` (scope ${scope})` : '';
  const response = Object.entries(operation.responses).find(([status]) => status !== 'default')?.[1];
  return [
    `  /** ${operation.summary}${note}. */`,
    `  '${method.toUpperCase()} ${path}': {`,
    `    path: ${toParameterType(ofKind('path'))};`,
    `    query: ${toParameterType(ofKind('query'))};`,
    `    body: ${toContentType(operation.requestBody?.content)};`,
    `    response: ${toContentType(response?.content)};`,
    '  };',
  ].join('\n');
}

function toParameterType(parameters: Operation['parameters']): string {
  if (parameters.length === 0) return 'Record<never, never>';
  const fields = parameters.map(({ name, required, schema }) => `${name}${required ? '' : '?'}: ${toType(schema, '    ')}`);
  return `{ ${fields.join('; ')} }`;
}

/** A CSV body or response is a text. */
function toContentType(content: Record<string, { schema: Schema }> | undefined): string {
  if (!content) return 'undefined';
  const json = content['application/json'];
  return json ? toType(json.schema, '    ') : 'string';
}

/** Converts a JSON schema to a type. Constraints that types cannot say, such as lengths, are left to the API. */
function toType(schema: Schema, indent: string): string {
  const { $ref, type, enum: values, items, properties, required, additionalProperties } = schema;
  if (typeof $ref === 'string') return $ref.startsWith(refPrefix) ? $ref.slice(refPrefix.length) : 'unknown';
  if ('const' in schema) return JSON.stringify(schema.const);
  if (Array.isArray(values)) return values.map((value) => JSON.stringify(value)).join(' | ');
  const parts = (schema.anyOf ?? schema.oneOf) as Schema[] | undefined;
  if (parts) return [...new Set(parts.map((part) => toType(part, indent)))].join(' | ');
  if (schema.allOf) return (schema.allOf as Schema[]).map((part) => `(${toType(part, indent)})`).join(' & ');
  if (Array.isArray(type)) return type.map((one) => toType({ ...schema, type: one }, indent)).join(' | ');
  switch (type) {
    case 'string':
    case 'boolean':
    case 'null':
      return type;
    case 'number':
    case 'integer':
      return 'number';
    case 'array':
      return `Array<${items ? toType(items as Schema, indent) : 'unknown'}>`;
    case 'object':
      return properties
        ? toObjectType(properties as Record<string, Schema>, (required ?? []) as string[], indent)
        : `Record<string, ${isSchema(additionalProperties) ? toType(additionalProperties, indent) : 'unknown'}>`;
    default:
      return 'unknown';
  }
}

function toObjectType(properties: Record<string, Schema>, required: readonly string[], indent: string): string {
  const inner = `${indent}  `;
  const fields = Object.entries(properties).map(([name, schema]) => {
    const key = /^[A-Za-z_]\w*$/.test(name) ? name : JSON.stringify(name);
    const note =
      typeof schema.description === 'string' ? `${inner}/** ${schema.description.replaceAll('*/', '*\\/')} */\n` : '';
    return `${note}${inner}${key}${required.includes(name) ? '' : '?'}: ${toType(schema, inner)};`;
  });
  return fields.length === 0 ? 'Record<never, never>' : `{\n${fields.join('\n')}\n${indent}}`;
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0;
}
