import * as z from 'zod';
import type { Installation } from '../../../installations/store.ts';
import type { Message } from '../../../messages/model/message.ts';
import type { Access, Permission } from '../../auth/access.ts';
import type { Text } from './texts.ts';

/** From where somebody looks: a location, an agency, or the operator's own pages. */
export type Viewer = 'location' | 'agency' | 'operator';

/** What a page may know of its request. Whether it is shown in the CRM or in the operator's pages is not among it. */
export interface PageInput {
  access: Access;
  viewer: Viewer;
  /** Whether whoever looks may do it; for what is shown. What is done is checked again. */
  can(permission: Permission): boolean;
  text: Text;
  /**
   * A link to a page. A path stays within the location that is looked at; one that begins with `/` counts from the top.
   * Parameters that are undefined or empty are left out.
   */
  url(path: string, query?: LinkQuery): string;
  /** The address that asks. */
  clientAddress: string;
}

export type LinkQuery = Record<string, string | number | undefined>;

/** What a page shows: its title, and what its view needs. */
export interface PageModel {
  title: string;
  [name: string]: unknown;
}

/** What came of an action. Without `redirectTo` the page is shown again. */
export interface ActionResult {
  /** From `url`. */
  redirectTo?: string;
  /** Said once, in passing. */
  notice?: string;
  /** What has become of the location, for the page that is shown again. */
  location?: Installation;
  /** For the view, beside what the page shows anyway. */
  viewData?: Record<string, unknown>;
  /** By field: what only the action could find wrong. The form is shown again. */
  errors?: Record<string, string>;
}

/** What was typed and what is wrong with it, for the form to be shown again. */
export interface FormState {
  do: string;
  values: Record<string, unknown>;
  /** By field. */
  errors: Record<string, string>;
}

/** A page as the router sees it. */
export interface Page {
  path: string;
  scope: 'location' | 'account';
  viewers: readonly Viewer[];
  view: string;
  permission: Permission;
  nav: Nav | undefined;
  query: z.ZodObject;
  show(input: never): Promise<PageModel>;
  version: ((input: never) => Promise<string>) | undefined;
  actions: Record<string, PageAction>;
}

/** A number beside a link. `text`: the key of a text with `count`, for those who hear it. */
export interface NavCount {
  text: string;
  count(options: { access: Access; location?: Installation | undefined }): Promise<number>;
}

interface Nav {
  /** The key of its text. */
  text: string;
  order: number;
  /** How many things there wait to be seen; nothing is shown for none. A location is given where it is the page of one. */
  count?: NavCount;
}

export interface PageAction {
  permission: Permission;
  body: z.ZodType;
  run(input: never): Promise<ActionResult>;
}

/** A field of a link or a form that may be left out, or left empty as forms do. */
export function optionalField<Schema extends z.ZodType>(schema: Schema) {
  return z.preprocess((value) => (value === '' ? undefined : value), schema.optional()).optional();
}

type Input<Scope, Path extends string, Query extends z.ZodType> = PageInput & {
  query: z.output<Query>;
} & (Scope extends 'location' ? { location: Installation } : unknown) &
  (Path extends `${string}:id${string}` ? { message: Message } : unknown) &
  (Path extends `${string}:providerKey${string}` ? { providerKey: string } : unknown);

/**
 * Defines a page. Everything of somebody that its path names is found, if it is reached, before the page is asked.
 *
 * @param definition `path`: under which it is found, with `:id` for a message and
 * `:providerKey` for one of the app's providers. `about`: one `location` (then an agency and the operator
 * find it under `locations/<id>/`), or all that is in reach. `view`: its file in views/pages. `version`: a cheap answer that changes
 * whenever what is shown does. `nav`: where it stands in the navigation, if it does.
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
  actions?: Record<string, PageAction | ReturnType<typeof defineAction>>;
}): Page {
  return {
    permission: 'read',
    nav: undefined,
    version: undefined,
    actions: {},
    ...definition,
  } as Page;
}

/** Defines what a page's forms with this `do` ask for. Fields that do not fit are told at the fields. */
export function defineAction<Body extends z.ZodType>(definition: {
  permission: Permission;
  body: Body;
  run(
    input: PageInput & { body: z.output<Body>; location: Installation; message: Message; providerKey: string; query: never },
  ): Promise<ActionResult>;
}): PageAction {
  return definition as PageAction;
}
