import { addAcceptedParts } from '../accepted-parts.ts';
import type { OutboundMessage, SendOutcome } from '../channel.ts';
import { type Recipient, toRecipient } from './addresses.ts';
import type { WhatsAppContext } from './config.ts';
import { callGraph } from './graph.ts';
import { prepareMedia } from './media.ts';
import { createRejection, type Failure, type PairBackoff, toFailure, windowClosedCode } from './outcome.ts';
import { maxTextChars, type Part, toParts, toSendBody } from './parts.ts';
import { planFallback, planTemplate, type TemplatePlan } from './plan-template.ts';
import { readMessageId } from './responses.ts';
import { parseTemplateCommand } from './template-command.ts';
import type { TemplateCache } from './templates.ts';
import { getWindow } from './window.ts';

export interface SendDeps {
  readonly templates: TemplateCache;
  readonly pairs: PairBackoff;
}

/** Makes one attempt to send a message, in parts where it has several. */
export async function sendMessage(deps: SendDeps, context: WhatsAppContext, message: OutboundMessage): Promise<SendOutcome> {
  const { config } = context.connection;
  const recipient = toRecipient(message);
  if (!recipient) return createRejection('address_invalid', 'The address is neither a phone number nor an id of WhatsApp’s.');
  const text = message.text?.trim() ?? '';
  const command = parseTemplateCommand(text);
  if (command.kind === 'invalid') return createRejection('template_invalid', command.problem);
  if (command.kind === 'template') {
    return sendTemplate(deps, context, message, recipient, await planTemplate(deps, context, message, command));
  }
  if (text === '' && message.attachments.length === 0) return createRejection('message_empty', 'The message is empty.');

  const canFallBack = config.outsideWindow === 'template' && config.fallbackTemplate !== undefined;
  const window = message.acceptedParts.length > 0 ? 'open' : await getWindow(context, message);
  const fallBack = async () =>
    sendTemplate(deps, context, message, recipient, await planFallback(deps, context, message, text));
  if (window === 'closed' && canFallBack) return fallBack();
  if (window === 'closed' && message.lastInboundAt) return createRejection(windowClosedCode, windowClosedMessage);
  if (text.length > maxTextChars) {
    const message = `The text has ${text.length} characters; WhatsApp takes ${maxTextChars} at most.`;
    return createRejection('text_too_long', message);
  }

  const parts = await prepareParts(context, message, text);
  if (!Array.isArray(parts)) return parts;
  const { outcome, sentCount } = await sendParts(deps, context, message, recipient, parts);
  const isWindowClosed = outcome.kind === 'rejected' && outcome.code === windowClosedCode;
  return isWindowClosed && canFallBack && sentCount === 0 ? fallBack() : outcome;
}

const windowClosedMessage =
  'The contact’s last message is more than 24 hours old, and WhatsApp then accepts approved templates alone. Send one ({{template:name|language|values}}), set a fallback template in the connection, or wait for a message.';

async function sendTemplate(
  deps: SendDeps,
  context: WhatsAppContext,
  message: OutboundMessage,
  recipient: Recipient,
  plan: TemplatePlan,
): Promise<SendOutcome> {
  if (plan.kind !== 'template') return plan.outcome;
  const { outcome } = await sendParts(deps, context, message, recipient, [{ type: 'template', content: plan.template }]);
  return outcome;
}

/** Prepares every attachment before the first part is sent, so that a missing file sends no half of a message. */
async function prepareParts(context: WhatsAppContext, message: OutboundMessage, text: string): Promise<Part[] | SendOutcome> {
  const sentCount = message.acceptedParts.length;
  const media = [];
  for (const [index, url] of message.attachments.entries()) {
    // The text may have been a part of its own.
    const prepared = await prepareMedia(context, url, index + 1 < sentCount);
    if ('failure' in prepared) return addAcceptedParts(prepared.failure, message.acceptedParts);
    media.push(prepared);
  }
  return toParts(text, media);
}

/** Sends the parts after those that an earlier attempt has sent, one after the other: Meta keeps no order among concurrent ones. */
async function sendParts(
  deps: SendDeps,
  context: WhatsAppContext,
  message: OutboundMessage,
  recipient: Recipient,
  parts: readonly Part[],
): Promise<{ outcome: SendOutcome; sentCount: number }> {
  const externalIds = [...message.acceptedParts];
  let response: string | undefined;
  for (const [index, part] of parts.entries()) {
    if (index < message.acceptedParts.length) continue;
    const sent = await sendPart(deps, context, toSendBody(message, recipient, part, { index, count: parts.length }));
    if ('failure' in sent) {
      if (part.type === 'template') deps.templates.forget(context, String(part.content.name));
      const { message: words } = sent.failure;
      const failure = { ...sent.failure, message: index > 0 ? `Part ${index + 1} of ${parts.length}: ${words}` : words };
      return { outcome: addAcceptedParts(failure, externalIds), sentCount: externalIds.length };
    }
    externalIds.push(sent.externalId);
    response = sent.response;
  }
  const outcome: SendOutcome = { kind: 'accepted', externalIds, ...(response === undefined ? {} : { response }) };
  return { outcome, sentCount: externalIds.length };
}

async function sendPart(
  deps: SendDeps,
  context: WhatsAppContext,
  body: Readonly<Record<string, unknown>>,
): Promise<{ externalId: string; response: string } | { failure: Failure }> {
  const { id, config } = context.connection;
  const pair = `${id} ${body.to ?? body.recipient}`;
  const result = await callGraph(context, { method: 'POST', path: `${config.phoneNumberId}/messages`, body });
  if (result.kind !== 'ok') return { failure: toFailure(result, () => deps.pairs.nextDelayMs(pair)) };
  deps.pairs.reset(pair);
  const externalId = readMessageId(result.body);
  if (externalId) return { externalId, response: result.log };
  const message = 'WhatsApp’s response has no message id.';
  return { failure: { kind: 'unknown', code: 'no_message_id', message, response: result.log } };
}
