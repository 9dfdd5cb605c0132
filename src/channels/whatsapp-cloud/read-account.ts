import { toList, toObject, toText } from '../../core/foreign.ts';
import type { ChannelEvent } from '../channel.ts';

/** Events after which Meta serves the account no more. */
const downEvents: Readonly<Record<string, string>> = {
  ACCOUNT_DELETED: 'The WhatsApp account was deleted at Meta.',
  PARTNER_REMOVED: 'The WhatsApp account is no longer shared with this app.',
};

/** Reads a change of the account: only one that stops sending, or allows it again, is an event. */
export function readAccountUpdate(value: Readonly<Record<string, unknown>>): ChannelEvent[] {
  const event = toText(value.event)?.trim().toUpperCase() ?? '';
  const code = event.toLowerCase();
  const downMessage = Object.hasOwn(downEvents, event) ? downEvents[event] : undefined;
  if (downMessage) return [{ kind: 'connection', status: 'down', code, message: downMessage }];
  if (event === 'DISABLED_UPDATE') return readBan(code, toText(toObject(value.ban_info).waba_ban_state)?.toUpperCase());
  if (event === 'ACCOUNT_RESTRICTION' && isForbiddenToReply(value.restriction_info)) {
    const message = 'Meta does not let the account send messages for the moment. See Business Support Home.';
    return [{ kind: 'connection', status: 'down', code, message }];
  }
  return [];
}

function readBan(code: string, state: string | undefined): ChannelEvent[] {
  if (state === 'REINSTATE') return [{ kind: 'connection', status: 'up' }];
  // A ban that is announced still lets messages through.
  if (state !== 'DISABLE') return [];
  return [{ kind: 'connection', status: 'down', code, message: 'Meta has disabled the account. See Business Support Home.' }];
}

/** Returns whether replies too are restricted; a restriction to replies leaves them. */
function isForbiddenToReply(value: unknown): boolean {
  return toList(value)
    .map((row) => toText(toObject(row).restriction_type)?.toUpperCase())
    .some((type) => type?.includes('CUSTOMER_INITIATED_MESSAGING') ?? false);
}
