// Draws the sandbox's conversation page from /desk/state on every change that the server reports.
const byId = (id) => document.getElementById(id);
const chosen = new URLSearchParams(location.hash.slice(1));
let state = null;
let problem = '';
/** The latest load of the state: an action waits for it, so that it concerns what the person has just chosen. */
let loading = Promise.resolve();
let loadCount = 0;
let drawnLoad = 0;

const ticks = {
  pending: { text: '…', label: 'pending' },
  delivered: { text: '✓✓', label: 'delivered' },
  read: { text: '✓✓', label: 'read' },
  failed: { text: '!', label: 'failed' },
};

function refresh() {
  loading = load();
  return loading;
}

/** Loads and draws the state, unless a later one was drawn or the person has chosen otherwise meanwhile. */
async function load() {
  const own = ++loadCount;
  const query = chosen.toString();
  const response = await fetch(`/desk/state?${query}`);
  const loaded = await response.json();
  if (own < drawnLoad || query !== chosen.toString()) return;
  drawnLoad = own;
  state = loaded;
  draw();
}

async function act(make) {
  await loading.catch(() => undefined);
  const action = make();
  const response = await fetch('/desk/actions', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(action),
  });
  problem = (await response.json()).problem ?? '';
  await refresh();
}

function draw() {
  const isInstalled = state.location !== null;
  byId('empty').hidden = isInstalled;
  byId('conversation').hidden = !isInstalled;
  byId('install-link').href = state.installUrl;
  byId('help').textContent = problem || nextStep();
  if (!isInstalled) return;

  options(byId('location'), state.locations, state.location.id);
  byId('custom-page').href = `/custom-page?location=${state.location.id}`;
  options(byId('contact'), state.contacts, state.contact?.id);
  options(byId('provider'), state.providers, state.provider?.key);
  byId('provider-choice').hidden = state.providers.length < 2;
  byId('banner').hidden = state.isConnected;
  byId('connect').hidden = state.provider?.isEmail === true;
  byId('banner-text').textContent = state.provider?.isEmail
    ? 'No channel for email is connected in this location, so emails fail. Connect one on the app’s page: each has a demo account.'
    : 'No channel is connected in this location, so messages fail. Connect the phone here, or another channel on the app’s page.';
  byId('opt-outs').hidden = state.provider?.isEmail === true;
  byId('dnd').hidden = !state.contact?.hasDnd;
  byId('account').hidden = !state.vendor;
  byId('account-title').textContent = `The account at ${state.vendor?.name}`;
  byId('account-accepted').textContent = state.vendor?.isPaired ? 'linked: the QR code is scanned' : 'accepted';
  byId('account-refused').textContent = state.vendor?.isPaired ? 'logged out' : 'refused by the vendor';
  for (const radio of byId('account').querySelectorAll('input')) {
    radio.checked = (radio.value === 'refused') === state.vendor?.isAccountRefused;
  }
  list(byId('thread'), state.thread, (message) => bubble(message, message.direction === 'outbound', message));
  drawPhone(state.phone);
  drawWorkflow(state.workflow);
}

function drawWorkflow({ triggers, added, log }) {
  if (byId('trigger').childElementCount === 0) options(byId('trigger'), triggers, null);
  byId('triggers').textContent = added.length > 0 ? `Triggers: ${added.join(', ')}.` : 'No trigger is in a workflow yet.';
  list(byId('workflow-log'), log, (line) => Object.assign(document.createElement('li'), { textContent: line }));
}

function drawPhone(phone) {
  byId('phone-number').textContent = state.contact?.number ?? '';
  byId('phone-mode').textContent = { on: '', flight: 'flight mode', blocked: 'opted out' }[phone.mode];
  byId('phone').classList.toggle('open', phone.isOpen);
  byId('lock').hidden = phone.isOpen;
  byId('phone-thread').hidden = !phone.isOpen;
  byId('reply').hidden = !phone.isOpen;
  byId('put-away').hidden = !phone.isOpen;
  byId('lock-title').textContent = phone.unread > 0 ? `${phone.unread} new` : 'No new texts';
  byId('lock-text').textContent = 'Tap to open the phone';
  list(byId('phone-thread'), phone.texts, (text) => bubble(text, text.isMine, null));
  drawPictures(phone.pictures);
  for (const radio of byId('modes').querySelectorAll('input')) radio.checked = radio.value === phone.mode;
}

