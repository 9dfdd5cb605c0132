/**
 * Live parts of a page: each `data-live` names its page. The server streams the page's version; a version other than the part's fetches
 * the page and updates the part. Read with fetch, because an EventSource can't send a token.
 */
import { refreshParts } from './fragments.js';

const initialRetryDelayMs = 1_000;
const maxRetryDelayMs = 30_000;
let activeStreams = null;
let followed = null;

// Over HTTP/1.1 a browser has six connections to a host, for all tabs together: with six streams, a seventh tab would never load.
document.addEventListener('visibilitychange', () => {
  if (document.hidden) stopLive();
  else if (followed) followLive(followed);
});

/**
 * Follows the live parts of the current page, while it is visible, and stops the earlier ones.
 *
 * @param shell `request(address, options)` fetches; `live` and `page` are path prefixes; `read(html)` parses the links and the page of
 * a response; `gone()` runs when the page no longer exists
 */
export function followLive(shell) {
  stopLive();
  followed = shell;
  if (document.hidden) return;
  const paths = new Set([...document.querySelectorAll('[data-live]')].map(({ dataset }) => dataset.live));
  activeStreams = new AbortController();
  document.getElementById('offline').hidden = true;
  for (const path of paths) follow(shell, path, activeStreams.signal);
}

export function stopLive() {
  activeStreams?.abort();
}

async function follow(shell, path, signal) {
  for (let retryDelayMs = initialRetryDelayMs; !signal.aborted; ) {
    let hasReceived = false;
    try {
      const response = await shell.request(`${shell.live}${path}`, { signal });
      // No retry: the page is gone or no longer visible to the viewer.
      if ([403, 404, 422].includes(response.status)) return;
      if (response.ok) {
        for await (const version of versions(response.body)) {
          hasReceived = true;
          document.getElementById('offline').hidden = true;
          await refresh(shell, path, version, signal);
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      document.getElementById('offline').hidden = error.code !== 'offline';
    }
    retryDelayMs = hasReceived ? initialRetryDelayMs : Math.min(retryDelayMs * 2, maxRetryDelayMs);
    await new Promise((resolve) => setTimeout(resolve, retryDelayMs * (0.75 + Math.random() / 2)));
  }
}

/** Yields the versions from a stream of server-sent events. */
async function* versions(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ''; ; ) {
    const { value, done } = await reader.read();
    if (done) return;
    const events = (text + value).split('\n\n');
    text = events.pop();
    for (const event of events) {
      const data = event.match(/^event: version\ndata: (.*)$/)?.[1];
      if (data) yield JSON.parse(data);
    }
  }
}

async function refresh(shell, path, version, signal) {
  const parts = [...document.querySelectorAll('[data-live]')].filter(({ dataset }) => dataset.live === path);
  if (parts.every(({ dataset }) => dataset.version === version)) return;
  const response = await shell.request(`${shell.page}${path}`, { signal });
  // The full page shows the error.
  if ([403, 404].includes(response.status)) shell.gone();
  if (!response.ok) return;
  const fragment = shell.read(await response.text());
  if (fragment && !signal.aborted) refreshParts(fragment);
}
