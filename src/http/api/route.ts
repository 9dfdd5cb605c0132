import type { Request, RequestHandler, Router } from 'express';
import * as z from 'zod';
import { AppError } from '../../core/errors.ts';
import { isStorable } from '../../core/sanitize.ts';
import type { Database } from '../../database/client.ts';
import type { Installation } from '../../installations/store.ts';
import type { Message } from '../../messages/model/message.ts';
import { type Access, type Permission, pathResolvers, requirePermission } from '../auth/access.ts';

/** One address of the API: its shapes are the validation and the documentation. */
export interface ApiRoute {
  method: 'get' | 'put' | 'post' | 'delete';
  /** With Express's `:names`. */
  path: string;
  summary: string;
  /** What its caller's token must allow. There is no default: nobody can forget to say it. */
  permission: Permission;
  params: z.ZodObject;
  query: z.ZodObject;
  body: z.ZodObject | undefined;
  /** Undefined for an answer without a body. */
  response: z.ZodType | undefined;
  status: 200 | 202 | 204;
  handle(input: { params: never; query: never; body: never } & Caller & never): Promise<unknown>;
}

/** Who asks. */
export interface Caller {
  access: Access;
  /** The address that asks. */
  ipAddress: string;
}

/** What the path names, found and reached: a handler never looks for it by a parameter. */
type Named<Params extends z.ZodObject> = ('locationId' extends keyof Params['shape'] ? { location: Installation } : unknown) &
  ('companyId' extends keyof Params['shape'] ? { company: Installation } : unknown) &
  ('id' extends keyof Params['shape'] ? { message: Message } : unknown);

type Output<Schema extends z.ZodType | undefined> = Schema extends z.ZodType ? z.output<Schema> : undefined;
const noFields = z.object({});

/** Defines an address; its handler gets what the shapes have made of the request and must return what the answer's shape takes. */
export function defineRoute<
  Params extends z.ZodObject = typeof noFields,
  Query extends z.ZodObject = typeof noFields,
  Body extends z.ZodObject | undefined = undefined,
  Response extends z.ZodType | undefined = undefined,
>(definition: {
  method: ApiRoute['method'];
  path: string;
  summary: string;
  permission: Permission;
  params?: Params;
  query?: Query;
  body?: Body;
  response?: Response;
  status?: ApiRoute['status'];
  handle(
    input: { params: z.output<Params>; query: z.output<Query>; body: Output<Body> } & Caller & Named<Params>,
  ): Promise<Response extends z.ZodType ? z.input<Response> : void>;
}): ApiRoute {
  return {
    status: definition.response ? 200 : 204,
    ...definition,
    params: definition.params ?? noFields,
    query: definition.query ?? noFields,
    body: definition.body,
    response: definition.response,
  } as ApiRoute;
}

/** Makes Express answer a defined address. @param before what runs first at this address alone */
export function mountRoute(router: Router, db: Database, defined: ApiRoute, ...before: RequestHandler[]): void {
  const finders = Object.keys(defined.params.shape).map((name) => {
    const find = pathResolvers[name];
    if (!find) throw new AppError('internal', `${defined.path}: nothing says who reaches a “${name}”.`);
    return { name, find };
  });

  router[defined.method](defined.path, ...before, async (request, response) => {
    const access = getAccess(defined, response.locals.access);
    requirePermission(access, defined.permission);
    const params = parseInput(defined.params, request.params, 'path') as Record<string, string>;
    const query = parseInput(defined.query, request.query, 'query');
    const found: object = {};
    for (const { name, find } of finders) Object.assign(found, await find(db, access, params[name] as string));
    const body = defined.body ? parseInput(defined.body, getBody(request), 'body') : undefined;
    const input = { params, query, body, access, ipAddress: request.ip ?? 'unknown', ...found };
    const result = await defined.handle(input as never);
    response.status(defined.status);
    // What the shape does not name does not leave: a new column can't slip out by itself.
    if (defined.response) response.json(defined.response.parse(result));
    else response.end();
  });
}

/** An address that needs nothing reaches nothing: its caller is nobody. */
function getAccess(defined: ApiRoute, access: Access | undefined): Access {
  if (access) return access;
  if (defined.permission === 'none') return { sub: '', companyId: '', locationId: '', scope: [], jti: '', exp: 0, seenAt: 0 };
  throw new AppError('unauthorized', 'This needs a token.');
}

function getBody(request: Request): unknown {
  return request.body ?? {};
}

function parseInput(schema: z.ZodType, input: unknown, part: string): unknown {
  const result = schema.safeParse(input);
  if (result.success && isStorable(input)) return result.data;
  const details = result.success
    ? [`${part}: holds a character that can’t be stored`]
    : result.error.issues.map((issue) => `${[part, ...issue.path].join('.')}: ${issue.message}`);
  // An id that can't exist names nothing, which is what the caller needs to know.
  if (part === 'path') throw new AppError('not_found', 'There is nothing with this id.', { details });
  throw new AppError('request_invalid', 'The request does not have the expected shape.', { details });
}