/** Draws a button for each picture that the phone can send, once: a later redraw would take the focus. */
function drawPictures(names) {
  if (byId('pictures').childElementCount > 0) return;
  const buttons = names.map((name) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.dataset.picture = name;
    const image = new Image(36, 28);
    image.src = `/assets/sandbox/${name}.png`;
    image.alt = `Send a picture: ${name.replace('-', ' ')}`;
    button.append(image);
    return button;
  });
  byId('pictures').replaceChildren(...buttons);
}

function nextStep() {
  if (!state.location) return 'Step 1: install the app.';
  if (!state.isConnected && state.provider?.isEmail) return 'Step 2: connect a channel for email on the app’s page.';
  if (!state.isConnected) return 'Step 2: connect a channel: the sandbox phone here, or another one on the app’s page.';
  if (state.vendor?.isAccountRefused && state.vendor.isPaired) {
    return `${state.vendor.name} is logged out, so messages wait. Open “Pair a device” on the app’s page; choose “linked” here to scan its code.`;
  }
  if (state.vendor?.isAccountRefused) {
    return `${state.vendor.name} refuses the account, so the app puts the channel on hold and messages wait. Accept it again, and resume on the app’s page.`;
  }
  if (state.contact?.hasDnd) return 'The contact has opted out. Send START from the phone to opt in again.';
  const hasWritten = state.thread.some(({ direction }) => direction === 'inbound');
  if (state.vendor?.name === 'Telegram' && !hasWritten) {
    return 'Step 3: only a contact can start a chat with Telegram. Open the phone and write as the contact, or paste the contact’s link there.';
  }
  const sent = state.thread.filter(({ direction }) => direction === 'outbound');
  if (sent.length === 0) return 'Step 3: type a message as the user and send it.';
  if (sent.at(-1).status === 'pending' && state.phone.mode === 'flight') {
    return 'The phone can’t be reached, so the message waits. Switch the phone on and wait a moment.';
  }
  if (state.phone.unread > 0) return 'Step 4: tap the phone to read it, and watch the ticks.';
  if (sent.at(-1).status === 'pending') return 'The message is on its way to the phone.';
  if (sent.at(-1).status === 'failed') return 'The message failed. The conversation shows the reason.';
  if (!hasWritten) {
    return `Step 5: ${state.phone.isOpen ? '' : 'open the phone and '}reply as the contact.`;
  }
  if (state.provider?.isEmail) return 'The email and the reply have arrived. Now try a picture, or let an email bounce.';
  return 'The message and the reply have arrived. Now try a picture, STOP and START, or flight mode.';
}

function bubble({ id, text, subject, attachments, at, app, canBounce, hasBounced }, isOwn, status) {
  const item = document.createElement('li');
  item.className = `bubble ${isOwn ? 'own' : 'other'}`;
  if (subject) {
    const title = document.createElement('strong');
    title.className = 'subject';
    title.textContent = subject;
    item.append(title);
  }
  item.append(...attachments.map(attachment));
  if (text) {
    const body = document.createElement('span');
    body.textContent = text;
    item.append(body);
  }
  item.append(meta(at, isOwn ? status : null, app));
  if (canBounce || hasBounced) item.append(bounceButton(id, hasBounced));
  if (status?.error) {
    const reason = document.createElement('span');
    reason.className = 'reason';
    reason.textContent = status.error;
    item.append(reason);
  }
  return item;
}

/** A button with which a received email comes back to its sender. */
function bounceButton(id, isDone) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'bounce';
  button.dataset.bounce = id;
  button.disabled = isDone;
  button.textContent = isDone ? 'Bounced' : 'Let it bounce';
  return button;
}

