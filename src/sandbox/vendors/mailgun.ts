import type { Axios } from 'axios';
import type { Response, Router } from 'express';
import type { Clock } from '../../core/clock.ts';
import type { RandomSource } from '../../core/ids.ts';
import { createApi, respondError } from './mailgun/api.ts';
import { checkSend, findAddress, getFirst, listMistakes, type MailForm, toMail } from './mailgun/rules.ts';
import {
  createDemoState,
  type MailgunState,
  type SimDomain,
  type SimEvent,
  type SimMail,
  type SuppressionList,
} from './mailgun/state.ts';
import {
  createPoster,
  encodeForm,
  findRoutes,
  type InboundMail,
  signEvent,
  toInboundFields,
  toWebhookName,
} from './mailgun/webhooks.ts';

/** A fault of the next sends, until another is set. `cut`, `error_after_accepting` and `hang_after_accepting` have accepted the email. */
export type MailgunFault =
  | { kind: 'error'; status: number; message?: string; html?: string; retryAfterSeconds?: number }
  | { kind: 'error_after_accepting' | 'hang' | 'hang_after_accepting' | 'drop' | 'cut' | 'greeting' };

export type SimulatedMailgun = ReturnType<typeof createMailgun>;

const suppressed: Readonly<Record<SuppressionList, { code: number; message: string }>> = {
  bounce: { code: 605, message: 'Not delivering to previously bounced address' },
  unsubscribe: { code: 606, message: 'Not delivering to unsubscribed address' },
  complaint: { code: 607, message: 'Not delivering to a user who marked your messages as spam' },
};

/**
 * Creates a simulated Mailgun: it accepts requests as strictly as Mailgun, keeps lists of addresses that it does not send to, posts signed webhooks
 * and breaks on request. An email stays accepted until a test delivers it, or fails it, for a recipient.
 */
