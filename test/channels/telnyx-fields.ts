import type { ApiCall } from '../../src/sandbox/vendors/telnyx/api.ts';
import type { SignedWebhook } from '../../src/sandbox/vendors/telnyx.ts';

/** Rule of one field: its type, and what limits it. */
interface Field {
  readonly type: 'string' | 'list' | 'boolean' | 'object' | 'number';
  readonly isRequired?: true;
  readonly isNullable?: true;
  readonly form?: RegExp;
  readonly values?: readonly string[];
  readonly maxItems?: number;
  readonly maxChars?: number;
}

type Fields = Readonly<Record<string, Field>>;

const text: Field = { type: 'string' };
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const e164 = /^\+[1-9]\d{6,14}$/;
const url: Field = { type: 'string', form: /^https?:\/\//, maxChars: 2000 };
const time: Field = { type: 'string', form: /^\d{4}-\d\d-\d\dT/, isNullable: true };
const id: Field = { type: 'string', form: uuid, isRequired: true };

/** Operations of Telnyx's API v2 that the channel uses, as a table of facts: Telnyx's own description has no licence. */
const operations: readonly { method: string; path: RegExp; query: readonly string[]; body?: Fields }[] = [
  { method: 'GET', path: /^\/v2\/balance$/, query: [] },
  {
    ...{ method: 'POST', path: /^\/v2\/messages$/, query: [] },
    body: {
      to: { type: 'string', isRequired: true, form: e164 },
      from: text,
      messaging_profile_id: { type: 'string', form: uuid },
      ...{ text, subject: text, webhook_url: url, webhook_failover_url: url },
      media_urls: { type: 'list', maxItems: 10 },
      ...{ use_profile_webhooks: { type: 'boolean' }, auto_detect: { type: 'boolean' }, send_at: time },
      type: { type: 'string', values: ['SMS', 'MMS'] },
      encoding: { type: 'string', values: ['auto', 'gsm7', 'ucs2'] },
    },
  },
  { method: 'GET', path: /^\/v2\/messages\/[0-9a-f-]{36}$/, query: [] },
  {
    ...{ method: 'GET', path: /^\/v2\/phone_numbers\/messaging$/ },
    query: ['page[number]', 'page[size]', 'filter[messaging_profile_id]', 'filter[phone_number]'],
  },
  { method: 'GET', path: /^\/v2\/messaging_profiles\/[0-9a-f-]{36}$/, query: [] },
  {
    ...{ method: 'PATCH', path: /^\/v2\/messaging_profiles\/[0-9a-f-]{36}$/, query: [] },
    body: {
      webhook_url: { ...url, isNullable: true },
      webhook_failover_url: { ...url, isNullable: true },
      webhook_api_version: { type: 'string', values: ['1', '2', '2010-04-01'] },
    },
  },
  {
    ...{ method: 'GET', path: /^\/v2\/detail_records$/ },
    query: [
      ...['page[number]', 'page[size]', 'sort', 'filter[record_type]'],
      ...['filter[created_at][gte]', 'filter[cld][contains]'],
    ],
  },
];

/** Largest page of each list. */
const maxPageSizes: readonly [RegExp, number][] = [
  [/detail_records/, 50],
  [/phone_numbers/, 250],
];

/** Checks a request against the table. @returns what is wrong with it */
export function checkCall(call: ApiCall): string[] {
  const name = `${call.method} ${call.path}`;
  const operation = operations.find((one) => one.method === call.method && one.path.test(call.path));
  if (!operation) return [`${name}: no such operation`];
  const problems = [...call.query.keys()]
    .filter((parameter) => !operation.query.includes(parameter))
    .map((parameter) => `${name}: unknown parameter ${parameter}`);
  const maxSize = maxPageSizes.find(([path]) => path.test(call.path))?.[1] ?? Number.POSITIVE_INFINITY;
  if (Number(call.query.get('page[size]') ?? 1) > maxSize) problems.push(`${name}: the page is too large`);
  if (call.method === 'GET') return problems;
  if (call.contentType !== 'application/json') problems.push(`${name}: the type ${call.contentType}`);
  return [...problems, ...checkFields(name, operation.body ?? {}, call.body)];
}

const party: Fields = { phone_number: { type: 'string', isRequired: true }, carrier: text, line_type: text };
const statuses = [
  ...['queued', 'sending', 'sent', 'expired', 'sending_failed', 'delivery_unconfirmed', 'delivered', 'delivery_failed'],
  'webhook_delivered',
];
const recipient: Fields = { ...party, status: { type: 'string', values: statuses } };

const payload: Fields = {
  id,
  record_type: { type: 'string', values: ['message'], isRequired: true },
  direction: { type: 'string', values: ['inbound', 'outbound'], isRequired: true },
  type: { type: 'string', values: ['SMS', 'MMS'], isRequired: true },
  from: { type: 'object', isRequired: true },
  to: { type: 'list', isRequired: true },
  ...{ cc: { type: 'list' }, media: { type: 'list' }, errors: { type: 'list' }, tags: { type: 'list' } },
  ...{ text, encoding: text, messaging_profile_id: text, organization_id: text },
  subject: { type: 'string', isNullable: true },
  parts: { type: 'number' },
  cost: { type: 'object', isNullable: true },
  ...{ received_at: time, sent_at: time, completed_at: time, valid_until: time },
  webhook_url: { type: 'string', isNullable: true },
  webhook_failover_url: { type: 'string', isNullable: true },
  // In live webhooks only.
  autoresponse_type: { type: 'string', values: ['STOP', 'START', 'HELP'], isNullable: true },
  is_spam: { type: 'boolean' },
};

const event: Fields = {
  id,
  record_type: { type: 'string', values: ['event'], isRequired: true },
  event_type: { type: 'string', values: ['message.received', 'message.sent', 'message.finalized'], isRequired: true },
  occurred_at: { ...time, isRequired: true },
  payload: { type: 'object', isRequired: true },
};

/** Checks a webhook of the simulator against the table. @returns what is wrong with it */
export function checkWebhook({ headers, body }: Pick<SignedWebhook, 'headers' | 'body'>): string[] {
  const { data, meta } = JSON.parse(body);
  const problems = ['telnyx-signature-ed25519', 'telnyx-timestamp'].filter((header) => !headers[header]);
  const parts: [string, Fields, unknown][] = [
    ['data', event, data],
    ['data.payload', payload, data.payload],
    ['data.payload.from', party, data.payload.from],
    ...data.payload.to.map((one: unknown) => ['data.payload.to', recipient, one]),
    ...data.payload.errors.map((one: unknown) => [
      'data.payload.errors',
      { code: { type: 'string', isRequired: true }, title: text, detail: text } satisfies Fields,
      one,
    ]),
    ['meta', { attempt: { type: 'number', isRequired: true }, delivered_to: { type: 'string', isRequired: true } }, meta],
  ];
  return [...problems, ...parts.flatMap(([name, fields, value]) => checkFields(name, fields, value))];
}

function checkFields(name: string, fields: Fields, value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [`${name}: is no object`];
  const given = Object.entries(value);
  return [
    ...given.flatMap(([field, one]) => {
      const rule = fields[field];
      return rule ? checkField(`${name}.${field}`, rule, one) : [`${name}: unknown field ${field}`];
    }),
    ...Object.entries(fields).flatMap(([field, rule]) =>
      rule.isRequired && !(field in value) ? [`${name}.${field}: is needed`] : [],
    ),
  ];
}

function checkField(name: string, rule: Field, value: unknown): string[] {
  if (value === null) return rule.isNullable ? [] : [`${name}: is null`];
  const type = Array.isArray(value) ? 'list' : typeof value;
  if (type !== rule.type) return [`${name}: is ${type}, not ${rule.type}`];
  if (Array.isArray(value) && value.length > (rule.maxItems ?? Number.POSITIVE_INFINITY)) return [`${name}: too many`];
  if (typeof value !== 'string') return [];
  if (value.length > (rule.maxChars ?? Number.POSITIVE_INFINITY)) return [`${name}: too long`];
  const fits = (rule.form?.test(value) ?? true) && (rule.values?.includes(value) ?? true);
  return fits ? [] : [`${name}: ${value}`];
}
