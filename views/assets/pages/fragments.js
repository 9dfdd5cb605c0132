/** Puts what the server has drawn into the page: whole pages, and parts of them that have changed. */
import { morph } from './morph.js';
import { showTimes } from './times.js';

const byId = (id) => document.getElementById(id);

/** The page of an response: its title, its links, its content. */
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

/** Shows a page instead of the one that is there. @param isNew it is another page: its heading gets the focus and it is announced */
export function showFragment({ title, notice, nav, page }, { isNew }) {
  const main = byId('main');
  document.title = title;
  morph(byId('nav'), nav);
  // On a phone there are more pages than room for their names.
  for (const link of document.querySelectorAll('#nav [aria-current]'))
    link.scrollIntoView({ block: 'nearest', inline: 'center' });
  showTimes(page);
  main.replaceChildren(page);
  if (notice) toast(notice);
  if (!isNew) return focusOn(page.querySelector('[role="alert"], [aria-invalid="true"]') ?? page.querySelector('h1'));
  scrollTo(0, 0);
  // A page may lead to what somebody has just asked for.
  focusOn(page.querySelector('[data-focus]') ?? page.querySelector('h1') ?? main);
  byId('announcer').textContent = title;
}

/** Brings the links, and the parts of the page that are also in `page`, up to date; what has the focus, is scrolled or open stays so. */
export function refreshParts({ nav, page }) {
  const restoreScroll = captureScrollAnchor();
  if (nav) morph(byId('nav'), nav);
  for (const part of document.querySelectorAll('[data-live]')) {
    const now = page.querySelector(`#${CSS.escape(part.id)}`);
    if (!now) continue;
    showTimes(now);
    morph(part, now);
    for (const { name, value } of now.attributes) part.setAttribute(name, value);
  }
  restoreScroll();
}

/**
 * What is being read stays where it is on the screen: the row that has the focus or is pointed at, else, once the page is scrolled, the
 * first in sight. Only who looks at the top of a list sees its new rows push the others down.
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

/** Shows one of the problems that the shell has words for. */
export function showProblem(code) {
  const template =
    document.querySelector(`template[data-problem="${CSS.escape(code)}"]`) ??
    document.querySelector('template[data-problem="internal"]');
  byId('main').replaceChildren(template.content.cloneNode(true));
  byId('nav').replaceChildren();
  focusOn(byId('main').querySelector('h1'));
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
