/**
 * Live parts of a page: each `data-live` names the page that it is part of. The server says its version whenever it changes; another one
 * than the part was drawn with fetches the page and brings the part up to date. Read with fetch, as an EventSource can't carry a token.
 */
import { refreshParts } from './fragments.js';

const firstWaitMs = 1_000;
const longestWaitMs = 30_000;
let following = null;

/**
 * Follows the live parts that the page has now, and none that it had before.
 *
 * @param frame how the pages around are asked: `ask(address, options)`; where `live` and `page` are; `read(html)` for the
 * links and the page in an answer; `gone()` for when there is nothing to see any more
 */
export function followLive(frame) {
  stopLive();
  const paths = new Set([...document.querySelectorAll('[data-live]')].map(({ dataset }) => dataset.live));
  following = new AbortController();
  document.getElementById('offline').hidden = true;
  for (const path of paths) follow(frame, path, following.signal);
}

export function stopLive() {
  following?.abort();
}

async function follow(frame, path, signal) {
  for (let waitMs = firstWaitMs; !signal.aborted; ) {
    let hasHeard = false;
    try {
      const answer = await frame.ask(`${frame.live}${path}`, { signal });
      // What is gone, or not to be seen any more, is not asked for again.
      if ([403, 404, 422].includes(answer.status)) return;
      if (answer.ok) {
        for await (const version of versions(answer.body)) {
          hasHeard = true;
          document.getElementById('offline').hidden = true;
          await catchUp(frame, path, version, signal);
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      document.getElementById('offline').hidden = error.code !== 'offline';
    }
    waitMs = hasHeard ? firstWaitMs : Math.min(waitMs * 2, longestWaitMs);
    await new Promise((resolve) => setTimeout(resolve, waitMs * (0.75 + Math.random() / 2)));
  }
}

/** The versions that a stream of server-sent events tells. */
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

async function catchUp(frame, path, version, signal) {
  const parts = [...document.querySelectorAll('[data-live]')].filter(({ dataset }) => dataset.live === path);
  if (parts.every(({ dataset }) => dataset.version === version)) return;
  const answer = await frame.ask(`${frame.page}${path}`, { signal });
  // It is gone: the page itself says so.
  if ([403, 404].includes(answer.status)) frame.gone();
  if (!answer.ok) return;
  const answered = frame.read(await answer.text());
  if (answered && !signal.aborted) refreshParts(answered);
}
