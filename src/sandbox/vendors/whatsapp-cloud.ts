import type { Axios } from 'axios';
import type { Router } from 'express';
import type { Clock } from '../../core/clock.ts';
import type { RandomSource } from '../../core/ids.ts';
import { fillTemplateText } from './whatsapp-cloud/check-message.ts';
import { createVendorError, type VendorError } from './whatsapp-cloud/errors.ts';
import { createMediaServer } from './whatsapp-cloud/media.ts';
import { createGraphRouter, type VendorFault, type VendorRequest } from './whatsapp-cloud/router.ts';
import {
  createWhatsAppState,
  getPerson,
  type VendorMessage,
  type VendorPerson,
  type WhatsAppVendorState,
} from './whatsapp-cloud/state.ts';
import { toMessageUpdate, toPreferenceUpdate, toStatusUpdate } from './whatsapp-cloud/updates.ts';
import { createWebhookSender } from './whatsapp-cloud/webhooks.ts';

export type { VendorFault, VendorRequest } from './whatsapp-cloud/router.ts';
export type { VendorMessage, VendorPerson, WhatsAppVendorState } from './whatsapp-cloud/state.ts';

export interface WhatsAppVendorOptions {
  clock: Clock;
  random: RandomSource;
  http: Axios;
  /** Base address under which the router is mounted. */
  getUrl: () => string;
  state?: Partial<WhatsAppVendorState> | undefined;
  /** Refuses more than one message in six seconds to one contact, after a burst of 45. */
  hasPairLimit?: boolean;
  onChange?: () => void;
  /** Called with each message that the simulator accepts. */
  onMessage?: (message: VendorMessage) => void;
  onRequest?: (request: VendorRequest) => void;
}

/** Message that a contact writes. */
export interface Received {
  /** A number, in any spelling. */
  from: string;
  name?: string;
  text?: string;
  media?: { type: 'image' | 'video' | 'audio' | 'document' | 'sticker'; data: Buffer; contentType: string; name?: string };
  replyTo?: string;
  /** The contact has a user name, and hides the number. */
  isNumberHidden?: boolean;
  /** A message of any other type, such as `{ type: 'location', location: {...} }`. */
  raw?: Record<string, unknown>;
}

export type WhatsAppVendor = ReturnType<typeof createWhatsAppVendor>;

const dayMs = 24 * 60 * 60 * 1000;
const pairIntervalMs = 6_000;
const pairBurst = 45;

