import type { Request, RequestHandler, Router } from 'express';
import * as z from 'zod';
import { AppError } from '../../core/errors.ts';
import { isStorable } from '../../core/sanitize.ts';
import type { Database } from '../../database/client.ts';
import type { Installation } from '../../installations/store.ts';
import type { Message } from '../../messages/settlement/update-messages.ts';
import { type Access, type Need, reachedByName, requireNeed } from '../access.ts';

/** One address of the API: its shapes are the validation and the documentation. */
export interface ApiRoute {
  method: 'get' | 'put' | 'post' | 'delete';
  /** With Express's `:names`. */
  path: string;
  summary: string;
  /** What its caller's token must allow. There is no default: nobody can forget to say it. */
  needs: Need;
  params: z.ZodObject;
  query: z.ZodObject;
  body: z.ZodObject | undefined;
  /** Undefined for an answer without a body. */
  answer: z.ZodType | undefined;
  status: 200 | 202 | 204;
  handle(input: { params: never; query: never; body: never } & Caller & never): Promise<unknown>;
}

/** Who asks. */
export interface Caller {
  access: Access;
  /** The address that asks. */
  from: string;
}

/** What the path names, found and reached: a handler never looks for it by a parameter. */
type Named<Params extends z.ZodObject> = ('locationId' extends keyof Params['shape'] ? { location: Installation } : unknown) &
  ('companyId' extends keyof Params['shape'] ? { company: Installation } : unknown) &
  ('id' extends keyof Params['shape'] ? { message: Message } : unknown);

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
  needs: Need;
  params?: Params;
  query?: Query;
  body?: Body;
  answer?: Answer;
  status?: ApiRoute['status'];
  handle(
    input: { params: z.output<Params>; query: z.output<Query>; body: Output<Body> } & Caller & Named<Params>,
  ): Promise<Answer extends z.ZodType ? z.input<Answer> : void>;
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

/** Makes Express answer a defined address. @param before what runs first at this address alone */
export function mount(router: Router, db: Database, defined: ApiRoute, ...before: RequestHandler[]): void {
  const finders = Object.keys(defined.params.shape).map((name) => {
    const find = reachedByName[name];
    if (!find) throw new AppError('internal', `${defined.path}: nothing says who reaches a “${name}”.`);
    return { name, find };
  });

  router[defined.method](defined.path, ...before, async (request, response) => {
    const access = accessOf(defined, response.locals.access);
    requireNeed(access, defined.needs);
    const params = parse(defined.params, request.params, 'path') as Record<string, string>;
    const query = parse(defined.query, request.query, 'query');
    const found: object = {};
    for (const { name, find } of finders) Object.assign(found, await find(db, access, params[name] as string));
    const body = defined.body ? parse(defined.body, bodyOf(request), 'body') : undefined;
    const input = { params, query, body, access, from: request.ip ?? 'unknown', ...found };
    const result = await defined.handle(input as never);
    response.status(defined.status);
    // What the shape does not name does not leave: a new column can't slip out by itself.
    if (defined.answer) response.json(defined.answer.parse(result));
    else response.end();
  });
}

/** An address that needs nothing reaches nothing: its caller is nobody. */
function accessOf(defined: ApiRoute, access: Access | undefined): Access {
  if (access) return access;
  if (defined.needs === 'nothing') return { sub: '', companyId: '', locationId: '', scope: [], jti: '', exp: 0, seenAt: 0 };
  throw new AppError('unauthorized', 'This needs a token.');
}

function bodyOf(request: Request): unknown {
  return request.body ?? {};
}

function parse(shape: z.ZodType, input: unknown, place: string): unknown {
  const result = shape.safeParse(input);
  if (result.success && isStorable(input)) return result.data;
  const details = result.success
    ? [`${place}: holds a character that can’t be stored`]
    : result.error.issues.map((issue) => `${[place, ...issue.path].join('.')}: ${issue.message}`);
  // An id that can't exist names nothing, which is what the caller needs to know.
  if (place === 'path') throw new AppError('not_found', 'There is nothing with this id.', { details });
  throw new AppError('request_invalid', 'The request does not have the expected shape.', { details });
}
