import type { Channel, WebhookRequest } from '../../src/channels/channel.ts';
import { startVendor, type VendorResponse } from '../support/vendor.ts';
import type { VendorBehaviour, VendorSend, VendorUnderTest } from './vendor-under-test.ts';

/** A channel that speaks the gateway protocol, and its config for a vendor at an address. */
export interface GatewayChannel {
  readonly name: string;
  create(vendor: { url: string; secret: string }): { channel: Channel; config: Record<string, unknown> };
}

function toResponse(behaviour: VendorBehaviour, accept: () => VendorResponse): VendorResponse {
  if (typeof behaviour === 'object') return { status: 429, headers: { 'retry-after': String(behaviour.throttleMs / 1000) } };
  switch (behaviour) {
    case 'accept':
      return accept();
    case 'reject':
      return { status: 400, body: { error: { code: '21211', message: 'no such number' } } };
    case 'opted_out':
      return { status: 400, body: { error: { code: '21610', message: 'opted out' } } };
    case 'throttle':
      return { status: 429 };
    case 'server_error':
      return { status: 503, body: 'down' };
    case 'wrong_credentials':
      return { status: 401 };
    case 'hang':
      return 'hang';
    case 'cut_after_request':
      accept();
      return 'cut';
  }
}

/** Starts a gateway as a vendor of the contract suite. */
export async function startGatewayVendor({ name, create }: GatewayChannel): Promise<VendorUnderTest> {
  const vendor = await startVendor();
  const { channel, config } = create(vendor);
  const sends = new Map<string, VendorSend>();
  let behaviour: VendorBehaviour = 'accept';
  vendor.respondWith(({ headers, body: { to, text, attachments } }) => {
    const key = String(headers['webhook-id']);
    return toResponse(behaviour, () => {
      const send = sends.get(key) ?? { externalId: `g-${sends.size + 1}`, to, text: text ?? '', attachments };
      sends.set(key, send);
      return { body: { status: 'accepted', externalId: send.externalId } };
    });
  });
  const toRequest = (path: string, content: object): WebhookRequest => {
    const { headers, body } = vendor.signWebhook(content);
    return { method: 'POST', path, query: new URLSearchParams(), headers, body: Buffer.from(body) };
  };

  return {
    name,
    channel,
    config,
    secrets: [vendor.secret, vendor.secret.replace('whsec_', '')],
    wrongConfig: config,
    has: {
      ...{ receipts: true, read: true, lookUp: false, attachments: true, optOuts: false },
      ...{ throttleTime: true, authenticatedMedia: false, credentials: false },
    },
    behave(next) {
      behaviour = next;
    },
    listSends: () => [...sends.values()],
    countRequests: () => vendor.requests.length,
    get violations() {
      return vendor.wrongSignatures.map(({ body }) => `the request of ${body.id} has a wrong signature`);
    },
    receipt: (_webhookUrl, { externalId }, _messageId, state) =>
      toRequest('status', {
        externalId,
        status: state,
        ...(state === 'failed' ? { error: { code: '30003', message: 'off' } } : {}),
      }),
    inbound(_webhookUrl, { picture, ...content }) {
      const attachments = picture ? [vendor.serveFile('picture', picture.data, picture.contentType)] : [];
      return toRequest('inbound', { ...content, attachments });
    },
    optOut: (_webhookUrl, from, optedOut) =>
      toRequest('inbound', { externalId: `word-${optedOut}`, from, text: optedOut ? 'STOP' : 'START' }),
    forge: (request) => ({ ...request, headers: { ...request.headers, 'webhook-signature': `v1,${'A'.repeat(43)}=` } }),
    close: vendor.close,
  };
}
