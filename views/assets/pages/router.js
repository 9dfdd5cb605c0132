/** The page that the address names after its `#/`: fetched, shown, and left by Back like any other. */
import { readFragment, showFragment, showTrouble, toast } from './fragments.js';
import { followLive, stopLive } from './live.js';
import { ask, Trouble } from './session.js';

const main = document.getElementById('main');
let current = null;

const frame = {
  ask,
  live: '/embed/live/',
  page: '/embed/pages/',
  read: readFragment,
  gone: showHere,
};

export const here = () => location.hash.replace(/^#\/?/, '');

/** Shows what the address names. A later wish ends an earlier one. */
export async function showHere() {
  await load(() => ask(`/embed/pages/${here()}`, { signal: current.signal }), { isNew: true });
}

/** Sends a form as whoever looks, and shows the answer. */
export async function sendForm(form, submitter) {
  const fields = new URLSearchParams(new FormData(form, submitter));
  const options = { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: fields };
  await load(() => ask(form.getAttribute('action'), { ...options, signal: current.signal }), { isNew: false });
}

async function load(fetchIt, { isNew }) {
  current?.abort();
  stopLive();
  const own = new AbortController();
  current = own;
  main.setAttribute('aria-busy', 'true');
  try {
    const answer = await fetchIt();
    const type = answer.headers.get('content-type') ?? '';
    if (type.includes('json')) return await goOn(await answer.json());
    const fragment = readFragment(await answer.text());
    if (!fragment) throw new Trouble('internal');
    if (current !== own) return;
    showFragment(fragment, { isNew });
    followLive(frame);
  } catch (error) {
    if (error.name !== 'AbortError') showTrouble(error instanceof Trouble ? error.code : 'internal');
  } finally {
    if (current === own) main.removeAttribute('aria-busy');
  }
}

/** The answer leads to another page, or is an error that no page could be made of. */
async function goOn({ location: target, notice, error }) {
  if (!target) throw new Trouble(error?.code ?? 'internal');
  if (notice) toast(notice);
  history.replaceState(null, '', target);
  await showHere();
}
