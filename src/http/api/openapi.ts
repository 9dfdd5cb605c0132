import * as z from 'zod';
import type { ApiRoute } from './route.ts';
import { problem } from './shapes.ts';

/** The API's own description (OpenAPI 3.1), made from the shapes that check it. */
export function openApiDocument(routes: readonly ApiRoute[], appUrl: string): Record<string, unknown> {
  const schemas = {
    ...named(
      routes.map(({ body }) => body),
      'input',
    ),
    ...named([problem, ...routes.map(({ answer }) => answer)], 'output'),
  };

  const paths: Record<string, Record<string, unknown>> = {};
  for (const defined of routes) {
    const path = `/api${defined.path.replace(/:(\w+)/g, '{$1}')}`;
    paths[path] = { ...paths[path], [defined.method]: operation(defined) };
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
        operator: { type: 'http', scheme: 'bearer', description: 'ADMIN_TOKEN: reaches everything.' },
        user: { type: 'http', scheme: 'bearer', description: 'From POST /api/session: reaches its user’s location or agency.' },
      },
    },
  };
}

/** What a shape takes, or what it gives. */
type Side = 'input' | 'output';

/** The shapes that have a name, and the named items of lists. */
function named(shapes: readonly (z.ZodType | undefined)[], side: Side): Record<string, unknown> {
  const registry = z.registry<{ id: string }>();
  for (const shape of shapes.flatMap((one) => [one, itemOf(one)])) {
    const id = shape?.meta()?.id;
    if (shape && id && !registry.has(shape)) registry.add(shape, { id });
  }
  const { schemas } = z.toJSONSchema(registry, {
    io: side,
    unrepresentable: 'any',
    uri: (id) => `#/components/schemas/${id}`,
  });
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, withoutIds(schema)]));
}

function operation(defined: ApiRoute): Record<string, unknown> {
  return {
    summary: defined.summary,
    ...securityOf(defined.needs),
    parameters: [...parameters(defined.params, 'path'), ...parameters(defined.query, 'query')],
    ...(defined.body ? { requestBody: { required: true, content: json(defined.body, 'input') } } : {}),
    responses: {
      [defined.status]: { description: 'Done.', ...(defined.answer ? { content: json(defined.answer, 'output') } : {}) },
      default: { description: 'It did not work.', content: json(problem, 'output') },
    },
  };
}

/** What differs from the whole document's rule. */
function securityOf(needs: ApiRoute['needs']): Record<string, unknown> {
  if (needs === 'nothing') return { security: [] };
  return needs === 'operator' ? { security: [{ operator: [] }] } : {};
}

function parameters(shape: z.ZodObject, place: 'path' | 'query') {
  return Object.entries(shape.shape).map(([name, field]) => {
    const { description, ...schema } = withoutIds(z.toJSONSchema(field as z.ZodType, { io: 'input', unrepresentable: 'any' }));
    return { name, in: place, required: place === 'path', schema, ...(description ? { description } : {}) };
  });
}

function json(shape: z.ZodType, side: Side): Record<string, unknown> {
  return { 'application/json': { schema: schemaOf(shape, side) } };
}

/** Named shapes are referred to, so that readers and generators see one type, not copies. */
function schemaOf(shape: z.ZodType, side: Side): Record<string, unknown> {
  const id = shape.meta()?.id;
  if (id) return { $ref: `#/components/schemas/${id}` };
  const item = itemOf(shape);
  if (!item) return withoutIds(z.toJSONSchema(shape, { io: side, unrepresentable: 'any' }));
  return {
    type: 'object',
    required: ['items', 'nextCursor'],
    properties: { items: { type: 'array', items: schemaOf(item, side) }, nextCursor: { type: ['string', 'null'] } },
  };
}

/** The items' shape, if this is a page of a list. */
function itemOf(shape: z.ZodType | undefined): z.ZodType | undefined {
  if (!(shape instanceof z.ZodObject) || !('nextCursor' in shape.shape)) return undefined;
  return (shape.shape.items as z.ZodArray<z.ZodType>).element;
}

function withoutIds(schema: Record<string, unknown>): Record<string, unknown> {
  const { $id: _id, id: _name, $schema: _dialect, ...rest } = schema;
  return rest;
}