export function createMailgun(options: {
  clock: Clock;
  random: RandomSource;
  /** For webhooks. */
  http: Axios;
  /** Address of its router. */
  url: () => string;
  state?: MailgunState | undefined;
  onChange?: () => void;
  /** Called for each accepted email. */
  onMessage?: (message: SimMail) => void;
  /** Called for each request to send, accepted or not. */
  onSend?: () => void;
}) {
  const { clock, random, http, url, onChange: notifyChange = () => undefined } = options;
  const state = options.state ?? createDemoState(random);
  const signing = { clock, random, state };
  const poster = createPoster({ clock, http });
  const mistakes: string[] = [];
  let fault: MailgunFault | null = null;

  function addEvent(message: SimMail, event: string, fields: Record<string, unknown>): SimEvent {
    const added: SimEvent = {
      ...{ id: random(16).toString('base64url'), event, timestamp: clock.now() / 1000 },
      ...{ domain: message.domain, messageId: message.id, fields },
    };
    state.events.push(added);
    notifyChange();
    return added;
  }

  function report(message: SimMail, event: string, fields: Record<string, unknown>): Promise<unknown> {
    const added = addEvent(message, event, fields);
    const name = toWebhookName(added);
    const urls = state.domains.find((one) => one.name === message.domain)?.webhooks[name] ?? [];
    return Promise.all(urls.map((address) => poster.postEvent(address, signEvent(signing, added), name)));
  }

  function accept(domain: SimDomain, form: MailForm): SimMail {
    mistakes.push(...listMistakes(form));
    const chosen = getFirst(form, 'h:Message-Id')?.replace(/^<|>$/g, '');
    const message = toMail(domain, form, chosen ?? `${random(10).toString('hex')}@${domain.name}`, clock.now());
    state.messages.push(message);
    for (const recipient of message.to) void report(message, 'accepted', { recipient: findAddress(recipient) });
    clock.setTimeout(() => reportSuppressed(message), 0);
    options.onMessage?.(message);
    return message;
  }

  function reportSuppressed(message: SimMail): void {
    for (const recipient of message.to.flatMap((one) => findAddress(one) ?? [])) {
      const entry = state.suppressions.find(({ address }) => address.toLowerCase() === recipient.toLowerCase());
      if (!entry) continue;
      const { code, message: words } = suppressed[entry.list];
      void report(message, 'failed', {
        ...{ recipient, severity: 'permanent', reason: `suppress-${entry.list}` },
        'delivery-status': { code, message: '', description: words, 'attempt-no': 1 },
      });
    }
  }

  function send(domain: SimDomain, form: MailForm, response: Response): void {
    // A request without any field is how a key is tried.
    if (form.fields.length > 0) options.onSend?.();
    if (fault?.kind === 'hang') return;
    if (fault?.kind === 'drop') return void response.socket?.destroy();
    if (fault?.kind === 'greeting') return void response.type('text/plain').send('Mailgun Magnificent API');
    if (fault?.kind === 'error') {
      if (fault.retryAfterSeconds !== undefined) response.set('retry-after', String(fault.retryAfterSeconds));
      if (fault.html !== undefined) return void response.status(fault.status).type('html').send(fault.html);
      return void respondError(response, fault.status, fault.message ?? 'A fault of the simulator');
    }
    const refusal = checkSend(state, domain, form);
    if (refusal) return void respondError(response, refusal.status, refusal.message);
    const message = accept(domain, form);
    if (fault?.kind === 'hang_after_accepting') return;
    if (fault?.kind === 'cut') return void response.socket?.destroy();
    if (fault) return void respondError(response, 500, 'Internal Server Error');
    response.json({ id: `<${message.id}>`, message: 'Queued. Thank you.' });
  }

  function getMessage(id: string): SimMail {
    const message = state.messages.find((one) => one.id === id);
    if (!message) throw new Error(`The simulator has no email ${id}.`);
    return message;
  }

  const recipientOf = (message: SimMail, recipient?: string) => recipient ?? findAddress(message.to[0] ?? '') ?? '';

  /** Stores the files of an email. @returns their addresses */
  function storeFiles(mail: InboundMail, domain: string): string[] {
    const key = random(16).toString('hex');
    return (mail.files ?? []).map(({ name, contentType, data }, index) => {
      state.files.push({ id: `${key}/${index}`, name, contentType, data: data.toString('base64') });
      return `${url()}/v3/domains/${domain}/messages/${key}/attachments/${index}`;
    });
  }

  function toStoredFields(mail: InboundMail) {
    const messageId = mail.messageId ?? `${random(10).toString('hex')}@mail.example`;
    return toInboundFields(signing, mail, messageId, storeFiles(mail, state.domains[0]?.name ?? ''));
  }

  const router: Router = createApi({
    ...{ state, random, send, onChange: notifyChange },
    onMistake: (mistake) => mistakes.push(mistake),
  });

  return {
    state,
    router,
    /** Requests that break Mailgun's description. */
    mistakes,
    setFault(next: MailgunFault | null) {
      fault = next;
    },
    deliver: (id: string, recipient?: string) =>
      report(getMessage(id), 'delivered', {
        ...{ recipient: recipientOf(getMessage(id), recipient), flags: { 'is-routed': false, 'is-test-mode': false } },
        'delivery-status': { code: 250, message: 'OK', 'attempt-no': 1 },
      }),
    fail: (id: string, status: { code: number; message: string; severity?: string; recipient?: string }) =>
      report(getMessage(id), 'failed', {
        recipient: recipientOf(getMessage(id), status.recipient),
        ...{ severity: status.severity ?? 'permanent', reason: 'generic' },
        'delivery-status': { code: status.code, message: status.message, 'attempt-no': 1 },
      }),
    complain(id: string, recipient?: string) {
      const address = recipientOf(getMessage(id), recipient);
      state.suppressions.push({ list: 'complaint', address });
      return report(getMessage(id), 'complained', { recipient: address });
    },
    unsubscribe(id: string, recipient?: string) {
      const address = recipientOf(getMessage(id), recipient);
      state.suppressions.push({ list: 'unsubscribe', address });
      return report(getMessage(id), 'unsubscribed', { recipient: address });
    },
    /** Receives an email of a contact, and runs the routes that match its recipient. */
    async receive(mail: InboundMail): Promise<void> {
      for (const action of findRoutes(state.routes, mail.to).flatMap(({ actions }) => actions)) {
        const [, notify] = /^store\(notify="([^"]+)"\)$/.exec(action) ?? [];
        const [, forward] = /^forward\("(https?:[^"]+)"\)$/.exec(action) ?? [];
        if (notify) await poster.postMail(notify, await encodeForm(toStoredFields(mail), []));
        if (forward) {
          const fields = toInboundFields(signing, mail, mail.messageId ?? `${random(10).toString('hex')}@mail.example`, null);
          await poster.postMail(forward, await encodeForm(fields, mail.files ?? []));
        }
      }
    },
    /** Builds the fields of a stored email's notice without posting it. */
    toStoredFields,
    /** Builds the fields of a forwarded email without posting it. */
    toForwardedFields: (mail: InboundMail) =>
      toInboundFields(signing, mail, mail.messageId ?? `${random(10).toString('hex')}@mail.example`, null),
    /** Signs the webhook of an event without posting it. */
    signEvent: (event: Omit<SimEvent, 'id' | 'timestamp'>) =>
      signEvent(signing, { id: random(16).toString('base64url'), timestamp: clock.now() / 1000, ...event }),
  };
}
