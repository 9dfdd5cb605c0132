/** The page that the address names after its `#/`: fetched, shown, and left by Back like any other. */
import { readFragment, showFragment, showProblem, toast } from './fragments.js';
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

/** Shows what the address names. A later wish ends an earlier one. */
export async function showHere() {
  await load(() => request(`/embed/pages/${here()}`, { signal: current.signal }), { isNew: true });
}

/** Sends a form as whoever looks, and shows the response. */
export async function sendForm(form, submitter) {
  const fields = new URLSearchParams(new FormData(form, submitter));
  const options = { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: fields };
  await load(() => request(form.getAttribute('action'), { ...options, signal: current.signal }), { isNew: false });
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
    showFragment(fragment, { isNew });
    followLive(shell);
  } catch (error) {
    if (error.name !== 'AbortError') showProblem(error instanceof PageError ? error.code : 'internal');
  } finally {
    if (current === own) main.removeAttribute('aria-busy');
  }
}

/** The response leads to another page, or is an error that no page could be made of. */
async function handleJson({ location: target, notice, error }) {
  if (!target) throw new PageError(error?.code ?? 'internal');
  if (notice) toast(notice);
  history.replaceState(null, '', target);
  await showHere();
}
