import * as z from 'zod';
import type { ApiRoute } from './route.ts';
import { problem } from './shapes.ts';

/** The API's own description (OpenAPI 3.1), made from the shapes that check it. */
export function openApiDocument(routes: readonly ApiRoute[], appUrl: string): Record<string, unknown> {
  const registry = z.registry<{ id: string }>();
  for (const shape of [problem, ...routes.flatMap(({ body, answer }) => [body, answer])]) {
    for (const named of [shape, itemOf(shape)]) {
      const id = named?.meta()?.id;
      if (named && typeof id === 'string' && !registry.has(named)) registry.add(named, { id });
    }
  }
  const { schemas } = z.toJSONSchema(registry, {
    io: 'input',
    unrepresentable: 'any',
    uri: (id) => `#/components/schemas/${id}`,
  });

  const paths: Record<string, Record<string, unknown>> = {};
  for (const defined of routes) {
    const path = `/api${defined.path.replace(/:(\w+)/g, '{$1}')}`;
    paths[path] = { ...paths[path], [defined.method]: operation(defined) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Patchbay', version: '1', description: 'Ids of locations and HighLevel messages are HighLevel’s own.' },
    servers: [{ url: appUrl }],
    security: [{ operator: [] }],
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, withoutIds(schema)])),
      securitySchemes: { operator: { type: 'http', scheme: 'bearer' } },
    },
  };
}

function operation(defined: ApiRoute): Record<string, unknown> {
  return {
    summary: defined.summary,
    parameters: [...parameters(defined.params, 'path'), ...parameters(defined.query, 'query')],
    ...(defined.body ? { requestBody: { required: true, content: json(defined.body) } } : {}),
    responses: {
      [defined.status]: { description: 'Done.', ...(defined.answer ? { content: json(defined.answer) } : {}) },
      default: { description: 'It did not work.', content: json(problem) },
    },
  };
}

function parameters(shape: z.ZodObject, place: 'path' | 'query') {
  return Object.entries(shape.shape).map(([name, field]) => {
    const { description, ...schema } = withoutIds(z.toJSONSchema(field as z.ZodType, { io: 'input', unrepresentable: 'any' }));
    return { name, in: place, required: place === 'path', schema, ...(description ? { description } : {}) };
  });
}

function json(shape: z.ZodType): Record<string, unknown> {
  return { 'application/json': { schema: schemaOf(shape) } };
}

/** Named shapes are referred to, so that readers and generators see one type, not copies. */
function schemaOf(shape: z.ZodType): Record<string, unknown> {
  const id = shape.meta()?.id;
  if (id) return { $ref: `#/components/schemas/${id}` };
  const item = itemOf(shape);
  if (!item) return withoutIds(z.toJSONSchema(shape, { io: 'input', unrepresentable: 'any' }));
  return {
    type: 'object',
    required: ['items', 'nextCursor'],
    properties: { items: { type: 'array', items: schemaOf(item) }, nextCursor: { type: ['string', 'null'] } },
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
