import { reasonClasses } from '../messages/model/carrier-codes.ts';
import type { TriggerKind } from '../outbox/trigger-kinds.ts';

/*
 * What our workflow actions and triggers consist of. The requests are read by these names, and the files in marketplace/ are made of them.
 * Names, keys and ids of branches are part of workflows that agencies have saved: they never change.
 */

/** A choice of a select field. */
export interface Option {
  readonly label: string;
  readonly value: string;
}

/** A field of an action's form, in HighLevel's terms (platform-2026-11.md 3.2). */
export interface Field {
  readonly field: string;
  readonly title: string;
  readonly fieldType: 'string' | 'textarea' | 'numerical' | 'select';
  readonly required: boolean;
  readonly helpText?: string;
  /** The default. */
  readonly value?: string;
  readonly options?: readonly Option[];
  /** A change of this field loads the dynamic fields again. */
  readonly altersDynamicField?: boolean;
}

export interface Branch {
  readonly id: string;
  readonly branchName: string;
  readonly conditionType: 'default' | 'user-defined';
}

export interface Action {
  readonly name: string;
  readonly description: string;
  readonly summary: string;
  readonly fields: readonly Field[];
  /** The form has further fields, which depend on the location. */
  readonly hasDynamicFields: boolean;
  /** The workflow waits until it is resumed. */
  readonly pauses: boolean;
  readonly branches: readonly Branch[];
  /** A response, by which HighLevel knows the values that later steps can use. */
  readonly sample: Readonly<Record<string, string | boolean>>;
}

/** Results that a paused workflow waits for. */
export const waitConditions = ['accepted', 'delivered', 'reply'] as const;

export type WaitCondition = (typeof waitConditions)[number];

/** Branches of “Send message”, by outcome. */
export const sendBranches = {
  delivered: '6f1d1c1e-2f0b-4d0e-9a53-0c3a5f1b7a01',
  failed: '6f1d1c1e-2f0b-4d0e-9a53-0c3a5f1b7a02',
  opted_out: '6f1d1c1e-2f0b-4d0e-9a53-0c3a5f1b7a03',
  timed_out: '6f1d1c1e-2f0b-4d0e-9a53-0c3a5f1b7a04',
} as const;

export type SendOutcomeBranch = keyof typeof sendBranches;

/** Branches of “Check opt-out”. */
export const optOutBranches = {
  opted_out: 'b2a7c9d4-61f3-4d57-8f1c-5e0d9c2e4b01',
  not_opted_out: 'b2a7c9d4-61f3-4d57-8f1c-5e0d9c2e4b02',
} as const;

export const defaultLimitMinutes = 60;
/** Thirty days. */
export const maxLimitMinutes = 43_200;

const addressField: Field = {
  field: 'address',
  title: 'Phone number or email address',
  fieldType: 'string',
  required: false,
  helpText: 'Usually the custom value {{contact.phone}} or {{contact.email}}. Empty: the addresses known of the contact.',
};

export const actions = {
  send_message: {
    name: 'Send message',
    description: 'Sends a message over a connected channel and waits for its result.',
    summary:
      'Sends through one of the connected channels. The workflow continues as Delivered, Failed, Opted out or Timed out.',
    fields: [
      {
        field: 'message',
        title: 'Message',
        fieldType: 'textarea',
        required: false,
        helpText: 'With a template: the values of its parameters, separated by |.',
      },
      { field: 'subject', title: 'Subject', fieldType: 'string', required: false, helpText: 'For email.' },
      {
        field: 'attachments',
        title: 'Attachments',
        fieldType: 'string',
        required: false,
        helpText: 'Web addresses of files, separated by commas.',
      },
      {
        field: 'wait_for',
        title: 'Wait for',
        fieldType: 'select',
        required: false,
        value: 'delivered',
        options: [
          { label: 'The channel has accepted it', value: 'accepted' },
          { label: 'It was delivered', value: 'delivered' },
          { label: 'The contact has replied', value: 'reply' },
        ],
      },
      {
        field: 'limit_minutes',
        title: 'Wait at most, in minutes',
        fieldType: 'numerical',
        required: false,
        value: String(defaultLimitMinutes),
        helpText: `Up to ${maxLimitMinutes} (30 days). Afterwards the workflow continues as Timed out.`,
      },
      {
        field: 'request_id',
        title: 'Request id',
        fieldType: 'string',
        required: false,
        helpText: 'A message with the same request id is sent once per location, such as {{contact.id}}-welcome.',
      },
    ],
    hasDynamicFields: true,
    pauses: true,
    branches: [
      { id: sendBranches.delivered, branchName: 'Delivered', conditionType: 'user-defined' },
      { id: sendBranches.failed, branchName: 'Failed', conditionType: 'user-defined' },
      { id: sendBranches.opted_out, branchName: 'Opted out', conditionType: 'user-defined' },
      { id: sendBranches.timed_out, branchName: 'Timed out', conditionType: 'default' },
    ],
    sample: {
      outcome: 'delivered',
      sendId: '0199d0c4-8f2e-7000-8000-000000000001',
      messageId: 't22c6DQcTDf3MjRhwf77',
      reasonCode: '30003',
      reasonClass: 'unreachable',
      reason: 'The phone is switched off or cannot be reached.',
      reply: 'Yes, please',
    },
  },
  check_opt_out: {
    name: 'Check opt-out',
    description: 'Checks whether a number or address has opted out of messages.',
    summary: 'Continues as Opted out or Not opted out. Nothing is sent.',
    fields: [addressField],
    hasDynamicFields: false,
    pauses: false,
    branches: [
      { id: optOutBranches.opted_out, branchName: 'Opted out', conditionType: 'user-defined' },
      { id: optOutBranches.not_opted_out, branchName: 'Not opted out', conditionType: 'default' },
    ],
    sample: { optedOut: true, category: 'all', address: '+12025550143', branchId: optOutBranches.opted_out },
  },
  set_opt_out: {
    name: 'Set opt-out',
    description: 'Records that a number or address has opted out, or lifts its opt-out.',
    summary:
      'Opted-out numbers and addresses get no messages over the connected channels. Lift an opt-out only when the contact asks.',
    fields: [
      addressField,
      {
        field: 'change',
        title: 'Change',
        fieldType: 'select',
        required: true,
        value: 'opt_out',
        options: [
          { label: 'Opt out', value: 'opt_out' },
          { label: 'Lift the opt-out', value: 'opt_in' },
        ],
      },
      { field: 'reason', title: 'Reason', fieldType: 'string', required: false },
    ],
    hasDynamicFields: false,
    pauses: false,
    branches: [],
    sample: { optedOut: true, changed: true, address: '+12025550143' },
  },
} as const satisfies Record<string, Action>;

