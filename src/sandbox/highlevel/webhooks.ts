import type { SimContact, SimMessage } from './state.ts';
import type { SimWorld } from './world.ts';

/** Posts bytes to the app, signed unless an option says otherwise. @returns the HTTP status, 0 without a response */
export async function postSigned(
  world: SimWorld,
  path: string,
  body: string,
  options: { signature?: string | null } = {},
): Promise<number> {
  const signature = options.signature === undefined ? world.signer.sign(Buffer.from(body)) : options.signature;
  try {
    const response = await world.http.post(`${world.app.baseUrl}${path}`, body, {
      headers: {
        'content-type': 'application/json',
        ...(signature === null ? {} : { 'x-ghl-signature': signature }),
      },
      transformRequest: (data: unknown) => data,
      validateStatus: () => true,
    });
    return response.status;
  } catch {
    // The app is down or restarting. The caller sees status 0.
    return 0;
  }
}

/** Posts a message to its provider's Delivery URL, the same bytes every time (platform.md 3.3). */
export async function postDelivery(world: SimWorld, message: SimMessage, contact: SimContact): Promise<number> {
  const provider = world.app.providers.find(({ key }) => key === message.providerKey);
  if (!provider) return 0;
  message.payload ??= JSON.stringify(toPayload(provider, message, contact));
  return postSigned(world, `/webhooks/providers/${provider.key}`, message.payload);
}

function toPayload(provider: SimWorld['app']['providers'][number], message: SimMessage, contact: SimContact) {
  const ids = { contactId: contact.id, locationId: message.locationId, messageId: message.id };
  const extra = provider.kind.endsWith('-extra')
    ? { conversationId: message.conversationId, conversationProviderId: provider.id }
    : {};
  const reply = provider.kind.endsWith('-extra') && message.replyToAltId ? { replyToAltId: message.replyToAltId } : {};
  const user = { ...reply, attachments: message.attachments, userId: 'SandboxUser000000001' };
  if (provider.kind.startsWith('email')) {
    return {
      ...ids,
      ...extra,
      ...user,
      emailMessageId: message.emailMessageId,
      type: provider.kind === 'email' ? 'Email' : 'Custom',
      emailTo: message.emailTo ?? [contact.email],
      emailFrom: 'Sandbox <sandbox@example.com>',
      html: `<p>${message.text}</p>`,
      subject: message.text.slice(0, 40),
    };
  }
  return { ...ids, ...extra, type: 'SMS', phone: contact.phone, message: message.text, ...user };
}
