import type { Axios } from 'axios';
import type { Response, Router } from 'express';
import type { Clock } from '../../core/clock.ts';
import type { RandomSource } from '../../core/ids.ts';
import { createApi, respondError } from './resend/api.ts';
import { checkSend, findAddress, type SendBody } from './resend/rules.ts';
import { createDemoState, createId, type ResendState, type SimEmail, type SimReceived } from './resend/state.ts';
import { createPoster, signWebhook, toReceivedEvent, toSentEvent } from './resend/webhooks.ts';

/** A fault of the next sends, until another is set. `cut`, `error_after_accepting` and `hang_after_accepting` have accepted the email. */
export type ResendFault =
  | { kind: 'error'; status: number; name: string; message?: string; retryAfterSeconds?: number }
  | { kind: 'html'; status: number; body: string }
  | { kind: 'error_after_accepting' | 'hang' | 'hang_after_accepting' | 'drop' | 'cut' };

/** An email from a contact. */
export interface InboundMail {
  from: string;
  to: string;
  subject?: string;
  text?: string;
  html?: string;
  /** Message-ID, without angle brackets. */
  messageId?: string;
  headers?: Readonly<Record<string, string>>;
  files?: readonly { name: string; contentType: string; data: Buffer }[];
}

export type SimulatedResend = ReturnType<typeof createResend>;

const dayMs = 24 * 60 * 60 * 1000;

/**
 * Creates a simulated Resend: it accepts requests as strictly as Resend, recognises idempotency keys for a day, posts signed webhooks and breaks on
 * request. An email stays sent until a test delivers it, or lets it bounce.
 */
