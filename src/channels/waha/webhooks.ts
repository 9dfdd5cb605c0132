import { createHmac } from 'node:crypto';
import { AppError } from '../../core/errors.ts';
import { safeEqual } from '../../core/safe-equal.ts';
import type { ChannelWebhooks } from '../channel.ts';
import { toInboundEvents } from '../whatsapp-web/inbound.ts';
import type { Person } from '../whatsapp-web/jid.ts';
import type { LidBook } from '../whatsapp-web/lid-book.ts';
import { toLinkEvents } from '../whatsapp-web/session-state.ts';
import { callWaha } from './api.ts';
import { type WahaConfig, type WahaContext, webhookPath } from './config.ts';
import { readWebhook } from './read-webhook.ts';
import { readLidPhone } from './responses.ts';
import { toLinkKey } from './session.ts';

export const signatureHeader = 'x-webhook-hmac';

const maxBodyBytes = 4 * 1024 * 1024;
const lookUpTimeoutMs = 3_000;

/** Creates the channel's webhooks: events of one session, each signed. */
export function createWahaWebhooks(lids: LidBook): ChannelWebhooks<WahaConfig> {
  return {
    // Registered by the program alone: an address that is entered by hand would bring each message twice.
    paths: [webhookPath],
    signatureHeader,
    maxBodyBytes,
    async receive(context, { path, method, headers, body }) {
      if (path !== webhookPath || method !== 'POST') throw new AppError('not_found', 'This channel has one webhook: webhook.');
      requireWahaSignature(listKeys(context), headers[signatureHeader], body);
      const content = readWebhook(body, context.connection.config.session);
      switch (content.kind) {
        case 'events':
          return { events: content.events };
        case 'link':
          return { events: await toLinkEvents(context, toLinkKey(context.connection.config), content.state) };
        case 'message': {
          const person = await resolvePerson(lids, context, content.message.person);
          return { events: toInboundEvents({ ...content.message, person }) };
        }
        case 'ignored':
          context.log.debug({ reason: content.reason }, 'waha webhook without content for the connection');
          return { events: [] };
      }
    },
  };
}

/** Returns the keys that count: the current one, and for a day the one before. */
function listKeys({ connection: { config, previousConfig } }: WahaContext): string[] {
  return [config.hmacKey, previousConfig?.hmacKey].filter((key) => key !== undefined);
}

/**
 * Verifies that the sender knows one of the keys, over the raw bytes. The time of the webhook is not signed: a repeat is recognised by the
 * ids in it.
 *
 * @throws AppError `signature_invalid`
 */
export function requireWahaSignature(keys: readonly string[], header: string | string[] | undefined, body: Buffer): void {
  const given = typeof header === 'string' ? header.trim().toLowerCase() : '';
  const isSigned = keys.some((key) => safeEqual(given, createHmac('sha512', key).update(body).digest('hex')));
  if (!isSigned) throw new AppError('signature_invalid', 'The signature is missing or made with another HMAC key.');
}

/** Finds the number of a person of whom a message names the hidden id alone. Without one the person is known by the hidden id. */
async function resolvePerson(lids: LidBook, context: WahaContext, person: Person): Promise<Person> {
  if (person.lid === undefined || person.phone !== undefined) {
    if (person.lid !== undefined && person.phone !== undefined) await lids.add(context, person.lid, person.phone);
    return person;
  }
  const known = await lids.find(context, person.lid);
  if (known !== undefined) return { ...person, phone: known };
  const path = `/api/${encodeURIComponent(context.connection.config.session)}/lids/${encodeURIComponent(person.lid)}`;
  const found = await callWaha(context, { method: 'GET', path, timeoutMs: lookUpTimeoutMs });
  const phone = found.kind === 'ok' ? readLidPhone(found.body) : undefined;
  if (phone !== undefined) await lids.add(context, person.lid, phone);
  return { ...person, phone };
}
