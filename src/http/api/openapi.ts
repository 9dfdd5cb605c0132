import * as z from 'zod';
import type { ApiRoute } from './route.ts';
import { problem } from './schemas.ts';

/** Builds the API's description (OpenAPI 3.1) from the schemas that validate it. */
export function buildOpenApiDocument(routes: readonly ApiRoute[], appUrl: string): Record<string, unknown> {
  const schemas = {
    ...toNamedSchemas(
      routes.map(({ body }) => body),
      'input',
    ),
    ...toNamedSchemas([problem, ...routes.map(({ response }) => response)], 'output'),
  };

  const paths: Record<string, Record<string, unknown>> = {};
  for (const defined of routes) {
    const path = `/api${defined.path.replace(/:(\w+)/g, '{$1}')}`;
    paths[path] = { ...paths[path], [defined.method]: toOperation(defined) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Patchbay', version: '1', description: 'Ids of locations and HighLevel messages are HighLevel’s own.' },
    servers: [{ url: appUrl }],
    security: [{ operator: [] }, { user: [] }],
    paths,
    components: {
      schemas,
      securitySchemes: {
        operator: { type: 'http', scheme: 'bearer', description: 'ADMIN_TOKEN: all endpoints, all tenants.' },
        user: { type: 'http', scheme: 'bearer', description: 'From POST /api/session: the user’s location or agency.' },
        token: {
          type: 'http',
          scheme: 'bearer',
          description: 'API token of one location, with the scopes that the operation names.',
        },
      },
    },
  };
}

/** Input or output side of a schema. */
type SchemaSide = 'input' | 'output';

/** Collects the schemas that have a name, and the named items of lists. */
function toNamedSchemas(shapes: readonly (z.ZodType | undefined)[], side: SchemaSide): Record<string, unknown> {
  const registry = z.registry<{ id: string }>();
  for (const shape of shapes.flatMap((one) => [one, findItemSchema(one)])) {
    const id = shape?.meta()?.id;
    if (shape && id && !registry.has(shape)) registry.add(shape, { id });
  }
  const { schemas } = z.toJSONSchema(registry, {
    io: side,
    unrepresentable: 'any',
    uri: (id) => `#/components/schemas/${id}`,
  });
  return hoistShared(Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, withoutIds(schema)])));
}

/** Moves named schemas that only occur inside others to the rest: their references would not resolve in an OpenAPI document. */
function hoistShared({ __shared: shared, ...schemas }: Record<string, unknown>): Record<string, unknown> {
  const { $defs = {} } = (shared ?? {}) as { $defs?: Record<string, Record<string, unknown>> };
  const inner = Object.fromEntries(Object.entries($defs).map(([name, schema]) => [name, withoutIds(schema)]));
  const text = JSON.stringify({ ...schemas, ...inner });
  return JSON.parse(text.replaceAll('#/components/schemas/__shared#/$defs/', '#/components/schemas/'));
}

function toOperation(defined: ApiRoute): Record<string, unknown> {
  return {
    summary: defined.summary,
    ...toSecurity(defined),
    parameters: [...toParameters(defined.params, 'path'), ...toParameters(defined.query, 'query')],
    ...(defined.body ? { requestBody: { required: true, content: toJsonContent(defined.body, 'input') } } : {}),
    ...(defined.csvBody
      ? { requestBody: { required: true, content: toFileContent({ type: 'text/csv', description: defined.csvBody }) } }
      : {}),
    responses: {
      [defined.status]: {
        description: 'Success',
        ...(defined.response ? { content: toJsonContent(defined.response, 'output') } : {}),
        ...(defined.download ? { content: toFileContent(defined.download) } : {}),
      },
      default: { description: 'Error', content: toJsonContent(problem, 'output') },
    },
  };
}

/** Returns the security of an operation where it differs from the document's default. */
function toSecurity({ permission, scope }: ApiRoute): Record<string, unknown> {
  if (permission === 'none') return { security: [] };
  if (permission === 'operator') return { security: [{ operator: [] }] };
  return scope ? { security: [{ operator: [] }, { user: [] }, { token: [scope] }] } : {};
}

function toParameters(shape: z.ZodObject, location: 'path' | 'query') {
  return Object.entries(shape.shape).map(([name, field]) => {
    const { description, ...schema } = withoutIds(z.toJSONSchema(field as z.ZodType, { io: 'input', unrepresentable: 'any' }));
    return { name, in: location, required: location === 'path', schema, ...(description ? { description } : {}) };
  });
}

function toJsonContent(shape: z.ZodType, side: SchemaSide): Record<string, unknown> {
  return { 'application/json': { schema: toSchema(shape, side) } };
}

function toFileContent({ type, description }: NonNullable<ApiRoute['download']>): Record<string, unknown> {
  return { [type]: { schema: { type: type === 'application/json' ? 'object' : 'string', description } } };
}

/** Converts a schema. A named one becomes a reference, so that readers and generators see one type instead of copies. */
function toSchema(shape: z.ZodType, side: SchemaSide): Record<string, unknown> {
  const id = shape.meta()?.id;
  if (id) return { $ref: `#/components/schemas/${id}` };
  const item = findItemSchema(shape);
  if (!item) return withoutIds(z.toJSONSchema(shape, { io: side, unrepresentable: 'any' }));
  return {
    type: 'object',
    required: ['items', 'nextCursor'],
    properties: { items: { type: 'array', items: toSchema(item, side) }, nextCursor: { type: ['string', 'null'] } },
  };
}

/** Returns the schema of the items of a list page. @returns undefined for other schemas */
function findItemSchema(shape: z.ZodType | undefined): z.ZodType | undefined {
  if (!(shape instanceof z.ZodObject) || !('nextCursor' in shape.shape)) return undefined;
  return (shape.shape.items as z.ZodArray<z.ZodType>).element;
}

function withoutIds(schema: Record<string, unknown>): Record<string, unknown> {
  const { $id: _id, id: _name, $schema: _dialect, ...rest } = schema;
  return rest;
}