export function createResend(options: {
  clock: Clock;
  random: RandomSource;
  /** For webhooks. */
  http: Axios;
  /** Address of its router. */
  url: () => string;
  state?: ResendState | undefined;
  onChange?: () => void;
  /** Called for each accepted email. */
  onMessage?: (email: SimEmail) => void;
  /** Called for each request to send, accepted or not. */
  onSend?: () => void;
  /** Chooses the fault of one send, before that of `setFault`. */
  pickFault?: (body: SendBody) => ResendFault | null;
}) {
  const { clock, random, http, url, onChange: notifyChange = () => undefined } = options;
  const state = options.state ?? createDemoState(random);
  const postWebhook = createPoster({ clock, random, http });
  const mistakes: string[] = [];
  let fixedFault: ResendFault | null = null;

  function post(type: string, event: object): Promise<unknown> {
    const takers = state.webhooks.filter(({ status, events }) => status === 'enabled' && events.includes(`email.${type}`));
    return Promise.all(takers.map((webhook) => postWebhook(webhook, event)));
  }

  function report(email: SimEmail, type: string, more: object = {}): Promise<unknown> {
    email.lastEvent = type;
    notifyChange();
    return post(type, toSentEvent(email, type, clock.now(), more));
  }

  function accept(body: SendBody): SimEmail {
    const id = createId(random);
    const email: SimEmail = {
      ...{ id, messageId: `<${random(20).toString('hex')}@email.amazonses.com>`, from: body.from, to: [body.to].flat() },
      ...{ replyTo: [body.reply_to ?? []].flat(), subject: body.subject, text: body.text ?? null, html: body.html ?? null },
      ...{ headers: body.headers ?? {}, tags: body.tags ?? [], lastEvent: 'queued', at: clock.now() },
      files: (body.attachments ?? []).map(({ filename, content, content_type: contentType = '' }) => ({
        ...{ name: filename, contentType, bytes: Buffer.from(content, 'base64').length },
      })),
    };
    state.emails.push(email);
    notifyChange();
    clock.setTimeout(() => {
      const isSuppressed = email.to.some((one) => state.suppressed.includes(findAddress(one) ?? ''));
      if (email.lastEvent === 'queued')
        void report(email, isSuppressed ? 'suppressed' : 'sent', isSuppressed ? suppression : {});
    }, 0);
    options.onMessage?.(email);
    return email;
  }

  function send(raw: unknown, key: string | undefined, response: Response): void {
    options.onSend?.();
    const checked = checkSend(state, raw);
    const fault = 'body' in checked ? (options.pickFault?.(checked.body) ?? fixedFault) : fixedFault;
    if (fault?.kind === 'hang') return;
    if (fault?.kind === 'drop') return void response.socket?.destroy();
    if (fault?.kind === 'html') return void response.status(fault.status).type('html').send(fault.body);
    if (fault?.kind === 'error') {
      if (fault.retryAfterSeconds !== undefined) response.set('retry-after', String(fault.retryAfterSeconds));
      const { status: statusCode, name, message = 'A fault of the simulator' } = fault;
      return void respondError(response, { statusCode, name, message });
    }
    if ('refusal' in checked) {
      if (checked.isMistake) mistakes.push(checked.refusal.message);
      return void respondError(response, checked.refusal);
    }
    if (key === undefined) mistakes.push('a send has no idempotency key');
    if (key !== undefined && key.length > 256) mistakes.push('an idempotency key is longer than 256 characters');
    const known = findKey(key);
    const body = JSON.stringify(raw);
    if (known && known.body !== body) {
      const message = 'This idempotency key was used with another request body.';
      return void respondError(response, { statusCode: 409, name: 'invalid_idempotent_request', message });
    }
    const id = known?.id ?? accept(checked.body).id;
    if (key !== undefined && !known) state.keys[key] = { body, id, at: clock.now() };
    if (fault?.kind === 'hang_after_accepting') return;
    if (fault?.kind === 'cut') return void response.socket?.destroy();
    if (fault)
      return void respondError(response, { statusCode: 500, name: 'internal_server_error', message: 'An error occurred.' });
    response.json({ id });
  }

  function findKey(key: string | undefined) {
    const known = key === undefined ? undefined : state.keys[key];
    return known && clock.now() - known.at < dayMs ? known : undefined;
  }

  function getEmail(id: string): SimEmail {
    const email = state.emails.find((one) => one.id === id);
    if (!email) throw new Error(`The simulator has no email ${id}.`);
    return email;
  }

  /** Keeps an email of a contact. */
  function keepReceived(mail: InboundMail): SimReceived {
    const { from, to, subject = 'Hello', text = null, html = null, headers = {}, files = [] } = mail;
    const messageId = mail.messageId ?? `${random(10).toString('hex')}@mail.example`;
    const received: SimReceived = {
      ...{ id: createId(random), messageId, from, to: [to], subject, text, html, at: clock.now() },
      headers: { from, to, subject, 'message-id': `<${messageId}>`, ...headers },
      files: files.map(({ name, contentType, data }) => ({
        ...{ id: createId(random), name, contentType, data: data.toString('base64') },
      })),
    };
    state.received.push(received);
    notifyChange();
    return received;
  }

  const router: Router = createApi({ state, random, url, send, onChange: notifyChange });
  const sign = (event: object) =>
    signWebhook(state.webhooks[0]?.secret ?? '', `msg_${random(12).toString('hex')}`, clock.now(), event);

  return {
    state,
    router,
    /** Requests that break Resend's description. */
    mistakes,
    setFault(next: ResendFault | null) {
      fixedFault = next;
    },
    deliver: (id: string) => report(getEmail(id), 'delivered'),
    bounce: (id: string, bounce: { type: string; subType: string; message: string }) =>
      report(getEmail(id), 'bounced', { bounce }),
    open: (id: string) => report(getEmail(id), 'opened'),
    complain(id: string) {
      const email = getEmail(id);
      state.suppressed.push(...email.to.flatMap((one) => findAddress(one) ?? []));
      return report(email, 'complained');
    },
    /** Receives an email of a contact, and posts its event. */
    receive: (mail: InboundMail) => post('received', toReceivedEvent(keepReceived(mail), clock.now())),
    /** Signs the event of an email that was sent, without posting it. */
    signSent: (email: SimEmail, type: string, more: object = {}) => sign(toSentEvent(email, type, clock.now(), more)),
    /** Keeps an email of a contact, and signs its event without posting it. */
    signReceived: (mail: InboundMail) => sign(toReceivedEvent(keepReceived(mail), clock.now())),
    /** Signs any event. */
    sign,
  };
}

const suppression = { suppressed: { type: 'OnAccountSuppressionList', message: 'The address is on the suppression list.' } };
