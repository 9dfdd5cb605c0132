import type { Request, RequestHandler, Router } from 'express';
import * as z from 'zod';
import type { ApiScope } from '../../core/api-token.ts';
import { AppError } from '../../core/errors.ts';
import { isStorable } from '../../core/sanitize.ts';
import type { Database } from '../../database/client.ts';
import type { TokenAccess } from '../../installations/api-tokens.ts';
import type { Installation } from '../../installations/store.ts';
import type { Message } from '../../messages/model/message.ts';
import {
  type Access,
  type ApiAccess,
  type Permission,
  pathResolvers,
  requirePermission,
  requireScope,
  type VisibleConnection,
} from '../auth/access.ts';
import { readCsvBody } from '../csv.ts';
import { type DownloadFile, sendDownload } from '../download.ts';

/** An endpoint of the API. Its schemas validate requests and document them. */
export interface ApiRoute {
  method: 'get' | 'put' | 'post' | 'delete';
  /** With Express's `:names`. */
  path: string;
  summary: string;
  /** Permission that the caller's token must have. Required, so that no route is open by omission. */
  permission: Permission;
  /** Scope that an API token must have; null where none is accepted. Required for the same reason. */
  scope: ApiScope | null;
  params: z.ZodObject;
  query: z.ZodObject;
  body: z.ZodObject | undefined;
  /** The request's body is a CSV file, described for readers. */
  csvBody: string | undefined;
  /** Undefined for a response without a body. */
  response: z.ZodType | undefined;
  /** The response is a file, described for readers. */
  download: (Pick<DownloadFile, 'type'> & { description: string }) | undefined;
  status: 200 | 202 | 204;
  /** Validates a request, resolves what its path names, and calls the handler. @param access undefined for an open route without a token */
  handle(db: Database, request: Request, access: ApiAccess | undefined): Promise<unknown>;
}

/** The caller of a route that needs a token. */
export interface Caller<Scope extends ApiScope | null = ApiScope> {
  access: Scope extends null ? Access : ApiAccess;
  /** IP address of the caller. */
  ipAddress: string;
}

/** The caller of an open route: it has no access, so a handler cannot use any. */
export type AnonymousCaller = Pick<Caller, 'ipAddress'>;

/** Rows that the path names, resolved with the caller's access: a handler never looks them up by a parameter. */
type Named<Params extends z.ZodObject> = ('locationId' extends keyof Params['shape'] ? { location: Installation } : unknown) &
  ('connectionId' extends keyof Params['shape'] ? { connection: VisibleConnection } : unknown) &
  ('companyId' extends keyof Params['shape'] ? { company: Installation } : unknown) &
  ('id' extends keyof Params['shape'] ? { message: Message } : unknown);

/** The text of a CSV body; empty for other routes. */
interface CsvInput {
  csv: AsyncIterable<string>;
}

type Output<Schema extends z.ZodType | undefined> = Schema extends z.ZodType ? z.output<Schema> : undefined;
const noFields = z.object({});

/** Defines an endpoint. Its handler gets the parsed request and returns what the response's schema accepts. */
export function defineRoute<
  P extends Permission,
  Scope extends ApiScope | null,
  Params extends z.ZodObject = typeof noFields,
  Query extends z.ZodObject = typeof noFields,
  Body extends z.ZodObject | undefined = undefined,
  Response extends z.ZodType | undefined = undefined,
