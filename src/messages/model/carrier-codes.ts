import { type ReasonCode, reasons } from './reasons.ts';

/**
 * Codes that HighLevel's workflow trigger “Messaging Error - SMS” filters on (platform-2026-11.md 3.1). They are Twilio's; each with its
 * meaning in Twilio's error dictionary. Whether a report of ours starts that trigger is not documented; a code of the vendor's own would
 * certainly not.
 */
export const knownCarrierCodes = {
  21211: 'The recipient’s number is not valid.',
  21408: 'The account may not send to this region.',
  21606: 'The sender cannot send to this recipient.',
  21610: 'The recipient has unsubscribed.',
  21614: 'The recipient’s number is not a mobile number.',
  21635: 'The recipient’s number is a landline.',
  21661: 'The sender is not an SMS number.',
  30002: 'The account is suspended.',
  30003: 'The phone is unreachable.',
  30004: 'The recipient or the carrier blocks the message.',
  30005: 'The recipient’s number is unknown.',
  30006: 'A landline, or an unreachable carrier.',
  30007: 'The carrier filtered the message.',
  30008: 'Unknown error.',
  30011: 'The recipient cannot receive pictures.',
  30023: 'The daily limit of the 10DLC campaign is reached.',
  30032: 'The toll-free number is not verified.',
  30033: 'The 10DLC campaign is suspended.',
  30034: 'The sender is not registered for 10DLC.',
  30037: 'The number is not enabled for this kind of message.',
} as const;

export type CarrierCode = keyof typeof knownCarrierCodes;

/** Reasons of our own with the meaning of a carrier's code. */
const ownCodes: Partial<Record<ReasonCode, CarrierCode>> = { opted_out: 21610 };

/**
 * Codes of vendors with the meaning of a carrier's code, by channel type. Only equal meanings: agencies delete contacts by these codes.
 * Twilio's codes are carriers' codes, and a gateway may send them.
 */
const vendorCodes: Readonly<Record<string, Readonly<Record<string, CarrierCode>>>> = {
  // Telnyx, “Error codes” (developers.telnyx.com/docs/messaging/messages/error-codes). Left out: 40300 and 40008, which stand for several
  // causes, and codes of accounts and limits, which fail no message here.
  telnyx: {
    10002: 21211,
    10016: 21211,
    40012: 21211,
    40310: 21211,
    40001: 30006,
    40002: 30007,
    40003: 30007,
    40010: 30034,
    40309: 21408,
    40329: 30032,
  },
};

/** Converts the code of a failed text message to the carrier's code of the same meaning, where there is one. */
export function toCarrierCode(channelType: string | null, code: string): string {
  const own = Object.hasOwn(ownCodes, code) ? ownCodes[code as ReasonCode] : undefined;
  const table = channelType !== null && Object.hasOwn(vendorCodes, channelType) ? vendorCodes[channelType] : undefined;
  const vendor = table && Object.hasOwn(table, code) ? table[code] : undefined;
  return String(own ?? vendor ?? code);
}

/** Classes of reasons that the trigger “Message failed” filters on. */
export const reasonClasses = {
  opted_out: 'The contact has opted out or blocked the sender',
  recipient: 'The number or address is missing, wrong or unknown',
  unreachable: 'The phone or the contact cannot be reached at present',
  filtered: 'The carrier or the vendor filtered the message',
  sender: 'The sender or the account may not send this',
  content: 'The content or an attachment is not accepted',
  setup: 'No channel is connected, or the app is not installed',
  other: 'Any other reason',
} as const;

export type ReasonClass = keyof typeof reasonClasses;

const classesOfCodes: Readonly<Record<ReasonClass, readonly (string | number)[]>> = {
  // Twilio 63014, 63033; Meta 131050; Telegram “blocked”.
  opted_out: ['opted_out', 21610, 63014, 63033, 131050, 'blocked'],
  recipient: [
    ...['no_address', 'no_phone', 'no_email', 'no_chat', 'contact_deleted', 'address_refused', 'address_lookup_failed'],
    ...[21211, 21214, 21217, 21604, 21614, 21635, 30005, 30006, 63003, 63024, 131021],
  ],
  unreachable: [30003, 30008, 30036, 40005, 40008, 131026, 'deactivated'],
  filtered: [30004, 30007, 30450, 63026, 63032, 131049, 40300],
  sender: [
    21408, 21606, 21607, 21608, 21612, 21661, 21703, 30002, 30018, 30023, 30024, 30032, 30033, 30034, 30035, 30037, 130497,
  ],
  content: [
    ...[
      'email_unsupported',
      'attachments_unsupported',
      'attachments_unreadable',
      'content_unreadable',
      'too_large',
      'empty_message',
    ],
    ...[21602, 21617, 21619, 21620, 21623, 30011, 30019, 63005, 63013, 63016, 63019, 63021, 131047, 131051, 131053],
  ],
  setup: ['no_channel', 'channel_unavailable', 'provider_removed', 'not_installed', 'uninstalled'],
  other: [],
};

const classByCode = new Map(
  Object.entries(classesOfCodes).flatMap(([name, codes]) => codes.map((code) => [String(code), name as ReasonClass] as const)),
);

/** Returns the class of the reason for which a message failed. */
export function toReasonClass(channelType: string | null, code: string): ReasonClass {
  const known = classByCode.get(toCarrierCode(channelType, code)) ?? classByCode.get(code) ?? 'other';
  // Vendors' words may equal words of ours: only our own reasons speak of the set-up.
  return known === 'setup' && !(code in reasons) ? 'other' : known;
}
