/** The page inside the CRM: asks the parent frame who looks, gets a token for it, and shows where things stand. */

const element = (id) => document.getElementById(id);
const answerWithinMs = 4_000;
const handshakesAtMost = 3;
/** A token is renewed by a new handshake this long before its end. */
const renewAheadMs = 60_000;

let token = '';
let session = null;

/** Asks the parent frame for the encrypted user context. Only its answer counts; its origin may be any agency's own domain. */
function askParent() {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => done(() => reject(new Error('no answer'))), answerWithinMs);
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

async function signIn() {
  if (window.parent === window)
    throw new Error('Open this page inside your CRM: it shows what belongs to whoever looks at it.');
  const encryptedData = await handshake().catch(() => {
    throw new Error('The page around this one did not say who you are. Please reload it.');
  });
  const answer = await fetch('/api/session', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ encryptedData }),
  });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error.message);
  session = body;
  token = body.token;
  const renewInMs = Math.max(new Date(body.expiresAt).getTime() - Date.now() - renewAheadMs, 5_000);
  setTimeout(() => signIn().catch(show), renewInMs);
}

/** Calls the API; a token that ended early, as after a night's sleep, is renewed once. */
async function call(path, { method = 'GET', isAgain = false } = {}) {
  const answer = await fetch(`/api${path}`, { method, headers: { authorization: `Bearer ${token}` } });
  if (answer.status === 401 && !isAgain) {
    await signIn();
    return call(path, { method, isAgain: true });
  }
  const body = answer.status === 204 ? null : await answer.json();
  if (!answer.ok) throw new Error(body.error.message);
  return body;
}

const words = {
  active: 'Connected',
  suspended: 'Paused',
  reauth_required: 'Must be connected again',
  uninstalled: 'Disconnected',
};

function showPlace(location) {
  element('place').hidden = false;
  element('place-name').textContent = location.name ?? 'This location';
  element('place-status').textContent = words[location.status];
  element('place-status').classList.toggle('badge-good', location.status === 'active');
  element('place-reason').hidden = !location.statusReason;
  element('place-reason').textContent = location.statusReason ?? '';
  element('place-mend').hidden = !location.reconnectUrl;
  if (location.reconnectUrl) element('place-mend').querySelector('a').href = location.reconnectUrl;
  const channels = location.channels.map(({ providerKey, type }) => `${providerKey}: ${type}`);
  list('channels', channels.length > 0 ? channels : ['No channel is connected yet, so messages can’t be sent.']);
  element('leave').hidden = session.user.role !== 'admin' || location.status === 'uninstalled';
}

function showAgency({ items, nextCursor }) {
  element('agency').hidden = false;
  element('agency-count').textContent = `${items.length}${nextCursor ? ' or more' : ''} locations`;
  list(
    'locations',
    items.map(({ name, locationId, status }) => `${name ?? locationId}: ${words[status]}`),
  );
}

function list(id, lines) {
  element(id).replaceChildren(...lines.map((line) => Object.assign(document.createElement('li'), { textContent: line })));
}

function show(error) {
  element('waiting').hidden = true;
  element('problem').hidden = false;
  element('problem').textContent = error.message;
}

element('leave-now').addEventListener('click', async () => {
  try {
    showPlace(await call(`/locations/${encodeURIComponent(session.locationId)}`, { method: 'DELETE' }));
  } catch (error) {
    show(error);
  }
});

try {
  await signIn();
  if (session.locationId) showPlace(await call(`/locations/${encodeURIComponent(session.locationId)}`));
  else showAgency(await call('/locations?limit=200'));
  element('waiting').hidden = true;
} catch (error) {
  show(error);
}