export type ActionKey = keyof typeof actions;

/** Returns the key of an action; null for one that is none of ours. */
export function findActionKey(key: string): ActionKey | null {
  return Object.hasOwn(actions, key) ? (key as ActionKey) : null;
}

/** A condition that a workflow sets on a trigger. */
export interface Filter {
  readonly field: string;
  readonly title: string;
  readonly fieldType: 'string' | 'select';
  readonly options?: readonly Option[];
}

export interface Trigger {
  readonly name: string;
  readonly description: string;
  readonly filters: readonly Filter[];
  /** What starts the workflow: every field that a filter or a later step can use. */
  readonly sample: Readonly<Record<string, string>>;
}

const providerFilter: Filter = { field: 'provider', title: 'Provider key', fieldType: 'string' };
const senderFilter: Filter = { field: 'sender', title: 'Sender', fieldType: 'string' };
const reasonFilter: Filter = {
  field: 'reasonClass',
  title: 'Reason',
  fieldType: 'select',
  options: Object.entries(reasonClasses).map(([value, label]) => ({ label, value })),
};

const common = { event: '', eventId: '0199d0c4-8f2e-7000-8000-000000000002', occurredAt: '2026-11-27T09:00:00.000Z' };
const contact = { contactId: 'GKBhT6BfwY9mjzXAU3sq' };
const channel = { provider: 'sms', channel: 'twilio', sender: '+12025550100' };
const message = { messageId: 't22c6DQcTDf3MjRhwf77', conversationId: 'ABC12h2F6uBrIkfXYazb', address: '+12025550143' };
const failure = {
  reasonCode: '30003',
  reasonClass: 'unreachable',
  reason: 'The phone is switched off or cannot be reached.',
};

export const triggers: Readonly<Record<TriggerKind, Trigger>> = {
  message_failed: {
    name: 'Message failed',
    description: 'Starts when a message of a connected channel has failed.',
    filters: [providerFilter, senderFilter, reasonFilter],
    sample: { ...common, event: 'message_failed', ...contact, ...channel, ...message, ...failure },
  },
  message_delivered: {
    name: 'Message delivered',
    description: 'Starts when a message of a connected channel was delivered.',
    filters: [providerFilter, senderFilter],
    sample: { ...common, event: 'message_delivered', ...contact, ...channel, ...message },
  },
  reply_received: {
    name: 'Reply received',
    description: 'Starts when a contact has written over a connected channel.',
    filters: [providerFilter, senderFilter],
    sample: { ...common, event: 'reply_received', ...contact, ...channel, ...message, text: 'Yes, please' },
  },
  opted_out: {
    name: 'Opted out',
    description: 'Starts when a number or address has opted out of messages.',
    filters: [providerFilter],
    sample: {
      ...common,
      event: 'opted_out',
      ...contact,
      provider: 'sms',
      address: '+12025550143',
      source: 'contact',
      reason: 'STOP',
    },
  },
  channel_held: {
    name: 'Channel held',
    description: 'Starts when a channel is held because its vendor refuses the account. There is no contact.',
    filters: [providerFilter, senderFilter],
    sample: { ...common, event: 'channel_held', ...channel, reasonCode: '20003', reason: 'The credentials are not accepted.' },
  },
};
