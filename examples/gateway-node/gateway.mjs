// A gateway for Patchbay in Node (20 or later), without dependencies. See README.md in the folder above it.
import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';

const { PORT = '8800', GATEWAY_SECRET = '', CALLBACK_URL = '' } = process.env;
if (!/^whsec_/.test(GATEWAY_SECRET) || !CALLBACK_URL) {
  console.error('Set GATEWAY_SECRET (whsec_...) and CALLBACK_URL (https://your-patchbay/channels/<connection id>).');
  process.exit(1);
}
const key = Buffer.from(GATEWAY_SECRET.replace('whsec_', ''), 'base64');
const toleranceSeconds = 300;

/** Replace this with your provider. @returns its id of the message; throws a `Refusal` where it refuses one */
async function sendToProvider({ to, text }) {
  if (!/^\+\d{6,15}$/.test(to ?? '') && !/^[^@\s]+@[^@\s]+$/.test(to ?? '')) throw new Refusal(400, '21211', 'not an address');
  if (to === '+15005550001') throw new Refusal(400, '21610', 'the contact has opted out');
  if (to === '+15005550002') throw new Refusal(429, 'busy', 'too many messages');
  console.log(`to ${to}: ${text}`);
  return randomUUID();
}

class Refusal extends Error {
  constructor(status, code, message) {
    super(message);
    Object.assign(this, { status, code });
  }
}

function sign(id, timestamp, body) {
  return createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest();
}

/** Verifies the raw bytes. During a change of the secret there are two signatures; one that matches is enough. */
function isSigned(headers, body) {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures } = headers;
  if (!id || !signatures || !/^\d+$/.test(timestamp ?? '')) return false;
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > toleranceSeconds) return false;
  const expected = sign(id, timestamp, body);
  return signatures.split(' ').some((signature) => {
    const given = Buffer.from(signature.replace(/^v1,/, ''), 'base64');
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}

/** Responses by webhook-id. A repeat gets the same one, also while the first is being sent. Keep them in a database in earnest. */
const responses = new Map();

async function handleSend(id, body) {
  let message;
  try {
    message = JSON.parse(body);
  } catch {
    return { status: 400, body: { error: { code: 'json', message: 'the body is not JSON' } } };
  }
  const known = responses.get(id);
  if (known) return known;
  const sending = send(message);
  responses.set(id, sending);
  const response = await sending;
  // A refusal for now is no result: the next attempt is made.
  if ([408, 425, 429].includes(response.status) || response.status >= 500) responses.delete(id);
  return response;
}

async function send(message) {
  try {
    const externalId = await sendToProvider(message);
    void report(message, externalId);
    return { status: 200, body: { externalId, status: 'accepted' } };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { status: error.status, body: { error: { code: error.code, message: error.message } } };
  }
}

/** A provider reports these later by a webhook of its own. */
async function report(message, externalId) {
  await callBack('status', { externalId, status: 'delivered', at: new Date().toISOString() });
  if (message.text === 'ping') {
    await callBack('inbound', { externalId: randomUUID(), from: message.to, to: message.from ?? '+15005550006', text: 'pong' });
  }
}

/** Calls Patchbay, and again for a while where it is not available. */
async function callBack(event, content) {
  const body = JSON.stringify(content);
  for (const delay of [0, 1, 5, 30, 300]) {
    await new Promise((resolve) => setTimeout(resolve, delay * 1000));
    const id = randomUUID();
    const timestamp = String(Math.floor(Date.now() / 1000));
    const headers = {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': `v1,${sign(id, timestamp, body).toString('base64')}`,
    };
    const response = await fetch(`${CALLBACK_URL}/${event}`, { method: 'POST', headers, body }).catch(() => null);
    if (response && response.status < 500) return;
  }
  console.error(`Patchbay could not be reached: ${event} is lost.`);
}

createServer(async (request, reply) => {
  const respond = ({ status, body }) => {
    reply.writeHead(status, { 'content-type': 'application/json', ...(status === 429 ? { 'retry-after': '5' } : {}) });
    reply.end(JSON.stringify(body));
  };
  try {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    if (request.method !== 'POST' || request.url !== '/send') {
      return respond({ status: 404, body: { error: { code: 'not_found', message: 'POST /send' } } });
    }
    if (!isSigned(request.headers, body)) {
      return respond({ status: 401, body: { error: { code: 'signature', message: 'wrong signature' } } });
    }
    respond(await handleSend(request.headers['webhook-id'], body.toString('utf8')));
  } catch (error) {
    console.error(error);
    respond({ status: 500, body: { error: { code: 'internal', message: 'try again' } } });
  }
}).listen(Number(PORT), () => console.log(`gateway at http://127.0.0.1:${PORT}/send`));