>(definition: {
  method: ApiRoute['method'];
  path: string;
  summary: string;
  permission: P;
  scope: Scope;
  params?: Params;
  query?: Query;
  body?: Body;
  response?: Response;
  csvBody?: string;
  download?: ApiRoute['download'];
  status?: ApiRoute['status'];
  handle(
    input: { params: z.output<Params>; query: z.output<Query>; body: Output<Body> } & CsvInput &
      (P extends 'none' ? AnonymousCaller : Caller<Scope> & Named<Params>),
  ): Promise<Response extends z.ZodType ? z.input<Response> : void> | DownloadFile;
}): ApiRoute {
  const { method, path, summary, permission, scope, body, csvBody, response, download } = definition;
  const params: z.ZodObject = definition.params ?? noFields;
  const query: z.ZodObject = definition.query ?? noFields;
  const resolvers = Object.keys(params.shape).map((name) => {
    const resolve = pathResolvers[name];
    if (!resolve) throw new AppError('internal', `${path}: no path resolver for “${name}”.`);
    return { name, resolve };
  });
  return {
    method,
    path,
    summary,
    permission,
    scope,
    params,
    query,
    body,
    csvBody,
    response,
    download,
    status: definition.status ?? (response || download ? 200 : 204),
    async handle(db, request, access) {
      const values = parseInput(params, request.params, 'path') as Record<string, string>;
      const parsed = { params: values, query: parseInput(query, withoutEmpty(request.query), 'query') };
      const named: object = {};
      for (const { name, resolve } of access ? resolvers : []) {
        Object.assign(named, await resolve(db, access as ApiAccess, values[name] as string));
      }
      const input = {
        ...parsed,
        ...named,
        body: body ? parseInput(body, getBody(request), 'body') : undefined,
        ...(csvBody ? { csv: readCsvBody(request) } : {}),
        ipAddress: request.ip ?? 'unknown',
        access,
      };
      // The schemas and resolvers above have made each member: types of what they return end at zod.
      return definition.handle(input as unknown as Parameters<typeof definition.handle>[0]);
    },
  };
}

/** Mounts a defined endpoint. @param before middleware of this endpoint alone */
export function mountRoute(router: Router, db: Database, defined: ApiRoute, ...before: RequestHandler[]): void {
  router[defined.method](defined.path, ...before, async (request, response) => {
    const result = await defined.handle(db, request, requireAccess(defined, response.locals));
    response.status(defined.status);
    if (defined.download) return sendDownload(response, result as DownloadFile);
    // The schema drops fields that it does not name, so that a new column is never disclosed by accident.
    if (defined.response) response.json(defined.response.parse(result));
    else response.end();
  });
}

/** Returns the caller's access. @returns undefined for an open route. @throws AppError `unauthorized`, `forbidden` */
function requireAccess(
  { permission, scope }: ApiRoute,
  { access, apiToken }: { access?: Access; apiToken?: TokenAccess },
): ApiAccess | undefined {
  if (permission === 'none') return undefined;
  if (apiToken) {
    requireScope(apiToken, scope);
    return apiToken;
  }
  if (!access) throw new AppError('unauthorized', 'This endpoint requires a token.');
  requirePermission(access, permission);
  return access;
}

/** Leaves out parameters without a value, as a form or a template of an address sends those that are not used. */
function withoutEmpty(query: Request['query']): Request['query'] {
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== ''));
}

/** @throws AppError `media_type_unsupported`: without its body, the request would be another one */
function getBody(request: Request): unknown {
  if (request.body !== undefined) return request.body;
  const { 'content-length': length = '0', 'transfer-encoding': encoding } = request.headers;
  if (length === '0' && encoding === undefined) return {};
  throw new AppError('media_type_unsupported', 'The body must be JSON, with the content type application/json.');
}

function parseInput(schema: z.ZodType, input: unknown, part: string): unknown {
  const result = schema.safeParse(input);
  if (result.success && isStorable(input)) return result.data;
  const details = result.success
    ? [`${part}: holds a character that cannot be stored`]
    : result.error.issues.map((issue) => `${[part, ...issue.path].join('.')}: ${issue.message}`);
  // An id of an impossible form is reported like an id that does not exist.
  if (part === 'path') throw new AppError('not_found', 'No object has this id.', { details });
  throw new AppError('request_invalid', 'The request does not match the schema.', { details });
}
