/** Follows an agency's install until all of its locations are connected; the server renders it in the viewer's language. */
import { morph } from './pages/morph.js';

const box = document.getElementById('progress');
const pollIntervalMs = 2_000;

async function poll() {
  const headers = { accept: 'text/html', 'accept-language': document.documentElement.lang };
  const response = await fetch(`/progress?ticket=${encodeURIComponent(box.dataset.ticket)}`, { headers }).catch(() => null);
  if (response?.ok) morph(box, new DOMParser().parseFromString(await response.text(), 'text/html').body);
  if (!box.querySelector('[data-done]')) setTimeout(poll, pollIntervalMs);
}

poll();
