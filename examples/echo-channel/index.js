import { createHmac, timingSafeEqual } from 'node:crypto';
import * as z from 'zod';

/** @import { Capabilities, Channel, ChannelContext, ChannelEvent, ChannelTools, OutboundMessage, SendOutcome, VerifyResult, WebhookRequest } from 'patchbay/channel' */

const configSchema = z.strictObject({
  baseUrl: z
    .url({ protocol: /^https?$/ })
    .default('https://api.echo.example')
    .meta({ title: 'API address', advanced: true }),
  apiKey: z.string().trim().min(1).meta({ title: 'API key', sensitive: true, sentTo: 'baseUrl' }),
  webhookSecret: z
    .string()
    .trim()
    .min(1)
    .meta({ title: 'Webhook secret', sensitive: true, sentTo: [], generate: 'signingSecret' }),
});

/** @typedef {z.output<typeof configSchema>} EchoConfig */
/** @typedef {ChannelContext<EchoConfig>} Context */

/** @type {Capabilities} */
const capabilities = {
  messageTypes: ['sms'],
  addressType: 'phone',
  attachments: 'urls',
  receipts: true,
  idempotent: false,
  vendorAddresses: false,
  managesOptOuts: true,
};

/**
 * Calls Echo's API.
 *
 * @param {ChannelTools} tools
 * @param {Context} context
 * @param {{ method: 'get' | 'post', path: string, body?: object }} request
 * @returns {Promise<{ status: number, retryAfter: string, body: any } | { failure: Extract<SendOutcome, { kind: 'unavailable' | 'unknown' }> }>}
 */
async function callApi({ toRequestFailure }, { connection: { config }, http, signal }, { method, path, body }) {
  try {
    const headers = { authorization: `Bearer ${config.apiKey}` };
    const response = await http.request({ method, url: config.baseUrl + path, data: body, headers, signal });
    return {
      status: response.status,
      retryAfter: String(response.headers['retry-after'] ?? ''),
      body: parseJson(String(response.data)) ?? {},
    };
  } catch (error) {
    const { sent, message } = toRequestFailure(error);
    const text = `Echo could not be reached: ${message}.`;
    return sent === 'no'
      ? { failure: { kind: 'unavailable', code: 'unreachable', message: text } }
      : { failure: { kind: 'unknown', code: 'no_response', message: text } };
  }
}

/** @param {string} text @returns {any} undefined for a text that is not JSON, such as the page of a proxy */
function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @param {ChannelTools} tools @param {Context} context @param {OutboundMessage} message @returns {Promise<SendOutcome>} */
async function send(tools, context, { id, to, from, text, attachments }) {
  const body = { reference: id, to, from, text: text ?? '', media: attachments };
  const result = await callApi(tools, context, { method: 'post', path: '/messages', body });
  if ('failure' in result) return result.failure;
  const { status, retryAfter } = result;
  const response = `HTTP ${status}`;
  if (status === 201) return { kind: 'accepted', externalIds: [String(result.body.id)], response };
  const reason = {
    code: String(result.body.code ?? `http_${status}`),
    message: String(result.body.message ?? `Echo responded with ${status}.`),
    response,
  };
  if (status === 401) return { kind: 'connection_error', ...reason };
  if (status === 429 || status >= 500) {
    return { kind: 'unavailable', ...reason, ...(retryAfter === '' ? {} : { retryAfterMs: Number(retryAfter) * 1000 }) };
  }
  return { kind: 'rejected', isAuthoritative: true, ...reason, ...(reason.code === 'stopped' ? { optedOut: 'all' } : {}) };
}

/** @param {ChannelTools} tools @param {Context} context @param {OutboundMessage} message @returns {Promise<SendOutcome | null>} */
async function lookUpSend(tools, context, { id }) {
  const result = await callApi(tools, context, { method: 'get', path: `/messages?reference=${id}` });
  const found = 'failure' in result ? undefined : result.body.messages?.[0];
  return found ? { kind: 'accepted', externalIds: [String(found.id)] } : null;
}

/** @param {ChannelTools} tools @param {Context} context @returns {Promise<VerifyResult>} */
async function verify(tools, context) {
  const result = await callApi(tools, context, { method: 'get', path: '/account' });
  if ('failure' in result) return { ...result.failure, kind: 'unavailable' };
  const { status, body } = result;
  if (status === 200) return { kind: 'verified', account: String(body.name) };
  if (status !== 401) return { kind: 'unavailable', code: `http_${status}`, message: `Echo responded with ${status}.` };
  const message = 'Echo does not accept this API key.';
  return { kind: 'rejected', problems: [{ field: 'apiKey', code: 'wrong_key', message }] };
}

/** @param {ChannelTools} tools @param {Context} context @param {WebhookRequest} request */
function receive({ createWebhookError }, { connection: { config, previousConfig } }, { path, headers, body }) {
  if (path !== 'events') throw createWebhookError('not_found', 'Echo calls the path "events" only.');
  const signature = Buffer.from(String(headers['x-echo-signature']), 'hex');
  const isSignedWith = (/** @type {string} */ secret) => {
    const expected = createHmac('sha256', secret).update(body).digest();
    return signature.length === expected.length && timingSafeEqual(signature, expected);
  };
  if (![config, previousConfig].some((one) => one && isSignedWith(one.webhookSecret))) {
    throw createWebhookError('signature_invalid', 'The signature of the webhook is missing or wrong.');
  }
  const payload = parseJson(body.toString('utf8'));
  if (!Array.isArray(payload?.events)) throw createWebhookError('payload_invalid', 'The body has no list of events.');
  return { events: payload.events.flatMap(toEvent) };
}

/** @param {any} event @returns {ChannelEvent[]} none for an event of another kind */
function toEvent({ type, id, from, text, status, error, files }) {
  switch (type) {
    case 'status':
      return [
        { kind: 'receipt', receipt: { externalId: String(id), state: status, error: status === 'failed' ? error : undefined } },
      ];
    case 'message': {
      const attachments = (files ?? []).map((/** @type {unknown} */ ref) => ({ ref: String(ref) }));
      return [{ kind: 'inbound', inbound: { externalId: String(id), from, text, attachments, sentExternally: false } }];
    }
    case 'stop':
    case 'start':
      return [{ kind: 'opt_out', optOut: { address: from, optedOut: type === 'stop', category: 'all' } }];
    default:
      return [];
  }
}

/** @param {ChannelTools} tools @returns {Channel<EchoConfig>} */
export default function createEchoChannel(tools) {
  return {
    type: 'echo',
    title: 'Echo',
    configSchema,
    capabilities,
    send: (context, message) => send(tools, context, message),
    lookUpSend: (context, message) => lookUpSend(tools, context, message),
    fetchAttachment({ connection: { config }, fetchFile }, ref) {
      // The file's name is the vendor's; the host must not be, or the key would go to any host that a webhook names.
      const url = `${config.baseUrl}/files/${encodeURIComponent(ref)}`;
      return fetchFile(url, { authorization: `Bearer ${config.apiKey}` });
    },
    setup: { verify: (context) => verify(tools, context) },
    webhooks: {
      paths: ['events'],
      signatureHeader: 'x-echo-signature',
      receive: (context, request) => receive(tools, context, request),
    },
  };
}
