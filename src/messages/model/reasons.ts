/** The reason for which a message failed or waits: a code for programs, a sentence for people. */
export interface Reason {
  code: string;
  message: string;
}

/** Texts of our own reasons, for the user who sent the message. A vendor's reasons are passed on as they are. */
export const reasons = {
  no_channel: 'No channel is connected for this provider in this location. Connect one, then send the message again.',
  channel_unavailable:
    'The connected channel is not available in this installation. Connect another, then send the message again.',
  provider_removed: 'The operator has removed this provider from the app.',
  no_address: 'The contact has no phone number or email address for this message.',
  no_phone: 'The contact has no phone number. Add one in the CRM, then send the message again.',
  no_email: 'The contact has no email address. Add one in the CRM, then send the message again.',
  no_chat:
    'The contact has no chat with this channel yet. Only the contact can start one, with a link that is made for the contact.',
  vendor_limit: 'The channel’s vendor limits the number of messages. They are sent after the time that it names.',
  contact_deleted: 'The contact was deleted in the CRM, so this message has no recipient.',
  address_refused: 'The CRM refused to provide the contact’s phone number or email address.',
  address_lookup_failed: 'Every request to the CRM for the contact’s phone number or email address failed.',
  email_unsupported: 'The connected channel does not support email.',
  attachments_unsupported: 'The connected channel does not support attachments.',
  attachments_unreadable:
    'An attachment has no readable address, so the message was not sent. Send it again without the attachment, or attach the file again.',
  too_large:
    'The message is larger than 10 MB, or the CRM has cut it off as too large. Remove inline pictures, or send a link.',
  content_unreadable: 'Part of this message or one of its recipients is unreadable, so it was not sent. Please write it again.',
  empty_message: 'The message has no text and no attachments.',
  interrupted: 'The app stopped while sending this message, so its delivery is unknown.',
  restored:
    'The database was restored from a backup, so it is unknown whether this message was sent after the backup was made.',
  contact_erased: 'The contact’s data was erased before this message could be sent.',
  uninstalled: 'The app was uninstalled before this message could be sent.',
  not_installed: 'The app is not installed in this location, so the message could not be sent.',
  opted_out:
    'The contact has opted out of messages, so this one was not sent. If the contact wants messages again, lift the opt-out and send it again.',
  confirming_send: 'The channel did not respond. The app is finding out whether the message was sent.',
  connection_held:
    'The channel is on hold because its account or credentials are refused. The message is sent once that is repaired.',
  awaiting_receipt: 'The channel accepted the message and has not confirmed its delivery yet.',
  inbound_in_progress: 'A reply from this contact is being posted; this message follows it.',
  contact_not_named: 'The message was sent outside the app, and the channel did not name its recipient.',
  unstorable_response: 'The channel’s response could not be stored.',
  outside_window: 'This message is outside the channel’s sending hours.',
  quiet_hours: 'These are quiet hours in the country of the contact’s number: night, or a day without messages.',
  daily_cap: 'The channel’s daily limit has been reached.',
  no_funds: 'The wallet of this location has not enough funds for the message. Add funds in the CRM, then send it again.',
  charge_refused: 'The CRM refused to charge this message, so it was not sent.',
  charging: 'The app is finding out whether this message was charged. It is sent afterwards.',
  sender_unavailable:
    'The connection or sender that was chosen for this message can’t send now, and the routing rules let such messages fail.',
  sender_paused: 'The sender that was chosen for this message is paused.',
  connection_paused: 'A person has paused this connection. Its messages are sent once it is resumed.',
  unknown_to_highlevel: 'The CRM does not recognize this message as one of this app’s, so its status could not be reported.',
} as const satisfies Record<string, string>;

export type ReasonCode = keyof typeof reasons;

export function getReason(code: ReasonCode): Reason {
  return { code, message: reasons[code] };
}

/** Returns the type that HighLevel requires with every failure: `app` for our own reason, `provider` for the vendor's. */
export function getReasonType(code: string): 'app' | 'provider' {
  return code in reasons ? 'app' : 'provider';
}
