/** Hash routing: fetches and shows the page named after `#/`; the browser's Back works. */
import { findProblem, readFragment, showFragment, showProblem, showProblemAbove, toast } from './fragments.js';
import { followLive, stopLive } from './live.js';
import { PageError, request } from './session.js';

const main = document.getElementById('main');
let current = null;

const shell = {
  request,
  live: '/embed/live/',
  page: '/embed/pages/',
  read: readFragment,
  gone: showHere,
};

export const here = () => location.hash.replace(/^#\/?/, '');

/** Shows the page of the current address; a later call aborts an earlier one. */
export async function showHere() {
  await load(() => request(`/embed/pages/${here()}`, { signal: current.signal }), { isNew: true });
}

/** Submits a form with the viewer's token and shows the response. If it fails, the page and what was typed stay. */
export async function sendForm(form, submitter) {
  const fields = new URLSearchParams(new FormData(form, submitter));
  const options = { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: fields };
  await load(() => request(form.getAttribute('action'), { ...options, signal: current.signal }), { isNew: false });
}

/** Saves the file behind a link: a browser would request it without the viewer's token. */
export async function saveFile(link) {
  try {
    const response = await request(`/embed/pages/${link.hash.replace(/^#\/?/, '')}`);
    // The body is an error's, which must not be saved as the file.
    if (!response.ok) return await load(async () => response, { isNew: true });
    const saved = document.createElement('a');
    saved.href = URL.createObjectURL(await response.blob());
    saved.download = link.download;
    saved.click();
    setTimeout(() => URL.revokeObjectURL(saved.href), 60_000);
  } catch (error) {
    showProblem(error instanceof PageError ? error.code : 'internal');
  }
}

async function load(fetchIt, { isNew }) {
  current?.abort();
  stopLive();
  const own = new AbortController();
  current = own;
  main.setAttribute('aria-busy', 'true');
  try {
    const response = await fetchIt();
    const type = response.headers.get('content-type') ?? '';
    if (type.includes('json')) return await handleJson(await response.json());
    const fragment = readFragment(await response.text());
    if (!fragment) throw new PageError('internal');
    if (current !== own) return;
    const problem = isNew ? null : fragment.page.querySelector('.empty-page');
    if (problem) showProblemAbove(problem);
    else showFragment(fragment, { isNew });
    followLive(shell);
  } catch (error) {
    if (error.name === 'AbortError') return;
    const code = error instanceof PageError ? error.code : 'internal';
    if (isNew) return showProblem(code);
    showProblemAbove(findProblem(code));
    followLive(shell);
  } finally {
    if (current === own) main.removeAttribute('aria-busy');
  }
}

/** Handles a redirect, or an error that has no page. */
async function handleJson({ location: target, notice, error }) {
  if (!target) throw new PageError(error?.code ?? 'internal');
  if (notice) toast(notice);
  history.replaceState(null, '', target);
  await showHere();
}
