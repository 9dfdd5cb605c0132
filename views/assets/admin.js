/** The operator's pages: whole pages, whose forms and links work by themselves. The script adds what is live. */
import { enhanceControls } from './pages/controls.js';
import { followLive } from './pages/live.js';
import { showTimes } from './pages/times.js';

/** Says that nobody may be looking: what is fetched for a page that is only open keeps no session alive. */
const headers = { 'x-in-background': '1', accept: 'text/html', 'accept-language': document.documentElement.lang };

async function request(address, options) {
  const response = await fetch(address, { ...options, headers }).catch((error) => {
    throw error.name === 'AbortError' ? error : Object.assign(new Error('offline'), { code: 'offline' });
  });
  // The session is over: the page asks to sign in and comes back here.
  if (response.status === 401) location.reload();
  return response;
}

function read(html) {
  const parsed = new DOMParser().parseFromString(html, 'text/html');
  const page = parsed.getElementById('main');
  return page && { nav: parsed.getElementById('nav'), page };
}

// A page that a form's response shows is reloaded as the page, not as the form once more.
history.replaceState(null, '', location.href);
enhanceControls();
showTimes(document);
document.querySelector('nav [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
const wrong = document.querySelector('[role="alert"], [aria-invalid="true"]');
if (wrong?.matches('[role="alert"]')) wrong.tabIndex = -1;
wrong?.focus();
followLive({
  request,
  live: '/admin/live/',
  page: '/admin/',
  read,
  gone: () => location.reload(),
});
