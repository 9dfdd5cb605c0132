import type { Response } from 'express';
import type { AppError } from '../../../core/errors.ts';
import { type Access, can } from '../../auth/access.ts';
import { formatDuration } from './durations.ts';
import { getCaller, type PageRequest, toViewer } from './input.ts';
import type { ActionResult, FormState, Page, Viewer } from './page.ts';
import type { PageShell, RenderedPage } from './shell.ts';
import { type Text, toProblem } from './texts.ts';

interface RenderOptions {
  status: number;
  form?: FormState | undefined;
  problem?: AppError | undefined;
  done?: ActionResult | undefined;
}

/** Renders a page with the data that every view can use; `docs/pages.md` lists it. */
export async function renderPage(
  pages: readonly Page[],
  shell: PageShell,
  { page, request, here, input }: PageRequest,
  response: Response,
  { status, form, problem, done }: RenderOptions,
): Promise<RenderedPage> {
  const { text, viewer, location } = input;
  // Read before the content, so that a change in between is noticed.
  const version = await page.version?.(input);
  const { title, ...shown } = await page.show(input);
  const view = {
    ...createViewTools(text),
    ...shown,
    ...done?.viewData,
    title,
    viewer,
    can: input.can,
    url: input.url,
    here,
    action: shell.action(here),
    hidden: shell.hiddenFields(request, response),
    above: page.nav?.isInSettings ? { href: input.url('settings'), name: text('settings.title') } : null,
    form: form ?? { do: '', values: {}, errors: {} },
    problem: problem ? toProblem(text, problem) : null,
    live: version === undefined ? '' : `data-live="${escapeHtml(here)}" data-version="${escapeHtml(version)}"`,
  };
  const nav = await buildNav(pages, shell, { access: input.access, page, location });
  return {
    status,
    title,
    nav: await render(response, 'partials/nav', { text, nav }),
    body: await render(response, 'pages/page', { ...view, body: await render(response, `pages/${page.view}`, view) }),
    notice: done?.notice,
  };
}

/** Renders an error in place of a page, with the navigation. */
export async function renderProblem(
  pages: readonly Page[],
  shell: PageShell,
  error: AppError,
  response: Response,
): Promise<RenderedPage> {
  const { access, text } = response.locals.access
    ? getCaller(response)
    : { access: undefined, text: response.locals.text as Text };
  const problem = toProblem(text, error);
  const nav = access ? await buildNav(pages, shell, { access, skipsCounts: true }) : { main: [], location: null };
  const view = { ...createViewTools(text), problem, home: shell.href('') };
  return {
    status: error.status,
    title: problem.title,
    nav: await render(response, 'partials/nav', { text, nav }),
    body: await render(response, 'pages/problem', view),
    notice: undefined,
  };
}

/** Returns the first page in a viewer's navigation, which serves as its start page. */
export function findFirstPage(pages: readonly Page[], viewer: Viewer): Page | undefined {
  return listNavPages(pages, viewer, viewer === 'location' ? 'location' : 'account')[0];
}

function listNavPages(pages: readonly Page[], viewer: Viewer, scope: Page['scope']): Page[] {
  return pages
    .filter((page) => page.nav && !page.nav.isInSettings && page.scope === scope && page.viewers.includes(viewer))
    .sort((one, other) => (one.nav?.order ?? 0) - (other.nav?.order ?? 0));
}

/** Returns whether a page is below another one: by its path, or on the page of settings. */
function isBelowPage({ path }: Page, current: Page | undefined): boolean {
  return current?.path.startsWith(`${path}/`) || (path === 'settings' && current?.nav?.isInSettings === true);
}

/** Builds the links to the viewer's pages and, below them, to the pages of the location that an agency has opened. */
async function buildNav(
  pages: readonly Page[],
  shell: PageShell,
  // The error that is being rendered may come from the counts.
  options: { access: Access; page?: Page; location?: PageRequest['input']['location']; skipsCounts?: boolean },
) {
  const { access, page: current, location } = options;
  const viewer = toViewer(access);
  const isOwn = viewer === 'location';
  const top = isOwn ? '' : `locations/${location?.resourceId}/`;
  const isBelow = !isOwn && current?.scope === 'location' && location !== undefined;
  const link = async (page: Page, prefix: string) => ({
    href: shell.href(`${prefix}${page.path}`.replace(/\/$/, '')),
    text: page.nav?.text,
    isCurrent: page === current,
    // A page below this one is open, such as a message below the log.
    isParent: page !== current && page.path !== '' && isBelowPage(page, current),
    count: options.skipsCounts ? 0 : ((await page.nav?.count?.count({ access, location })) ?? 0),
    countText: page.nav?.count?.text,
  });
  const linksTo = (scope: Page['scope'], prefix: string) =>
    Promise.all(
      listNavPages(pages, viewer, scope)
        .filter(({ permission }) => can(access, permission))
        .map((page) => link(page, prefix)),
    );
  const main = await linksTo(isOwn ? 'location' : 'account', '');
  const paths = isOwn ? [] : listNavPages(pages, viewer, 'account').map(({ path }) => path);
  return {
    main: main.map((one, n) => (isOwn ? one : { ...one, isParent: isBelow ? paths[n] === 'locations' : one.isParent })),
    location: isBelow ? { name: location.name ?? location.resourceId, links: await linksTo('location', top) } : null,
  };
}

const timeFormats = {
  day: { dateStyle: 'medium' },
  brief: { month: 'short', day: 'numeric', hour: 'numeric', minute: '2-digit' },
  minute: { dateStyle: 'medium', timeStyle: 'short' },
  second: { dateStyle: 'medium', timeStyle: 'medium' },
} as const satisfies Record<string, Intl.DateTimeFormatOptions>;

/** Creates the helpers for every view, full pages included. */
export function createViewTools(text: Text) {
  return {
    text,
    number: text.number,
    duration: (ms: number) => formatDuration(text, ms),
    /** Renders a time as HTML, to the day, minute or second, or `brief` without the year: in UTC until the browser's script converts it to the viewer's zone. */
    time: (at: Date, to: keyof typeof timeFormats = 'minute') =>
      `<time datetime="${at.toISOString()}" data-to="${to}">${escapeHtml(text.time(at, timeFormats[to]))}${to === 'day' ? '' : ' UTC'}</time>`,
  };
}

export function render(response: Response, view: string, values: object): Promise<string> {
  return new Promise((resolve, reject) =>
    response.render(view, values, (error: Error | null, html?: string) => (error ? reject(error) : resolve(html ?? ''))),
  );
}

export function escapeHtml(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  return text.replace(/[&<>"']/g, (character) => entities[character] as string);
}
