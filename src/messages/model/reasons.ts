import type { Reason } from '../outbound/next-step.ts';

/** Why a message fails or waits for a reason of ours, in words for the staff who sent it. The far side's reasons are its own words. */
export const reasons = {
  no_channel: 'No channel is connected for this provider in this location. Connect one, then send the message again.',
  channel_unavailable:
    'The connected channel is not available in this installation. Connect another, then send the message again.',
  provider_removed: 'The operator has removed this provider from the app.',
  no_address: 'The contact has neither a phone number nor an email address that this message could go to.',
  no_phone: 'The contact has no phone number. Add one in the CRM, then send the message again.',
  no_email: 'The contact has no email address. Add one in the CRM, then send the message again.',
  contact_deleted: 'The contact was deleted in the CRM, so it is not known where this message should go.',
  address_refused: 'The CRM refused to say the contact’s phone number or email address.',
  address_lookup_failed: 'The CRM failed each time it was asked for the contact’s phone number or email address.',
  email_unsupported: 'The connected channel does not carry email.',
  attachments_unsupported: 'The connected channel does not carry attachments.',
  attachments_unreadable:
    'An attachment of this message has no address that can be read, so it was not sent. Send it again without, or attach the file anew.',
  too_large: 'The message is too large to be sent: it has more than 10 MB. Leave out inline pictures, or send a link.',
  content_unreadable:
    'A part of this message, or one of its recipients, can’t be read, so it was not sent. Please write it again.',
  empty_message: 'The message has neither text nor attachments.',
  interrupted: 'The program stopped while it was sending this message, so it is not known whether it was sent.',
  uninstalled: 'The app was uninstalled before this message could be sent.',
  not_installed: 'The app is not installed in this location, so the message could not be sent.',
  awaiting_receipt: 'The far side has accepted the message and has not said yet that it was delivered.',
  inbound_in_progress: 'An answer of this contact is just being posted; this message follows at once.',
  contact_not_named: 'The message was sent elsewhere, and the channel did not say to whom.',
  unstorable_response: 'The other side answered with something that could not be kept.',
  outside_window: 'The channel sends only within its hours; this message is outside of them.',
  daily_cap: 'The channel has sent as many messages as it may today.',
  unknown_to_highlevel: 'The CRM does not know this message as one of this app, so its status could not be reported.',
} as const satisfies Record<string, string>;

export type ReasonCode = keyof typeof reasons;

export function getReason(code: ReasonCode): Reason {
  return { code, message: reasons[code] };
}

/** Whether a reason is ours (`app`) or the far side's (`provider`): HighLevel asks for a type with every failure. */
export function getReasonType(code: string): 'app' | 'provider' {
  return code in reasons ? 'app' : 'provider';
}
