import type { Response } from 'express';
import type { AppError } from '../../core/errors.ts';
import type { Access } from '../auth/access.ts';
import { durationText } from './durations.ts';
import type { Done, FormState, Page, Viewer } from './page.ts';
import type { PageFrame, Rendered } from './page-frame.ts';
import { type Asked, viewerOf, whoAsks } from './page-input.ts';
import { problemText, type Text } from './texts.ts';

interface Shape {
  status: number;
  form?: FormState | undefined;
  problem?: AppError | undefined;
  done?: Done | undefined;
}

/** What every view can use, besides what its page shows. `docs/pages.md` lists it. */
export async function renderPage(
  pages: readonly Page[],
  frame: PageFrame,
  { page, request, here, input }: Asked,
  response: Response,
  { status, form, problem, done }: Shape,
): Promise<Rendered> {
  const { text, viewer, location } = input;
  // Before what is shown: what changes in between is noticed.
  const version = await page.version?.(input as never);
  const { title, ...shown } = await page.show(input as never);
  const view = {
    ...viewTools(text),
    ...shown,
    ...done?.shown,
    title,
    viewer,
    can: input.can,
    url: input.url,
    here,
    action: frame.action(here),
    hidden: frame.hiddenFields(request, response),
    form: form ?? { do: '', values: {}, errors: {} },
    problem: problem ? problemText(text, problem) : null,
    live: version === undefined ? '' : `data-live="${escaped(here)}" data-version="${escaped(version)}"`,
  };
  const nav = await navOf(pages, frame, { access: input.access, page, location });
  return {
    status,
    title,
    nav: await render(response, 'partials/nav', { text, nav }),
    body: await render(response, 'pages/page', { ...view, body: await render(response, `pages/${page.view}`, view) }),
    notice: done?.notice,
  };
}

/** What went wrong instead of a page, with the way on that the navigation is. */
export async function renderProblem(
  pages: readonly Page[],
  frame: PageFrame,
  error: AppError,
  response: Response,
): Promise<Rendered> {
  const { access, text } = response.locals.access
    ? whoAsks(response)
    : { access: undefined, text: response.locals.text as Text };
  const problem = problemText(text, error);
  const nav = access ? await navOf(pages, frame, { access, isUncounted: true }) : { main: [], location: null };
  const view = { ...viewTools(text), problem, home: frame.href('') };
  return {
    status: error.status,
    title: problem.title,
    nav: await render(response, 'partials/nav', { text, nav }),
    body: await render(response, 'pages/problem', view),
    notice: undefined,
  };
}

/** The first page in a viewer's navigation, where a start page of its own is lacking. */
export function firstPage(pages: readonly Page[], viewer: Viewer): Page | undefined {
  return inNav(pages, viewer, viewer === 'location' ? 'location' : 'reach')[0];
}

function inNav(pages: readonly Page[], viewer: Viewer, about: Page['about']): Page[] {
  return pages
    .filter((page) => page.nav && page.about === about && page.viewers.includes(viewer))
    .sort((one, other) => (one.nav?.order ?? 0) - (other.nav?.order ?? 0));
}

/** The links to pages that there are: what is in reach, and below it the pages of the location that an agency looks at. */
async function navOf(
  pages: readonly Page[],
  frame: PageFrame,
  // What went wrong may be the counting.
  at: { access: Access; page?: Page; location?: Asked['input']['location']; isUncounted?: boolean },
) {
  const { access, page: current, location } = at;
  const viewer = viewerOf(access);
  const isOwn = viewer === 'location';
  const top = isOwn ? '' : `locations/${location?.resourceId}/`;
  const isBelow = !isOwn && current?.about === 'location' && location !== undefined;
  const link = async (page: Page, prefix: string) => ({
    href: frame.href(`${prefix}${page.path}`.replace(/\/$/, '')),
    text: page.nav?.text,
    isCurrent: page === current,
    // A page below this one is open, as a message is below the log.
    isParent: page !== current && page.path !== '' && current?.path.startsWith(`${page.path}/`),
    count: at.isUncounted ? 0 : ((await page.nav?.count?.of({ access, location })) ?? 0),
    countText: page.nav?.count?.text,
  });
  const linksTo = (about: Page['about'], prefix: string) =>
    Promise.all(inNav(pages, viewer, about).map((page) => link(page, prefix)));
  const main = await linksTo(isOwn ? 'location' : 'reach', '');
  const paths = isOwn ? [] : inNav(pages, viewer, 'reach').map(({ path }) => path);
  return {
    main: main.map((one, n) => (isOwn ? one : { ...one, isParent: isBelow ? paths[n] === 'locations' : one.isParent })),
    location: isBelow ? { name: location.name ?? location.resourceId, links: await linksTo('location', top) } : null,
  };
}

const precision = {
  day: { dateStyle: 'medium' },
  brief: { month: 'short', day: 'numeric', hour: 'numeric', minute: '2-digit' },
  minute: { dateStyle: 'medium', timeStyle: 'short' },
  second: { dateStyle: 'medium', timeStyle: 'medium' },
} as const satisfies Record<string, Intl.DateTimeFormatOptions>;

/** For every view, full pages included. */
export function viewTools(text: Text) {
  return {
    text,
    number: text.number,
    duration: (ms: number) => durationText(text, ms),
    /** A time as HTML, to the day, the minute or the second, or `brief` for the last days, without the year: in UTC until the browser's script writes it in its own zone. */
    time: (at: Date, to: keyof typeof precision = 'minute') =>
      `<time datetime="${at.toISOString()}" data-to="${to}">${escaped(text.time(at, precision[to]))}${to === 'day' ? '' : ' UTC'}</time>`,
  };
}

export function render(response: Response, view: string, values: object): Promise<string> {
  return new Promise((resolve, reject) =>
    response.render(view, values, (error: Error | null, html?: string) => (error ? reject(error) : resolve(html ?? ''))),
  );
}

export function escaped(words: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  return words.replace(/[&<>"']/g, (character) => entities[character] as string);
}
