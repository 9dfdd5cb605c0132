/** Inserts server-rendered fragments: whole pages, and parts that have changed. */
import { morph } from './morph.js';
import { showTimes } from './times.js';

const byId = (id) => document.getElementById(id);

/** Parses the title, links and content of a response. */
export function readFragment(html) {
  const root = new DOMParser().parseFromString(html, 'text/html').querySelector('[data-fragment]');
  return (
    root && {
      title: root.dataset.title ?? '',
      notice: root.dataset.notice,
      nav: root.querySelector('[data-nav]'),
      page: root.querySelector('[data-page]'),
    }
  );
}

/** Replaces the page. @param isNew whether it is another page: then its heading gets the focus and its title is announced */
export function showFragment({ title, notice, nav, page }, { isNew }) {
  const main = byId('main');
  document.title = title;
  morph(byId('nav'), nav);
  // On a phone the navigation scrolls sideways.
  for (const link of document.querySelectorAll('#nav [aria-current]'))
    link.scrollIntoView({ block: 'nearest', inline: 'center' });
  showTimes(page);
  main.replaceChildren(page);
  if (notice) toast(notice);
  if (!isNew)
    return focusOn(
      page.querySelector('[aria-invalid="true"]') ?? page.querySelector('[role="alert"]') ?? page.querySelector('h1'),
    );
  scrollTo(0, 0);
  // A page may mark the result of the last action with data-focus.
  focusOn(page.querySelector('[data-focus]') ?? page.querySelector('h1') ?? main);
  byId('announcer').textContent = title;
}

/** Updates the links and the live parts that are also in `page`; focus, scroll position and open details stay. */
export function refreshParts({ nav, page }) {
  const restoreScroll = captureScrollAnchor();
  const focused = document.activeElement;
  if (nav) morph(byId('nav'), nav);
  for (const part of document.querySelectorAll('[data-live]')) {
    const now = page.querySelector(`#${CSS.escape(part.id)}`);
    if (!now) continue;
    showTimes(now);
    morph(part, now);
    for (const { name, value } of now.attributes) part.setAttribute(name, value);
  }
  // An element that was moved to another place has lost the focus.
  if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
  restoreScroll();
}

/**
 * Keeps the current row at its place on the screen: the row with the focus or under the pointer, else, on a scrolled page, the first
 * visible row. Only at the top of a list do new rows push the others down.
 */
function captureScrollAnchor() {
  const rows = [...document.querySelectorAll('[data-live] :is(tr, li)[id]')];
  const below = byId('nav')?.getBoundingClientRect().bottom ?? 0;
  const read =
    rows.find((row) => row.matches(':focus-within')) ??
    rows.find((row) => row.matches(':hover')) ??
    (scrollY > 0 ? rows.find((row) => row.getBoundingClientRect().top >= below) : undefined);
  const before = read?.getBoundingClientRect().top;
  return () => {
    if (read?.isConnected) scrollBy(0, read.getBoundingClientRect().top - before);
  };
}

/** Finds a problem among the shell's templates. */
export function findProblem(code) {
  const template =
    document.querySelector(`template[data-problem="${CSS.escape(code)}"]`) ??
    document.querySelector('template[data-problem="internal"]');
  return template.content.cloneNode(true);
}

/** Shows a problem from the shell's templates in place of the page. */
export function showProblem(code) {
  byId('main').replaceChildren(findProblem(code));
  byId('nav').replaceChildren();
  focusOn(byId('main').querySelector('h1'));
}

/** Shows a problem, as the server or the shell writes it, above the page, whose forms keep what was typed. */
export function showProblemAbove(problem) {
  const notice = Object.assign(document.createElement('div'), { id: 'problem', className: 'notice notice-bad' });
  notice.setAttribute('role', 'alert');
  const write = (kind, selector) =>
    Object.assign(document.createElement(kind), { textContent: problem.querySelector(selector).textContent });
  const title = document.createElement('p');
  title.append(write('strong', 'h1'));
  notice.append(title, write('p', '.lead'), ...problem.querySelectorAll('.details'));
  byId('problem')?.remove();
  byId('main').prepend(notice);
  focusOn(notice);
}

export function toast(words) {
  const line = Object.assign(document.createElement('p'), { className: 'toast', textContent: words });
  byId('toasts').append(line);
  setTimeout(() => line.remove(), 6_000);
}

function focusOn(element) {
  if (!element) return;
  if (!element.matches('a, button, input, select, textarea')) element.tabIndex = -1;
  element.focus({ preventScroll: element.matches('h1, main') });
}