/** Creates a simulated Meta with one business: its Graph API, its webhooks, and the phones of its contacts. */
export function createWhatsAppVendor(options: WhatsAppVendorOptions) {
  const { clock, random, onChange = () => {}, onMessage = () => {}, onRequest = () => {} } = options;
  const state = createWhatsAppState(random, options.state);
  const media = createMediaServer({ clock, random, state, getUrl: options.getUrl });
  const webhooks = createWebhookSender({ ...options, state });
  /** Theoretical arrival times of the pair limit. */
  const arrivals = new Map<string, number>();
  let fault: VendorFault | null = null;

  const createId = () => `wamid.${random(18).toString('base64url')}`;

  function accept(body: Record<string, unknown>): (VendorPerson & { id: string }) | VendorError {
    const person = getPerson(state, String(body.to ?? body.recipient));
    if (options.hasPairLimit && !isWithinPairLimit(person.waId)) return createVendorError(131056);
    const message = toVendorMessage(state, body, person, createId(), clock.now());
    state.messages.push(message);
    if (isOpen(person) || message.type === 'template') setStatus(message, 'sent');
    else
      fail(
        message.id,
        131047,
        'Message failed to send because more than 24 hours have passed since the customer last replied.',
      );
    onMessage(message);
    onChange();
    return { ...person, id: message.id };
  }

  function isOpen({ lastInboundAt }: VendorPerson): boolean {
    return lastInboundAt !== null && clock.now() - lastInboundAt < dayMs;
  }

  function isWithinPairLimit(waId: string): boolean {
    const now = clock.now();
    const arrival = Math.max(arrivals.get(waId) ?? 0, now);
    if (arrival - now > (pairBurst - 1) * pairIntervalMs) return false;
    arrivals.set(waId, arrival + pairIntervalMs);
    return true;
  }

  function setStatus(
    message: VendorMessage,
    status: VendorMessage['status'],
    error?: { code: number; details?: string },
  ): void {
    message.status = status;
    webhooks.schedule(toStatusUpdate(state, message, getPerson(state, message.waId), status, clock.now(), error));
    onChange();
  }

  function find(id: string): VendorMessage {
    const message = state.messages.find((one) => one.id === id);
    if (message) return message;
    throw new Error(`The simulated WhatsApp has no message ${id}.`);
  }

  function fail(id: string, code: number, details?: string): void {
    setStatus(find(id), 'failed', { code, ...(details === undefined ? {} : { details }) });
  }

  const router: Router = createGraphRouter({
    state,
    media,
    webhooks,
    getFault: () => fault,
    accept,
    onRequest,
    onChange,
  });

  return {
    state,
    router,
    /** Stores a file, as if a contact had sent it. @returns its id */
    storeMedia: (data: Buffer, contentType: string, name = 'file') =>
      media.store({ base64: data.toString('base64'), contentType, name }),
    expireMediaAddresses: media.expireAddresses,
    setFault(next: VendorFault | null): void {
      fault = next;
    },
    listMessages: (waId?: string) => state.messages.filter((message) => waId === undefined || message.waId === waId),
    deliver: (id: string) => setStatus(find(id), 'delivered'),
    markRead: (id: string) => setStatus(find(id), 'read'),
    fail,
    /** Posts a message from a contact's phone, which opens the window. @returns its id */
    receive({ from, name, text = '', media: file, replyTo, isNumberHidden, raw }: Received): string {
      const person = getPerson(state, from);
      if (name !== undefined) person.name = name;
      if (isNumberHidden !== undefined) person.isNumberHidden = isNumberHidden;
      const at = clock.now();
      person.lastInboundAt = at;
      const id = createId();
      const mediaId =
        file && media.store({ base64: file.data.toString('base64'), contentType: file.contentType, name: file.name ?? 'file' });
      state.messages.push({
        ...{ id, direction: 'inbound', waId: person.waId, type: file?.type ?? String(raw?.type ?? 'text'), text },
        ...{ media: mediaId ? [mediaId] : [], callbackData: null, replyTo: replyTo ?? null, status: 'delivered', at },
      });
      const content = file && mediaId ? { media: { id: mediaId, type: file.type } } : {};
      webhooks.schedule(toMessageUpdate(state, person, { id, at, text, replyTo, raw, ...content }));
      onChange();
      return id;
    },
    /** Ends the webhooks. */
    close: webhooks.stop,
    /** Stops or resumes marketing messages, as a contact does in WhatsApp. */
    setPreference(user: string, value: 'stop' | 'resume'): void {
      const person = getPerson(state, user);
      person.hasStoppedMarketing = value === 'stop';
      webhooks.schedule(toPreferenceUpdate(state, person, value, clock.now()));
      onChange();
    },
  };
}

/** Converts a request to the message that a phone shows. */
function toVendorMessage(
  state: WhatsAppVendorState,
  body: Record<string, unknown>,
  { waId }: VendorPerson,
  id: string,
  at: number,
): VendorMessage {
  const type = String(body.type);
  const content = body[type] as Record<string, unknown>;
  const context = body.context as { message_id: string } | undefined;
  const file = content.id ?? content.link;
  return {
    id,
    direction: 'outbound',
    waId,
    type,
    text: type === 'template' ? toTemplateText(state, content) : String(content.body ?? content.caption ?? ''),
    media: file === undefined ? [] : [String(file)],
    callbackData: (body.biz_opaque_callback_data as string | undefined) ?? null,
    replyTo: context?.message_id ?? null,
    status: 'accepted',
    at,
  };
}

function toTemplateText(state: WhatsAppVendorState, content: Record<string, unknown>): string {
  const { code } = content.language as { code: string };
  const template = state.templates.find(({ name, language }) => name === content.name && language === code);
  const [body] = (content.components ?? []) as { parameters: Record<string, unknown>[] }[];
  return template ? fillTemplateText(template, body?.parameters ?? []) : '';
}
