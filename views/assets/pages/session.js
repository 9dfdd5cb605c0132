/** The viewer's session: the parent frame's user context is exchanged for a token, which every request carries. It is not stored. */
const responseTimeoutMs = 4_000;
const maxHandshakes = 3;
/** A token is renewed by a new handshake this long before its end. */
const renewalMarginMs = 60_000;

let token = '';
let renewing = null;
let renewal;

/** An error with a code that the shell has a text for. */
export class PageError extends Error {
  constructor(code) {
    super(code);
    this.code = code;
  }
}

/** Asks the parent frame for the encrypted user context. Only its response counts; its origin may be any agency's own domain. */
function requestUserContext() {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => done(() => reject(new PageError('no_response'))), responseTimeoutMs);
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
  for (let left = maxHandshakes; ; left -= 1) {
    try {
      return await requestUserContext();
    } catch (error) {
      if (left <= 1) throw error;
    }
  }
}

async function exchange() {
  if (window.parent === window) throw new PageError('outside');
  const encryptedData = await handshake();
  const response = await fetchOnline('/api/session', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ encryptedData }),
  });
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new PageError(body?.error?.code ?? 'internal');
  token = body.token;
  clearTimeout(renewal);
  // If it fails, the next request gets 401 and signs in again.
  renewal = setTimeout(() => signIn().catch(() => {}), Math.max(readLifetimeMs(token) - renewalMarginMs, 5_000));
}

/** Reads how long a new token is valid, by its own times alone: the viewer's clock may be wrong. */
function readLifetimeMs(jwt) {
  const { iat, exp } = JSON.parse(atob(jwt.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')));
  return (exp - iat) * 1000;
}

/** Gets a token; concurrent calls share one exchange. @throws PageError */
export function signIn() {
  renewing ??= exchange().finally(() => {
    renewing = null;
  });
  return renewing;
}

function fetchOnline(address, options) {
  return fetch(address, options).catch((error) => {
    throw error.name === 'AbortError' ? error : new PageError('offline');
  });
}

/** Fetches with the viewer's token, in the page's language; an expired token is renewed once, such as after the computer slept. */
export async function request(address, options = {}) {
  const send = () =>
    fetchOnline(address, {
      ...options,
      credentials: 'omit',
      headers: { 'accept-language': document.documentElement.lang, ...options.headers, authorization: `Bearer ${token}` },
    });
  const response = await send();
  if (response.status !== 401) return response;
  await signIn();
  return send();
}
