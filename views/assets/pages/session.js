/** Who looks: asked of the parent frame, exchanged for a token, which every request of the page carries. Nothing is kept anywhere. */
const answerWithinMs = 4_000;
const handshakesAtMost = 3;
/** A token is renewed by a new handshake this long before its end. */
const renewAheadMs = 60_000;

let token = '';
let renewing = null;

/** Something that is told by its name: the shell has the words. */
export class Trouble extends Error {
  constructor(code) {
    super(code);
    this.code = code;
  }
}

/** Asks the parent frame for the encrypted user context. Only its answer counts; its origin may be any agency's own domain. */
function askParent() {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => done(() => reject(new Trouble('no_answer'))), answerWithinMs);
    const listen = ({ source, data }) => {
      if (source !== window.parent || data?.message !== 'REQUEST_USER_DATA_RESPONSE') return;
      done(() => resolve(data.payload));
    };
    const done = (settle) => {
      clearTimeout(timer);
      removeEventListener('message', listen);
      settle();
    };
    addEventListener('message', listen);
    window.parent.postMessage({ message: 'REQUEST_USER_DATA' }, '*');
  });
}

async function handshake() {
  for (let left = handshakesAtMost; ; left -= 1) {
    try {
      return await askParent();
    } catch (error) {
      if (left <= 1) throw error;
    }
  }
}

async function exchange() {
  if (window.parent === window) throw new Trouble('outside');
  const encryptedData = await handshake();
  const answer = await reach('/api/session', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ encryptedData }),
  });
  const body = await answer.json().catch(() => null);
  if (!answer.ok) throw new Trouble(body?.error?.code ?? 'internal');
  token = body.token;
  const renewInMs = Math.max(new Date(body.expiresAt).getTime() - Date.now() - renewAheadMs, 5_000);
  // Should it fail, the next request finds out and tries again.
  setTimeout(() => signIn().catch(() => {}), renewInMs);
}

/** Gets a token; several who ask at once get the same one. @throws Trouble */
export function signIn() {
  renewing ??= exchange().finally(() => {
    renewing = null;
  });
  return renewing;
}

function reach(address, options) {
  return fetch(address, options).catch((error) => {
    throw error.name === 'AbortError' ? error : new Trouble('offline');
  });
}

/** Fetches as whoever looks, in the language of the page; a token that ended early, as after a night's sleep, is renewed once. */
export async function ask(address, options = {}) {
  const send = () =>
    reach(address, {
      ...options,
      credentials: 'omit',
      headers: { 'accept-language': document.documentElement.lang, ...options.headers, authorization: `Bearer ${token}` },
    });
  const answer = await send();
  if (answer.status !== 401) return answer;
  await signIn();
  return send();
}
