import type { Request, Router } from 'express';
import * as z from 'zod';
import { AppError } from '../../core/errors.ts';

/** One address of the API: its shapes are the validation and the documentation. */
export interface ApiRoute {
  method: 'get' | 'put' | 'post' | 'delete';
  /** With Express's `:names`. */
  path: string;
  summary: string;
  params: z.ZodObject;
  query: z.ZodObject;
  body: z.ZodObject | undefined;
  /** Undefined for an answer without a body. */
  answer: z.ZodType | undefined;
  status: 200 | 202 | 204;
  handle(input: { params: never; query: never; body: never }): Promise<unknown>;
}

type Output<Shape extends z.ZodType | undefined> = Shape extends z.ZodType ? z.output<Shape> : undefined;
const nothing = z.object({});

/** Defines an address; its handler gets what the shapes have made of the request and must return what the answer's shape takes. */
export function route<
  Params extends z.ZodObject = typeof nothing,
  Query extends z.ZodObject = typeof nothing,
  Body extends z.ZodObject | undefined = undefined,
  Answer extends z.ZodType | undefined = undefined,
>(definition: {
  method: ApiRoute['method'];
  path: string;
  summary: string;
  params?: Params;
  query?: Query;
  body?: Body;
  answer?: Answer;
  status?: ApiRoute['status'];
  handle(input: {
    params: z.output<Params>;
    query: z.output<Query>;
    body: Output<Body>;
  }): Promise<Answer extends z.ZodType ? z.input<Answer> : void>;
}): ApiRoute {
  return {
    status: definition.answer ? 200 : 204,
    ...definition,
    params: definition.params ?? nothing,
    query: definition.query ?? nothing,
    body: definition.body,
    answer: definition.answer,
  } as ApiRoute;
}

/** Makes Express answer a defined address. */
export function mount(router: Router, defined: ApiRoute): void {
  router[defined.method](defined.path, async (request, response) => {
    const result = await defined.handle({
      params: parse(defined.params, request.params, 'path') as never,
      query: parse(defined.query, request.query, 'query') as never,
      body: (defined.body ? parse(defined.body, bodyOf(request), 'body') : undefined) as never,
    });
    response.status(defined.status);
    // What the shape does not name does not leave: a new column can't slip out by itself.
    if (defined.answer) response.json(defined.answer.parse(result));
    else response.end();
  });
}

function bodyOf(request: Request): unknown {
  return request.body ?? {};
}

function parse(shape: z.ZodType, input: unknown, place: string): unknown {
  const result = shape.safeParse(input);
  if (result.success) return result.data;
  const details = result.error.issues.map((issue) => `${[place, ...issue.path].join('.')}: ${issue.message}`);
  // An id that can't exist names nothing, which is what the caller needs to know.
  if (place === 'path') throw new AppError('not_found', 'There is nothing with this id.', { details });
  throw new AppError('request_invalid', 'The request does not have the expected shape.', { details });
}
