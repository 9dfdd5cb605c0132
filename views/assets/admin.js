/** The operator's pages: forms and links work without this script, which adds live updates. */
import { enhanceControls } from './pages/controls.js';
import { followLive } from './pages/live.js';
import { showTimes } from './pages/times.js';

/** Marks background requests: they do not extend the operator's session. */
const headers = { 'x-in-background': '1', accept: 'text/html', 'accept-language': document.documentElement.lang };

async function request(address, options) {
  const response = await fetch(address, { ...options, headers }).catch((error) => {
    throw error.name === 'AbortError' ? error : Object.assign(new Error('offline'), { code: 'offline' });
  });
  // The session has ended: the reload redirects to the sign-in and back.
  if (response.status === 401) location.reload();
  return response;
}

function read(html) {
  const parsed = new DOMParser().parseFromString(html, 'text/html');
  const page = parsed.getElementById('main');
  return page && { nav: parsed.getElementById('nav'), page };
}

// A reload after a form's response loads the page and does not submit the form again.
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