/** A picture, or a link where it is no picture or can't be shown. */
function attachment({ url, isPicture }) {
  const link = document.createElement('a');
  link.href = url;
  link.target = '_blank';
  link.rel = 'noopener';
  link.textContent = url.split('/').at(-1);
  if (!isPicture) return link;
  const image = new Image();
  image.alt = 'Picture';
  image.className = 'picture';
  image.src = url;
  image.addEventListener('error', () => image.replaceWith(link));
  return image;
}

function meta(at, status, app) {
  const line = document.createElement('span');
  line.className = 'meta';
  if (app) {
    const badge = document.createElement('span');
    badge.className = `app app-${app.toLowerCase()}`;
    badge.textContent = app;
    line.append(badge);
  }
  const time = document.createElement('time');
  time.dateTime = at;
  time.title = new Date(at).toLocaleString();
  time.textContent = new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  line.append(time);
  if (status) {
    const tick = document.createElement('span');
    tick.className = `tick tick-${status.status}`;
    tick.dataset.status = status.status;
    tick.setAttribute('role', 'img');
    tick.setAttribute('aria-label', ticks[status.status].label);
    tick.title = ticks[status.status].label;
    tick.textContent = ticks[status.status].text;
    line.append(tick);
  }
  return line;
}

function list(element, items, make) {
  const isAtEnd = element.scrollHeight - element.scrollTop - element.clientHeight < 40;
  element.replaceChildren(...items.map(make));
  if (isAtEnd) element.scrollTop = element.scrollHeight;
}

function options(select, items, current) {
  select.replaceChildren(...items.map(({ id, name }) => new Option(name, id, id === current, id === current)));
}

function choose(name, value) {
  if (name === 'location') chosen.delete('contact');
  chosen.set(name, value);
  history.replaceState(null, '', `#${chosen}`);
  refresh();
}

function onSubmit(form, input, make) {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const { value } = input;
    act(() => make(value));
    input.value = '';
    input.focus();
  });
}

const placeRef = () => ({ locationId: state.location.id, providerKey: state.provider?.key });
const contactRef = () => ({ locationId: state.location.id, contactId: state.contact?.id, providerKey: state.provider?.key });
byId('location').addEventListener('change', ({ target }) => choose('location', target.value));
byId('contact').addEventListener('change', ({ target }) => choose('contact', target.value));
byId('provider').addEventListener('change', ({ target }) => choose('provider', target.value));
byId('phone-thread').addEventListener('click', ({ target }) => {
  const { bounce } = target.closest('button')?.dataset ?? {};
  if (bounce) act(() => ({ do: 'bounce', id: bounce }));
});
byId('connect').addEventListener('click', () => act(() => ({ do: 'connect', ...placeRef() })));
byId('lock').addEventListener('click', async () => {
  await act(() => ({ do: 'open_phone', isOpen: true }));
  byId('reply-text').focus();
});
byId('put-away').addEventListener('click', () => act(() => ({ do: 'open_phone', isOpen: false })));
byId('modes').addEventListener('change', ({ target }) => act(() => ({ do: 'set_phone_mode', mode: target.value })));
byId('account').addEventListener('change', ({ target }) =>
  act(() => ({ do: 'set_account_refused', ...placeRef(), isRefused: target.value === 'refused' })),
);
byId('quick').addEventListener('click', ({ target }) => {
  const { text, picture } = target.closest('button')?.dataset ?? {};
  if (text) act(() => ({ do: 'reply', ...contactRef(), text }));
  if (!picture) return;
  const { value } = byId('reply-text');
  act(() => ({ do: 'reply', ...contactRef(), text: value, picture }));
  byId('reply-text').value = '';
});
onSubmit(byId('run-action'), byId('action-text'), (text) => ({ do: 'run_action', ...contactRef(), text }));
byId('add-trigger').addEventListener('click', () =>
  act(() => ({ do: 'add_trigger', locationId: state.location.id, key: byId('trigger').value })),
);
onSubmit(byId('composer'), byId('text'), (text) => ({ do: 'send', ...contactRef(), text }));
onSubmit(byId('reply'), byId('reply-text'), (text) => ({ do: 'reply', ...contactRef(), text }));

new EventSource('/desk/events').addEventListener('message', refresh);
