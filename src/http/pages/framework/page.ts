import * as z from 'zod';
import type { Installation } from '../../../installations/store.ts';
import type { Message } from '../../../messages/model/message.ts';
import type { Access, Permission, VisibleConnection } from '../../auth/access.ts';
import type { DownloadFile } from '../../download.ts';
import type { Text } from './texts.ts';

/** The kind of caller: a location's user, an agency's user, or the operator. */
export type Viewer = 'location' | 'agency' | 'operator';

/** The part of a request that pages see. It does not say whether the page is shown in the CRM or in the operator's pages. */
export interface PageInput {
  access: Access;
  viewer: Viewer;
  /** Decides whether to show an action to the viewer; running it checks the permission again. */
  can(permission: Permission): boolean;
  text: Text;
  /**
   * Builds a link to a page. A path is relative to the current location; a leading `/` makes it absolute.
   * Undefined and empty parameters are left out.
   */
  url(path: string, query?: LinkQuery): string;
  /** The caller's IP address. */
  clientAddress: string;
}

/** The input of a page with the records that its path names: the router loads those that `definePage` promises to the page. */
export type ResolvedInput = PageInput & {
  query: Record<string, unknown>;
  location?: Installation;
  message?: Message;
  providerKey?: string;
  connection?: VisibleConnection;
};

export type LinkQuery = Record<string, string | number | undefined>;

/** The title of a page and the data for its view. */
export interface PageModel {
  title: string;
  [name: string]: unknown;
}

/** The result of an action. Without `redirectTo` the page is shown again. */
export interface ActionResult {
  /** A link made by `url`. */
  redirectTo?: string;
  /** A message that is shown once. */
  notice?: string;
  /** The changed location, for the page that is shown again. */
  location?: Installation;
  /** Extra data for the view. */
  viewData?: Record<string, unknown>;
  /** Inputs that replace submitted ones where the form is shown again. */
  values?: Record<string, string>;
  /** Errors by field that only the action could detect. The form is shown again. */
  errors?: Record<string, string>;
}

/** The submitted values of a form and their errors, for showing it again. */
export interface FormState {
  do: string;
  values: Record<string, unknown>;
  /** Messages by field. */
  errors: Record<string, string>;
}

/** A page as the router uses it. */
export interface Page {
  path: string;
  scope: 'location' | 'account';
  viewers: readonly Viewer[];
  view: string;
  permission: Permission;
  nav: Nav | undefined;
  query: z.ZodObject;
  show(input: ResolvedInput): Promise<PageModel>;
  version: ((input: ResolvedInput) => Promise<string>) | undefined;
  download: ((input: ResolvedInput) => DownloadFile) | undefined;
  actions: Record<string, PageAction>;
}

/** A number beside a link. `text`: the key of a text with `count`, for screen readers. */
export interface NavCount {
  text: string;
  count(options: { access: Access; location?: Installation | undefined }): Promise<number>;
}

interface Nav {
  /** The key of its text. */
  text: string;
  order: number;
  /** Its link is on the page of settings instead of in the navigation. */
  isInSettings?: boolean;
  /** The number of items that need attention; zero is not shown. */
  count?: NavCount;
}

export interface PageAction {
  permission: Permission;
  body: z.ZodType;
  run(input: ResolvedInput & { body: unknown }): Promise<ActionResult>;
}

/** Makes a field optional; an empty string counts as absent, as browsers submit empty fields. */
export function optionalField<Schema extends z.ZodType>(schema: Schema) {
  return z.preprocess((value) => (value === '' ? undefined : value), schema.optional()).optional();
}

type Input<Scope, Path extends string, Query extends z.ZodType> = PageInput & {
  query: z.output<Query>;
} & (Scope extends 'location' ? { location: Installation } : unknown) &
  (Path extends `${string}:id${string}` ? { message: Message } : unknown) &
  (Path extends `${string}:providerKey${string}` ? { providerKey: string; connection?: VisibleConnection } : unknown);

/**
 * Defines a page. The router loads the records that its path names, and checks that the caller can see them, before it calls the page.
 *
 * @param definition `path`: the page's path, with `:id` for a message, `:providerKey` for one of the app's providers, and
 * `:connectionId` for one of the location's connections for that provider.
 * `scope`: one `location` (an agency and the operator find it under `locations/<id>/`), or the caller's whole `account`.
 * `view`: its file in views/pages. `version`: a cheap value that changes whenever the page's content does.
 * `nav`: its place in the navigation or on the page of settings, if it has one. `download`: a file, at `<path>/download` with the page's own query.
 */
export function definePage<Scope extends 'location' | 'account', Path extends string, Query extends z.ZodObject>(definition: {
  path: Path;
  scope: Scope;
  viewers: readonly Viewer[];
  view: string;
  permission?: Permission;
  nav?: Nav;
  query: Query;
  show(input: Input<Scope, Path, Query>): Promise<PageModel>;
  version?(input: Input<Scope, Path, Query>): Promise<string>;
  download?(input: Input<Scope, Path, Query>): DownloadFile;
  actions?: Record<string, PageAction | ReturnType<typeof defineAction>>;
}): Page {
  return {
    permission: 'read',
    nav: undefined,
    version: undefined,
    download: undefined,
    actions: {},
    ...definition,
  } as Page;
}

/** Defines the action of a page's forms with this `do`. Invalid fields are reported at the fields. */
export function defineAction<Body extends z.ZodType>(definition: {
  permission: Permission;
  body: Body;
  run(
    input: PageInput & {
      body: z.output<Body>;
      location: Installation;
      message: Message;
      providerKey: string;
      connection?: VisibleConnection;
      query: never;
    },
  ): Promise<ActionResult>;
}): PageAction {
  return definition as PageAction;
}
