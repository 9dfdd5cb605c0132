import { maxChars } from '../../core/bounds.ts';
import { toId, toObject, toText, toTime } from '../../core/foreign.ts';
import type { ChannelEvent, ReceiptContent } from '../channel.ts';
import { toContactAddress } from './addresses.ts';
import { findErrorRule } from './error-codes.ts';
import { type GraphError, readErrors } from './graph-error.ts';
import { describeGraphError, windowClosedCode } from './outcome.ts';
import { parseCallbackData } from './parts.ts';

/** States by Meta's word; others, such as `deleted` and `warning`, are no news of a delivery. */
const states: Readonly<Record<string, ReceiptContent['state']>> = {
  sent: 'accepted',
  delivered: 'delivered',
  read: 'read',
  // A voice message was played.
  played: 'read',
  failed: 'failed',
};

/**
 * Reads one status of a message as a receipt, and what its error says about the account or the contact. Our id comes back in
 * `biz_opaque_callback_data`, so that a status can precede the response to its send, and prove a send whose response was lost.
 *
 * @returns null for an unreadable status
 */
export function readStatus(value: unknown): ChannelEvent[] | null {
  const status = toObject(value);
  const externalId = toId(status.id);
  const state = toText(status.status)?.trim().toLowerCase();
  if (!externalId || externalId.length > maxChars.externalId || !state) return null;
  const known = Object.hasOwn(states, state) ? states[state] : undefined;
  if (!known || toText(status.recipient_type) === 'group') return [];
  const errors = known === 'failed' ? readErrors(status.errors) : [];
  const data = parseCallbackData(toText(status.biz_opaque_callback_data));
  return [
    {
      kind: 'receipt',
      receipt: {
        ...(data ?? {}),
        externalId,
        state: known,
        ...(known === 'failed' ? { error: toReceiptError(errors[0]) } : {}),
        occurredAt: toTime(status.timestamp),
      },
    },
    ...errors.flatMap((error) => toErrorEvents(error, status)),
  ];
}

/** Converts an error without a message to an event: about the account, or none. */
export function toAccountEvents(error: GraphError): ChannelEvent[] {
  const rule = findErrorRule(error, null);
  if (rule?.kind !== 'account') return [];
  return [{ kind: 'connection', status: 'down', code: String(error.code), message: describeGraphError(error, rule.advice) }];
}

function toErrorEvents(
  error: GraphError,
  { recipient_id, recipient_user_id, timestamp }: Record<string, unknown>,
): ChannelEvent[] {
  const contact = toId(recipient_id) ?? toId(recipient_user_id);
  if (findErrorRule(error, null)?.kind !== 'opted_out' || !contact) return toAccountEvents(error);
  const optOut = {
    address: toContactAddress(contact),
    optedOut: true,
    category: 'marketing' as const,
    occurredAt: toTime(timestamp),
    reason: String(error.code),
  };
  return contact.length <= maxChars.address ? [{ kind: 'opt_out', optOut }] : [];
}

function toReceiptError(error: GraphError | undefined): { code: string; message: string } {
  if (!error) return { code: 'failed', message: 'WhatsApp reported that the message was not delivered, without a reason.' };
  const rule = findErrorRule(error, null);
  return {
    code: rule?.kind === 'window_closed' ? windowClosedCode : String(error.code),
    message: describeGraphError(error, rule?.advice ?? ''),
  };
}
