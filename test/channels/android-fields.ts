import type { ApiCall } from '../../src/sandbox/vendors/android-sms-gateway/api.ts';
import type { SignedWebhook } from '../../src/sandbox/vendors/android-sms-gateway.ts';

type Check = (value: unknown) => boolean;

const isText =
  (min: number, max: number): Check =>
  (value) =>
    typeof value === 'string' && value.length >= min && value.length <= max;
const isOneOf =
  (...values: readonly unknown[]): Check =>
  (value) =>
    values.includes(value);
const isTime: Check = (value) => typeof value === 'string' && !Number.isNaN(Date.parse(value));
const isNullOr =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);

const events = [
  ...['sms:received', 'sms:data-received', 'sms:sent', 'sms:delivered', 'sms:failed', 'sms:cancelled'],
  ...['mms:received', 'mms:downloaded', 'app:started', 'system:ping'],
];

/** Operations of the gateway's API that the channel uses, with the limits that its server checks. */
const operations: readonly {
  method: string;
  path: RegExp;
  query?: Readonly<Record<string, Check>>;
  required?: readonly string[];
  fields?: Readonly<Record<string, Check>>;
}[] = [
  {
    ...{ method: 'POST', path: /^\/messages$/, required: ['phoneNumbers', 'textMessage'] },
    query: { skipPhoneValidation: isOneOf('true', 'false') },
    fields: {
      id: isText(1, 36),
      deviceId: isText(1, 21),
      textMessage: (value) => isText(1, 65_535)((value as { text?: unknown }).text),
      phoneNumbers: (value) => Array.isArray(value) && value.length === 1 && value.every(isText(1, 128)),
      simNumber: isOneOf(1, 2, 3),
      withDeliveryReport: isOneOf(true, false),
    },
  },
  {
    ...{ method: 'GET', path: /^\/messages$/ },
    query: {
      state: isOneOf('Pending', 'Processed', 'Sent', 'Delivered', 'Failed'),
      deviceId: isText(21, 21),
      limit: (value) => Number(value) >= 1 && Number(value) <= 100,
      sort: isOneOf('created_at', '-created_at'),
    },
  },
  { method: 'GET', path: /^\/messages\/[^/]{1,36}$/ },
  { method: 'GET', path: /^\/devices$/ },
  { method: 'GET', path: /^\/webhooks$/ },
  { method: 'DELETE', path: /^\/webhooks\/[^/]{1,36}$/ },
  {
    ...{ method: 'POST', path: /^\/webhooks$/, required: ['url', 'event'] },
    fields: {
      id: isText(1, 36),
      url: (value) => isText(1, 256)(value) && URL.canParse(String(value)),
      event: isOneOf(...events),
      deviceId: isText(1, 21),
    },
  },
];

/** Checks a request against the table. @returns what is wrong with it */
export function checkCall(call: ApiCall): string[] {
  const name = `${call.method} ${call.path}`;
  const operation = operations.find((one) => one.method === call.method && one.path.test(call.path));
  if (!operation) return [`${name}: no such operation`];
  const body = (call.body ?? {}) as Record<string, unknown>;
  return [
    ...checkFields(`${name}?`, operation.query ?? {}, Object.fromEntries(call.query)),
    ...checkFields(`${name} `, operation.fields ?? {}, body),
    ...(operation.required ?? []).filter((field) => !(field in body)).map((field) => `${name}: ${field} is needed`),
    ...(call.method === 'POST' && call.contentType !== 'application/json' ? [`${name}: the type ${call.contentType}`] : []),
  ];
}

const parties = {
  messageId: isText(1, 100),
  sender: isNullOr(isText(1, 128)),
  recipient: isNullOr(isText(1, 128)),
  phoneNumber: isText(1, 128),
  simNumber: isNullOr(isOneOf(1, 2, 3)),
};

const payloads: Readonly<Record<string, Readonly<Record<string, Check>>>> = {
  'sms:received': { ...parties, message: isText(0, 65_535), receivedAt: isTime },
  'sms:sent': { ...parties, sentAt: isTime, partsCount: (value) => Number.isInteger(value) },
  'sms:delivered': { ...parties, deliveredAt: isTime },
  'sms:failed': { ...parties, failedAt: isTime, reason: isText(1, 256) },
  'sms:cancelled': { ...parties, cancelledAt: isTime },
  'mms:downloaded': {
    ...{ ...parties, receivedAt: isTime, attachments: Array.isArray },
    ...{ body: isNullOr(isText(0, 65_535)), subject: isNullOr(isText(0, 1_000)) },
  },
  'app:started': { simCards: Array.isArray },
};

/** Checks a webhook of the simulator against the table. @returns what is wrong with it */
export function checkWebhook({ headers, body }: SignedWebhook): string[] {
  const event = JSON.parse(body);
  const fields = payloads[event.event];
  const envelope = {
    ...{ id: isText(1, 36), webhookId: isText(1, 36), deviceId: isText(1, 21), event: isOneOf(...events) },
    payload: (value: unknown) => typeof value === 'object',
  };
  return [
    ...['x-signature', 'x-timestamp'].filter((header) => !headers[header]),
    ...checkFields('', envelope, event),
    ...(fields ? checkFields(`${event.event} `, fields, event.payload) : [`${event.event}: has no table`]),
    ...Object.keys(fields ?? {})
      .filter((field) => !(field in event.payload))
      .map((field) => `${event.event}: ${field} is needed`),
  ];
}

function checkFields(name: string, fields: Readonly<Record<string, Check>>, value: Record<string, unknown>): string[] {
  return Object.entries(value).flatMap(([field, one]) => {
    const check = fields[field];
    if (!check) return [`${name}${field}: is not known`];
    return check(one) ? [] : [`${name}${field}: ${JSON.stringify(one)}`];
  });
}
