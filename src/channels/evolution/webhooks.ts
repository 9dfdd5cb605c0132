import { AppError } from '../../core/errors.ts';
import { safeEqual } from '../../core/safe-equal.ts';
import type { ChannelEvent, ChannelWebhooks, WebhookRequest } from '../channel.ts';
import { toInboundEvents, type WebMessage } from '../whatsapp-web/inbound.ts';
import type { LidBook } from '../whatsapp-web/lid-book.ts';
import { toLinkEvents } from '../whatsapp-web/session-state.ts';
import { callEvolution } from './api.ts';
import { type EvolutionConfig, type EvolutionContext, webhookPath } from './config.ts';
import { type EventMessage, readStoredAuthor, readWebhook, toReceiptEvents } from './read-webhook.ts';
import { toLinkKey } from './session.ts';

/** Histories and contacts of a server with other settings than ours make large events. */
const maxBodyBytes = 8 * 1024 * 1024;
const lookUpTimeoutMs = 3_000;

/** Creates the channel's webhooks. They have no signature: a secret in a header, or in the address, proves them. */
export function createEvolutionWebhooks(lids: LidBook): ChannelWebhooks<EvolutionConfig> {
  return {
    // The program registers the address alone: an instance has one webhook only.
    paths: [webhookPath],
    maxBodyBytes,
    async receive(context, request) {
      const [first, ...rest] = request.path.split('/');
      if (first !== webhookPath || request.method !== 'POST') {
        throw new AppError('not_found', 'This channel has one webhook: webhook.');
      }
      requireSecret(context, request, rest);
      const { messages, receipts, link, ignored } = readWebhook(request.body, context.connection.config.instance);
      if (ignored.length > 0) context.log.debug({ reasons: ignored }, 'evolution webhook without content for the connection');
      const events: ChannelEvent[] = [...toReceiptEvents(receipts)];
      for (const message of messages) {
        const known = await withAuthor(context, message);
        if (known) events.push(...(await toEvents(lids, context, known)));
        else context.log.warn({ messageKey: message.changes }, 'evolution edit of a message that the server does not have');
      }
      if (link) events.push(...(await toLinkEvents(context, toLinkKey(context.connection.config), link)));
      return { events };
    },
  };
}

/**
 * Verifies that the sender knows the secret: in the header that we have registered, or in the address, for servers that send no headers. The
 * name of an event may follow in the address.
 *
 * @throws AppError `signature_invalid`
 */
function requireSecret({ connection }: EvolutionContext, { headers }: WebhookRequest, path: readonly string[]): void {
  const given = (headers.authorization ?? '').replace(/^Bearer\s+/i, '').trim();
  const secrets = [connection.config.webhookSecret, connection.previousConfig?.webhookSecret];
  const isProven = secrets.some(
    (secret) => secret !== undefined && [given, ...path].some((one) => one !== '' && safeEqual(one, secret)),
  );
  if (!isProven) throw new AppError('signature_invalid', 'The webhook lacks the secret of this connection.');
}

/**
 * Finds out who has written a change, by the message that it changes.
 *
 * @returns null where the server does not have that message, and the change may be a contact's
 * @throws AppError `vendor_unavailable`: the server repeats the event
 */
async function withAuthor(context: EvolutionContext, message: EventMessage): Promise<WebMessage | null> {
  const { changes, person, ownPhone } = message;
  if (changes === undefined) return message;
  const result = await callEvolution(context, {
    method: 'POST',
    path: '/chat/findMessages',
    body: { where: { key: { id: changes } } },
    timeoutMs: lookUpTimeoutMs,
  });
  if (result.kind === 'no_response') throw new AppError('vendor_unavailable', result.message);
  const author = result.kind === 'ok' ? readStoredAuthor(result.body, changes) : null;
  if (author) return { ...message, ...author };
  return person.phone === undefined || person.phone === ownPhone ? null : message;
}

/** Converts a message, with the number of a person whom it names by the hidden id alone, where an earlier one has shown both. */
async function toEvents(lids: LidBook, context: EvolutionContext, message: WebMessage): Promise<ChannelEvent[]> {
  const { phone, lid } = message.person;
  if (lid === undefined) return toInboundEvents(message);
  if (phone !== undefined) {
    await lids.add(context, lid, phone);
    return toInboundEvents(message);
  }
  return toInboundEvents({ ...message, person: { lid, phone: await lids.find(context, lid) } });
}
